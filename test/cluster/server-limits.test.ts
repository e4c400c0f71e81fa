import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NatsLink } from '../../src/drivers/nats.ts'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { RawClient } from '../support/raw-client.ts'

/** NATS servers that take less than `limits.payload` allows. */

const NATS_BYTES_MAX = 32_768
/** Less what stands around a payload. */
const ROOM = 28_672

let fleet: Fleet
let node: FleetNode
let url: string

beforeAll(async () => {
  fleet = await Fleet.start({
    nodes: 1,
    nats: [`max_payload: ${NATS_BYTES_MAX}`],
    settings: {
      namespaces: {
        '*': { clientPublish: 'fanout' },
        jobs: { delivery: 'durable', clientPublish: 'fanout' },
        brief: { delivery: 'ephemeral', clientPublish: 'fanout' },
        ask: { clientPublish: 'forward' },
      },
    },
  })
  node = fleet.nodes[0] as FleetNode
  url = `ws://127.0.0.1:${node.port}/v1/ws`
})
afterAll(() => fleet.close())

const warnings = (): string[] => node.output.split('\n').filter((line) => line.includes('max_payload'))

describe('where NATS takes less than limits.payload', () => {
  it('the start says so in one line, and each return of NATS again', async () => {
    expect(warnings()).toEqual([
      expect.stringContaining(
        'limits.payload is 64KiB, but the NATS servers take 32KiB (max_payload), of which 4KiB stand around a payload: what is over 28KiB is refused',
      ),
    ])
    await fleet.nats.restart()
    await expect.poll(() => warnings().length).toBe(2)
  })

  it('it is refused at every door, on every kind of channel, before the log has it', async () => {
    const token = await fleet.token('ann')
    const { client, welcome } = await RawClient.connect(url, { token })
    expect(welcome).toMatchObject({ limits: { payload: ROOM, frame: 66_560 } })
    const backend = new NatsLink({ urls: [fleet.nats.url], name: 'backend' })
    backend.start()
    await backend.flush()
    // NATS was away, and a node that is not quite well yet does not take what comes over it.
    const page = async (): Promise<string> => (await node.api('GET', '/metrics')).text()
    await expect.poll(page).toMatch(/^sluice_nats_door 1$/m)
    let ref = 0
    for (const channel of ['news:1', 'jobs:1', 'brief:1', 'ask:1', '@bob'] as const) {
      for (const [bytes, code] of [
        [ROOM + 1, 'limit_exceeded'],
        [ROOM, undefined],
      ] as const) {
        const text = `"${'x'.repeat(bytes - 2)}"`
        const target = channel === '@bob' ? { user: 'bob' } : { channel }
        const http = await node.api('POST', '/v1/publish', { ...target, data: 'x'.repeat(bytes - 2) })
        const overNats = await backend.request(`sluice.publish.${channel}`, Buffer.from(text), 10_000)
        const answers = [await http.json(), JSON.parse(overNats.data.toString())] as Readonly<
          Record<string, { readonly code?: string } | undefined>
        >[]
        expect(answers.map((answer) => answer['error']?.code)).toEqual([code, code])
        if (channel === '@bob') continue
        const reply = await client.request({
          type: 'publish',
          ref: ++ref,
          channel,
          data: 'x'.repeat(bytes - 2),
        })
        // Nobody listens where clients' publishes are handed on, which shows only if this one is.
        const fits = channel === 'ask:1' ? 'unavailable' : undefined
        expect(reply['code']).toBe(code ?? fits)
      }
      if (channel === 'news:1' || channel === 'jobs:1') {
        const kept = await node.api('GET', `/v1/channels/${channel}/messages?last=10`)
        expect(((await kept.json()) as { messages: object[] }).messages).toHaveLength(3)
      }
    }
    client.cut()
    await backend.close()
  })
})
