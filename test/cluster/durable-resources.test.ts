import { connect } from '@nats-io/transport-node'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { NO_JETSTREAM } from '../support/nats-server.ts'
import { RawClient, type Frame } from '../support/raw-client.ts'

/** JetStream that stores nothing more, or is gone, while NATS is well: what publishers, subscribers and operators are told. */

const WAIT = { interval: 100 }
const CHANNEL = 'jobs:1'
const LARGE = 'x'.repeat(60_000)

let fleet: Fleet
let node: FleetNode

beforeEach(async () => {
  fleet = await Fleet.start({ nodes: 1, settings: { namespaces: { jobs: { delivery: 'durable' } } } })
  node = fleet.nodes[0] as FleetNode
})
afterEach(() => fleet.close())

async function publish(data: string): Promise<{ status: number; message: string }> {
  const answer = await node.api('POST', '/v1/publish', { channel: CHANNEL, data })
  const { error } = (await answer.json()) as { error?: { message: string } }
  return { status: answer.status, message: error?.message ?? '' }
}

async function clientOf(user: string): Promise<RawClient> {
  const token = await fleet.token(user)
  return (await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })).client
}

const trouble = (why: string): Promise<number> => node.metric(`sluice_durable_trouble{why="${why}"}`)

function told(): { level: string; msg: string; reason?: string }[] {
  const lines = node.output.split('\n').filter((line) => line.startsWith('{'))
  return lines
    .map((line) => JSON.parse(line) as { level: string; msg: string; reason?: string })
    .filter(({ msg }) => msg.startsWith('JetStream '))
}

describe('JetStream that is out of resources', () => {
  it('is named to publishers, in a metric, in health and in one line, is read as ever, and is used again once it has room', async () => {
    expect(await publish('kept')).toMatchObject({ status: 200 })
    await fleet.nats.restart({ maxFile: '1MB' })
    const full = { status: 503, message: expect.stringContaining('JetStream out of resources') as string }
    await expect.poll(() => publish(LARGE), WAIT).toMatchObject(full)
    expect((await publish(LARGE)).message).toContain('insufficient resources')
    expect((await publish(LARGE)).message).toContain('max_file')
    expect(await trouble('resources')).toBe(1)
    const health = async (): Promise<unknown> => {
      const report = (await (await node.api('GET', '/healthz/deep')).json()) as { parts: unknown }
      return report.parts
    }
    await expect
      .poll(health, WAIT)
      .toMatchObject({ durable: { status: 'degraded', detail: full.message }, log: { status: 'ok' } })
    const client = await clientOf('ann')
    await client.request({ type: 'subscribe', ref: 1, channel: CHANNEL })
    expect(await client.next('message')).toMatchObject({ data: 'kept' })

    const operator = await connect({ servers: fleet.nats.url })
    await (await jetstreamManager(operator)).streams.purge('SLUICE')
    await operator.close()
    await expect.poll(() => publish(LARGE), WAIT).toMatchObject({ status: 200 })
    expect(await trouble('resources')).toBe(0)
    client.cut()
    expect(told().map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'JetStream is away'],
      ['info', 'JetStream is connected'],
    ])
    expect(told()[0]?.reason).toContain('JetStream out of resources')
  })
})

describe('JetStream that a server has no more', () => {
  it('is named to publishers and subscribers, and what it has when it is back comes at once', async () => {
    const reader = await clientOf('ann')
    await reader.request({ type: 'subscribe', ref: 1, channel: CHANNEL })
    await fleet.nats.restart({ maxFile: NO_JETSTREAM })
    const gone = expect.stringMatching(
      /^JetStream is not there: .*until it is restarted/,
    ) as unknown as string
    await expect.poll(() => publish('refused'), WAIT).toMatchObject({ status: 503, message: gone })
    await expect.poll(() => trouble('absent'), WAIT).toBe(1)
    const client = await clientOf('ben')
    const refusal = (): Promise<Frame> => client.request({ type: 'subscribe', ref: 1, channel: CHANNEL })
    expect(await refusal()).toMatchObject({ type: 'error', code: 'unavailable', message: gone })
    await fleet.nats.restart({ maxFile: '1GB' })
    await expect.poll(() => trouble('absent'), WAIT).toBe(0)
    await expect.poll(() => publish('again'), WAIT).toMatchObject({ status: 200 })
    expect(await reader.next('message')).toMatchObject({ data: 'again' })
    for (const one of [reader, client]) one.cut()
  })
})
