import { expect, it } from 'vitest'
import { MemoryPresenceStore } from '../../src/presence/memory.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { quiet } from '../support/presence-users.ts'
import { describePresenceStore } from './presence.suite.ts'

describePresenceStore('MemoryPresenceStore', (options) => {
  const clock = new ManualClock()
  const store = new MemoryPresenceStore(options, clock)
  return Promise.resolve({
    one: store,
    other: store,
    advance(ms) {
      clock.pass(ms)
      return Promise.resolve()
    },
    close: () => store.close(),
  })
})

it('MemoryPresenceStore forgets channels that nobody asks for', async () => {
  const clock = new ManualClock()
  const store = new MemoryPresenceStore({ ttlMs: 1_000 }, clock)
  for (let i = 0; i < 100; i++) {
    await store.write(`channel ${i}`, 'n1', { after: 0, version: 1, put: quiet(['alice']), remove: [] })
  }
  clock.pass(900)
  await store.read('channel 7')
  clock.pass(900)
  expect(store.channelCount).toBe(1)
  await store.close()
  expect(clock.timers).toBe(0)
})
