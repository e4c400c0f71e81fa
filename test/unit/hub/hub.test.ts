import { expect, it } from 'vitest'
import type { Backbone } from '../../../src/backbone/backbone.ts'
import { Hub } from '../../../src/hub/hub.ts'
import type { Subscriber } from '../../../src/hub/subscriber.ts'
import { noWitness } from '../../../src/observe/witness.ts'
import type { ReplayLog } from '../../../src/replay/replay-log.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { UNCOUNTED_HUB } from '../../support/uncounted.ts'

const HEAD = { epoch: 'e1', offset: 7 }
const NOBODY = {} as Subscriber
const POLICY = { logged: true, slowConsumer: 'catch-up', max: 10, ttlMs: 60_000 } as const

/** A hub whose log and backbone answer what `log` and `backbone` say at each call. */
function hubOf(log: () => Promise<typeof HEAD> | typeof HEAD, backbone: () => Promise<void>) {
  const left: string[] = []
  const hub = new Hub(
    {
      log: { head: log } as unknown as ReplayLog,
      backbone: {
        subscribe: backbone,
        unsubscribe: (channel: string) => void left.push(channel),
      } as unknown as Backbone,
      topics: { publish: () => undefined },
      clock: new ManualClock(),
      metrics: UNCOUNTED_HUB,
      witness: noWitness,
      liveOn: () => undefined,
      policyOf: () => POLICY,
    },
    {
      ...{ tailMessages: 10, tailBytes: 10_000, memoryBytes: 1_000_000 },
      ...{ quietMs: 60_000, headCheckMs: 60_000, resetSpreadMs: 0 },
    },
  )
  return { hub, left }
}

/** Fails when it is called first, and then works. */
function failingOnce<T>(fail: () => T, answer: () => T): () => T {
  let failed = false
  return () => {
    if (failed) return answer()
    failed = true
    return fail()
  }
}

function thrown(): never {
  throw new Error('in the call')
}

const rejected = (): Promise<never> => Promise.reject(new Error('in the call'))
const at = (): Promise<void> => Promise.resolve()

it.each([
  ['an inbox, at once', '@ann', failingOnce<Promise<typeof HEAD> | typeof HEAD>(thrown, () => HEAD), at],
  [
    'an inbox, later',
    '@ann',
    failingOnce<Promise<typeof HEAD> | typeof HEAD>(rejected, async () => HEAD),
    at,
  ],
  ['a channel, at once', 'news:1', () => HEAD, failingOnce<Promise<void>>(thrown, at)],
  ['a channel, later', 'news:1', async () => HEAD, failingOnce<Promise<void>>(rejected, at)],
])(
  '%s: one whose start fails is not kept, and the next one starts it anew',
  async (_, name, log, backbone) => {
    const { hub, left } = hubOf(log, backbone)
    await expect(hub.open(name, undefined, NOBODY)).rejects.toThrow('in the call')
    expect([hub.channelCount, hub.local(name)]).toEqual([0, undefined])
    expect(left).toEqual(name === 'news:1' ? [name] : [])
    const { start, reset } = await hub.open(name, undefined, NOBODY)
    expect([start, reset]).toEqual([HEAD, undefined])
    expect(hub.local(name)?.subscribers).toBe(1)
  },
)
