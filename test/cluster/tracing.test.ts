import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, headers } from '@nats-io/transport-node'
import { patientMs } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** The way of a message as spans, from a backend over two nodes, as a collector of OTLP gets them. */

interface SpanOfOtlp {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly node: string
}

const BACKEND_SPAN = '00f067aa0ba902b7'
const VARIABLES = { OTEL_BSP_SCHEDULE_DELAY: '20', OTEL_SERVICE_NAME: 'gateway of the test' }

let collector: Server
let cluster: StartedCluster
let one: StartedNode
let two: StartedNode
let client: RawClient
const spans: SpanOfOtlp[] = []
const services = new Set<string>()

beforeAll(async () => {
  collector = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += part.toString()))
    request.on('end', () => {
      take(JSON.parse(text))
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  Object.assign(process.env, VARIABLES, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
  cluster = await startCluster(2, {
    namespaces: { jobs: { delivery: 'durable' }, ask: { clientPublish: 'forward' } },
  })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
  ;({ client } = await RawClient.connect(`ws://127.0.0.1:${two.port}/v1/ws`, {
    token: await two.token('ann'),
  }))
  for (const channel of ['news', 'jobs:1']) await client.request({ type: 'subscribe', ref: 1, channel })
})
afterAll(async () => {
  client.cut()
  await cluster.close()
  for (const name of [...Object.keys(VARIABLES), 'OTEL_EXPORTER_OTLP_ENDPOINT']) delete process.env[name]
  await new Promise((resolve) => collector.close(resolve))
})

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}

function take(body: {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly SpanOfOtlp[] }[]
  }[]
}): void {
  for (const { resource, scopeSpans } of body.resourceSpans) {
    const said = (name: string): string =>
      resource.attributes.find(({ key }) => key === name)?.value.stringValue ?? ''
    services.add(said('service.name'))
    for (const { spans: some } of scopeSpans)
      spans.push(...some.map((span) => ({ ...span, node: said('service.instance.id') })))
  }
}

/** `name at which node, within what`, of one trace, once there are so many. */
async function wayOf(traceId: string, count: number): Promise<string[]> {
  const mine = (): SpanOfOtlp[] => spans.filter((span) => span.traceId === traceId)
  await expect.poll(() => mine().length).toBe(count)
  const names = new Map([
    [BACKEND_SPAN, 'the backend'],
    ...mine().map(({ spanId, name }) => [spanId, name] as const),
  ])
  return mine()
    .map(({ name, node, parentSpanId = '' }) => {
      const where = node === one.id ? 'one' : 'two'
      return `${name} at ${where}, within ${names.get(parentSpanId)}`
    })
    .sort()
}

function publish(body: object, traceparent: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${one.apiPort}/v1/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${one.apiKey}`, traceparent },
    body: JSON.stringify(body),
  })
}

describe('the way of a message', () => {
  it.each([
    ['over the channel of a log', { channel: 'news' }, 'a1'],
    ['over a durable channel, whose copy comes from its stream', { channel: 'jobs:1' }, 'a2'],
    ['to an inbox', { user: 'ann' }, 'a3'],
  ])('is told from the backend to the sockets of another node: %s', async (_how, target, digits) => {
    const traceId = digits.repeat(16)
    const answer = await publish({ ...target, data: digits }, `00-${traceId}-${BACKEND_SPAN}-01`)
    expect(answer.status).toBe(200)
    const message = await client.next('message')
    expect(message).toMatchObject({ data: digits })
    // It is no business of clients.
    expect(JSON.stringify(message)).not.toContain(traceId)
    const durable = 'channel' in target && target.channel === 'jobs:1'
    const steps = [
      'sluice append at one, within sluice publish',
      'sluice deliver at two, within sluice publish',
      'sluice publish at one, within the backend',
      ...(durable ? [] : ['sluice send at one, within sluice publish']),
    ]
    expect(await wayOf(traceId, steps.length)).toEqual(steps.sort())
    expect(services).toEqual(new Set(['gateway of the test']))
  })

  it('is told of what comes over NATS', async () => {
    const traceId = 'b1'.repeat(16)
    const connection = await connect({ servers: cluster.nats.url })
    const given = headers()
    given.set('traceparent', `00-${traceId}-${BACKEND_SPAN}-01`)
    await connection.request('sluice.publish.news', '"over NATS"', {
      timeout: patientMs(10_000),
      headers: given,
    })
    await connection.close()
    expect((await wayOf(traceId, 4)).map((step) => step.split(' ')[1])).toEqual([
      'append',
      'deliver',
      'publish',
      'send',
    ])
  })

  it('goes on at the backend that a publish of a client is forwarded to', async () => {
    const connection = await connect({ servers: cluster.nats.url })
    const asked = connection.subscribe('sluice.inbound.ask:1')
    await connection.flush()
    const answered = client.request({ type: 'publish', ref: 9, channel: 'ask:1', data: 1 })
    for await (const message of asked) {
      const [, traceId = '', spanId = ''] = message.headers?.get('traceparent').split('-') ?? []
      message.respond('{}')
      await expect
        .poll(() => spans.filter((span) => span.traceId === traceId))
        .toMatchObject([{ name: 'sluice forward', spanId, node: two.id }])
      break
    }
    expect(await answered).toMatchObject({ type: 'published' })
    await connection.close()
  })

  it('names its latest trace beside the latencies that Prometheus reads', async () => {
    const traceId = 'd1'.repeat(16)
    await publish({ channel: 'news', data: 'exemplar' }, `00-${traceId}-${BACKEND_SPAN}-01`)
    expect(await client.next('message')).toMatchObject({ data: 'exemplar' })
    const page = async (node: StartedNode): Promise<string> => {
      const accept = 'application/openmetrics-text;version=1.0.0'
      return (await fetch(`http://127.0.0.1:${node.apiPort}/metrics`, { headers: { accept } })).text()
    }
    const named = new RegExp(`_bucket\\{le="[^"]+"\\} \\d+ # \\{trace_id="${traceId}"\\}`, 'g')
    expect((await page(one)).match(named)?.length).toBeGreaterThan(0)
    expect((await page(one)).match(/^sluice_log_append_seconds_bucket.*trace_id/m)).not.toBeNull()
    expect((await page(two)).match(named)?.length).toBe(1)
    expect(await (await fetch(`http://127.0.0.1:${two.apiPort}/metrics`)).text()).not.toContain('trace_id')
  })

  it('is not told where the backend does not record it', async () => {
    const [unrecorded, recorded] = ['c1', 'c2'].map((digits) => digits.repeat(16)) as [string, string]
    await publish({ channel: 'news', data: 1 }, `00-${unrecorded}-${BACKEND_SPAN}-00`)
    await publish({ channel: 'news', data: 2 }, `00-${recorded}-${BACKEND_SPAN}-01`)
    await wayOf(recorded, 4)
    expect(spans.filter(({ traceId }) => traceId === unrecorded)).toEqual([])
  })
})
