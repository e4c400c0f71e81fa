import { expect, it } from 'vitest'
import { MemoryRegistry } from '../../src/registry/memory.ts'
import { VERSION_TTL_MS } from '../../src/registry/registry.ts'
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

it('MemoryRegistry forgets a version that nobody has named for thirty days', async () => {
  const clock = new ManualClock(1_700_000_000_000)
  const registry = new MemoryRegistry({ nodeTtlMs: 1e12, sessionTtlMs: 1e12 }, clock)
  const first = await registry.firstSeen('1', undefined)
  for (const passesMs of [VERSION_TTL_MS, VERSION_TTL_MS]) {
    clock.pass(passesMs)
    expect(await registry.firstSeen('1', undefined)).toBe(first)
  }
  clock.pass(VERSION_TTL_MS + 1)
  expect(await registry.firstSeen('1', undefined)).toBe(first + 3 * VERSION_TTL_MS + 1)
  expect(VERSION_TTL_MS).toBe(30 * 86_400_000)
  await registry.close()
})
