import { describe, expect, it } from 'vitest'
import { MemoryWebhookStore } from '../../src/webhooks/memory.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { describeWebhookStore } from './webhook-store.suite.ts'

describeWebhookStore('MemoryWebhookStore', ({ backlog }) => {
  const clock = new ManualClock()
  const store = new MemoryWebhookStore(backlog, clock)
  return Promise.resolve({
    one: store,
    other: store,
    advance: (ms) => Promise.resolve(clock.pass(ms)),
    close: () => Promise.resolve(),
  })
})

describe('MemoryWebhookStore', () => {
  it('H5 the grace does not run while nobody tends', async () => {
    const clock = new ManualClock()
    const store = new MemoryWebhookStore(10, clock)
    await store.report('a', { after: 0, version: 1, changes: [{ key: 'o\nx', held: true, graceMs: 0 }] })
    await store.tend('a', 1)
    await store.bury('a', 30_000)
    clock.pass(3_600_000)
    await store.tend('b', 0)
    expect((await store.read('events', '', 10)).length).toBe(1)
    for (let second = 0; second < 26; second++) {
      clock.pass(1_000)
      await store.tend('b', 0)
    }
    expect((await store.read('events', '', 10)).at(-1)?.what).toEqual({ key: 'o\nx', held: false })
  })

  it('H6 a journal that is full drops the oldest, and the numbers show it', async () => {
    const store = new MemoryWebhookStore(2, new ManualClock())
    await store.note('events', [{ text: 'a' }, { text: 'b' }, { text: 'c' }])
    expect((await store.read('events', '', 10)).map(({ number }) => number)).toEqual([2, 3])
  })
})
