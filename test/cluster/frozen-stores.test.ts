import { afterAll, beforeAll, expect, it } from 'vitest'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { patientDuration, patientMs } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'

/** Redis and NATS answer nothing and close nothing, and a node is told to stop. */

const CLIENTS = 12
const DEADLINE_MS = 6000

let fleet: Fleet
let node: FleetNode
let clients: readonly RawClient[] = []

beforeAll(async () => {
  fleet = await Fleet.start({
    nodes: 2,
    settings: {
      drain: {
        plan: '3s',
        deadline: patientDuration(DEADLINE_MS),
        deregisterDelay: '100ms',
        grace: '1s',
        closeSpread: '500ms',
      },
      namespaces: { room: { presence: true }, orders: { delivery: 'durable' } },
    },
  })
  node = fleet.nodes[0] as FleetNode
  clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, i) => {
      const token = await fleet.token(`user-${i}`)
      const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
      await client.request({ type: 'subscribe', ref: 1, channel: 'room:1' })
      return client
    }),
  )
})
afterAll(async () => {
  for (const client of clients) client.cut()
  fleet.redis.resume()
  fleet.nats.resume()
  await fleet.close()
})

interface Line {
  readonly msg: string
  readonly time: string
  readonly drain?: { readonly state: string; readonly transports: unknown }
  readonly [field: string]: unknown
}

function lines(): Line[] {
  return node.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
}

function lineOf(text: string): Line {
  const found = lines().find(({ msg }) => msg.includes(text))
  return found ?? expect.fail(`nothing of "${text}" in the log`)
}

it('everybody is told, the log says who could not move, and the process exits with 0 by its deadline', async () => {
  fleet.redis.pause()
  fleet.nats.pause()
  const exit = node.ended()
  node.signal('SIGTERM')
  expect(await exit).toBe(0)

  for (const client of clients) {
    expect(await client.closed).toMatchObject({ code: 1012 })
    expect(client.frames.at(-1)).toMatchObject({ type: 'error', code: 'unavailable' })
  }
  // At the deadline, or before it where the node had found that it alone is cut off; it cannot know which.
  const gone =
    lines().findLast(({ drain }) => drain?.state === 'gone') ?? expect.fail('it is not said how it ended')
  expect(gone.drain?.transports).toMatchObject({ websocket: { told: CLIENTS, forced: CLIENTS } })

  const begun = lineOf('the node is drained')
  expect(begun['deadlineMs']).toBe(patientMs(DEADLINE_MS))
  const tookMs = Date.parse(lineOf('the node has stopped').time) - Date.parse(begun.time)
  expect(tookMs).toBeLessThanOrEqual(patientMs(DEADLINE_MS))
  // What hung is named. Where Redis was known to be away by then, its parts had an answer at once, and none hung.
  const late = lines().find(({ msg }) => msg.includes('did not end in time'))
  if (late !== undefined) expect(late['parts']).toContain('presence')
})
