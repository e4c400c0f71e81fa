import { expect, it } from 'vitest'
import type { Backbone } from '../../../src/backbone/backbone.ts'
import { Hub } from '../../../src/hub/hub.ts'
import type { Rester } from '../../../src/hub/resting.ts'
import type { Subscriber } from '../../../src/hub/subscriber.ts'
import { noWitness } from '../../../src/observe/witness.ts'
import type { Encoded } from '../../../src/protocol/encoded.ts'
import type { Position } from '../../../src/protocol/position.ts'
import { MemoryReplayLog } from '../../../src/replay/memory.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/session-world.ts'
import { UNCOUNTED_HUB } from '../../support/uncounted.ts'

const POLICY = { logged: true, slowConsumer: 'catch-up', max: 10, ttlMs: 60_000 } as const
const MESSAGE = { id: undefined, time: 0, data: Buffer.from('1'), binary: false }

/** A user whose inbox rests. */
async function resting() {
  const clock = new ManualClock()
  const log = new MemoryReplayLog({ clock })
  // The first look at all is late, and what is spread at random from now on is early.
  clock.drawn = 0.9
  const hub = new Hub(
    {
      ...{ log, clock, metrics: UNCOUNTED_HUB, witness: noWitness, liveOn: () => undefined },
      backbone: {} as Backbone,
      topics: { publish: () => undefined },
      policyOf: () => POLICY,
    },
    {
      ...{ tailMessages: 10, tailBytes: 10_000, memoryBytes: 1_000_000 },
      ...{ quietMs: 60_000, headCheckMs: 60_000, resetSpreadMs: 0 },
    },
  )
  clock.drawn = 0.1
  const received: number[] = []
  const connection = {
    transport: 'websocket',
    hasRoom: () => true,
    attach: () => undefined,
    deliver: ({ message }: Encoded) => void received.push('offset' in message ? message.offset : -1),
  } as unknown as Subscriber
  const opened = await hub.open('@ann', undefined, connection)
  opened.subscription.begin(undefined)
  const one = { user: 'ann', connection, noted: 0, woken: () => undefined }
  const restsAt = hub.resting.rest(one, opened.subscription) as Position
  Object.assign(one, { restsAt } satisfies Partial<Rester>)
  return {
    clock,
    log,
    hub,
    received,
    append: () => log.append('@ann', MESSAGE, { ...POLICY, idempotencyMs: 1 }),
  }
}

it('is compared with the log when the backbone is back, and wakes only where something was missed', async () => {
  const { clock, hub, received, append } = await resting()
  hub.backboneReturned()
  clock.pass(110)
  expect(hub.resting.size).toBe(1)
  await append()
  hub.backboneReturned()
  expect(received).toEqual([])
  clock.pass(110)
  await settled()
  expect([hub.resting.size, received]).toEqual([0, [1]])
})

it('stays where the log is away when it is compared', async () => {
  const { clock, hub, log, append } = await resting()
  await append()
  log.head = () => Promise.reject(new Error('away'))
  hub.backboneReturned()
  clock.pass(110)
  await settled()
  expect([hub.resting.size, hub.local('@ann')?.position?.offset]).toEqual([1, 0])
})

it('has no channel and no subscription of its own', async () => {
  const { hub } = await resting()
  expect([hub.resting.size, hub.channelCount, hub.subscriptionCount]).toEqual([1, 1, 1])
  expect([hub.begunCount('@ann'), hub.begunCount('@bob'), hub.begunCount('ann')]).toEqual([1, 0, 0])
})
