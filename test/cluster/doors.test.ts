import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { comes } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** Backends that speak NATS: publish by a request, and answer what clients publish. */

let cluster: StartedCluster
let node: StartedNode
let backend: NatsLink

beforeAll(async () => {
  cluster = await startCluster(2, { namespaces: { ask: { clientPublish: 'forward' } } })
  node = cluster.nodes[0] as StartedNode
  backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
  backend.start()
  await backend.flush()
})
afterAll(async () => {
  await backend.close()
  await cluster.close()
})

async function publish(
  subject: string,
  data: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const answer = await backend.request(`sluice.publish.${subject}`, Buffer.from(data), 5000, headers)
  return JSON.parse(answer.data.toString()) as Record<string, unknown>
}

async function connect(user: string): Promise<RawClient> {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
    token: await node.token(user),
  })
  return client
}

describe('sluice.publish.<channel>', () => {
  it('answers with the position, and the subscribers get the data as it was', async () => {
    const client = await connect('ann')
    await client.request({ type: 'subscribe', ref: 1, channel: 'a.b:1' })
    const result = await publish('a.b:1', '{"n": 1.0}')
    expect(result).toMatchObject({ epoch: expect.any(String), offset: expect.any(Number) })
    expect(await client.next('message')).toMatchObject({
      channel: 'a.b:1',
      offset: result['offset'],
      data: { n: 1 },
    })
    client.cut()
  })

  it('takes Nats-Msg-Id as the idempotency id', async () => {
    const first = await publish('ids', '1', { 'Nats-Msg-Id': 'x' })
    expect(await publish('ids', '1', { 'Nats-Msg-Id': 'x' })).toEqual({ ...first, duplicate: true })
  })

  it('takes bytes with the header Sluice-Encoding, and JSON without it', async () => {
    const client = await connect('bea')
    await client.request({ type: 'subscribe', ref: 1, channel: 'bytes' })
    await publish('bytes', Buffer.from([0, 255]), { 'Sluice-Encoding': 'binary' })
    expect((await client.nextBinary()).subarray(-2)).toEqual(Buffer.from([0, 255]))
    expect(await publish('bytes', Buffer.from([0, 255]))).toMatchObject({ error: { code: 'bad_request' } })
    client.cut()
  })

  it('publishes to a user as @<user>', async () => {
    const client = await connect('cem')
    await publish('@cem', '"hello"')
    expect(await client.next('message')).toMatchObject({ channel: '@inbox', data: 'hello' })
    client.cut()
  })

  it('says what is wrong', async () => {
    expect(await publish('.', '1').catch((error: Error) => error.message)).toBeDefined()
    expect(await publish('a.@', '1')).not.toHaveProperty('error')
    expect(await publish('x'.repeat(200), '1')).toMatchObject({
      error: { code: 'bad_request', message: expect.stringContaining('1 to 128') },
    })
  })

  it('is served by one node, once', async () => {
    const { offset } = await publish('once', '1')
    expect((await publish('once', '2'))['offset']).toBe((offset as number) + 1)
  })
})

describe('sluice.inbound.<channel>', () => {
  it('is asked by `request` of the SDK, and what it answers as data comes as it was', async () => {
    const subscription = backend.subscribe('sluice.inbound.ask:sum', {}, (_subject, data, reply, headers) => {
      const numbers = JSON.parse(data.toString()) as number[]
      if (headers?.['Sluice-Event'] === 'silent') return
      const answer =
        numbers.length === 0
          ? '{"error":{"code":"bad_request","message":"nothing to add"}}'
          : `{"data": {"sum": ${numbers.reduce((sum, one) => sum + one)}, "big": 9007199254740993}}`
      backend.respond(reply, Buffer.from(answer))
    })
    await backend.flush()
    const client = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token: await node.token('gil') })
    await client.connect()
    expect(await client.request<{ sum: number }>('ask:sum', [1, 2, 3])).toMatchObject({ sum: 6 })
    await expect(client.request('ask:sum', [])).rejects.toMatchObject({
      ...{ code: 'bad_request', message: 'nothing to add' },
    })
    const silent = client.request('ask:sum', [1], { event: 'silent', timeoutMs: 50 })
    await expect(silent).rejects.toMatchObject({ name: 'ClientError', code: 'timeout' })
    await expect(client.request('news', 1)).rejects.toMatchObject({ code: 'forbidden' })
    const raw = await connect('hal')
    const text = new Promise((resolve) =>
      raw.socket.on('message', (bytes: Buffer) => bytes.includes('published') && resolve(bytes.toString())),
    )
    raw.send({ type: 'publish', ref: 1, channel: 'ask:sum', data: [1] })
    expect(await comes('the answer', text)).toContain('"big": 9007199254740993')
    raw.cut()
    client.close()
    await subscription.drain()
  })

  it("carries a client's publish to the backend, with the user, and its answer back", async () => {
    const subscription = backend.subscribe('sluice.inbound.>', {}, (subject, data, reply, headers) => {
      const answer =
        data.toString() === '"refuse"'
          ? { error: { code: 'forbidden', message: 'not today' } }
          : { echo: { subject, user: headers?.['Sluice-User'], data: data.toString() } }
      seen.push(JSON.stringify({ subject, user: headers?.['Sluice-User'], data: data.toString() }))
      backend.respond(reply, Buffer.from(JSON.stringify(answer)))
    })
    const seen: string[] = []
    await backend.flush()
    const client = await connect('dee dee')
    expect(await client.request({ type: 'publish', ref: 1, channel: 'ask:1', data: { q: 1 } })).toEqual({
      type: 'published',
      ref: 1,
    })
    expect(seen).toEqual([
      JSON.stringify({ subject: 'sluice.inbound.ask:1', user: 'dee%20dee', data: '{"q":1}' }),
    ])
    expect(await client.request({ type: 'publish', ref: 2, channel: 'ask:1', data: 'refuse' })).toMatchObject(
      {
        type: 'error',
        ref: 2,
        code: 'forbidden',
        message: 'not today',
      },
    )
    subscription.unsubscribe()
    client.cut()
  })

  it('is refused as unavailable where no backend listens', async () => {
    const client = await connect('eli')
    expect(await client.request({ type: 'publish', ref: 1, channel: 'ask:1', data: 1 })).toMatchObject({
      type: 'error',
      code: 'unavailable',
      retryable: true,
    })
    client.cut()
  })
})
