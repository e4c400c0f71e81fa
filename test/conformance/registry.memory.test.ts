import { expect, it } from 'vitest'
import { MemoryRegistry } from '../../src/registry/memory.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { describeRegistry } from './registry.suite.ts'

describeRegistry('MemoryRegistry', (options) => {
  const clock = new ManualClock()
  const registry = new MemoryRegistry(options, clock)
  return Promise.resolve({
    one: registry,
    other: registry,
    advance(ms) {
      clock.pass(ms)
      return Promise.resolve()
    },
    close: () => registry.close(),
  })
})

it('MemoryRegistry forgets users whose sessions have all expired', async () => {
  const clock = new ManualClock()
  const registry = new MemoryRegistry({ nodeTtlMs: 1_000, sessionTtlMs: 5_000 }, clock)
  for (let i = 0; i < 1_000; i++) {
    await registry.claim(`user ${i}`, `session ${i}`, 'n1')
    if (i > 0) await registry.release(`user ${i}`, `session ${i}`, 'n1')
  }
  clock.pass(200_000)
  expect(registry.userCount).toBe(1)
  await registry.close()
  expect(clock.timers).toBe(0)
})
