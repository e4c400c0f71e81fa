import { expect, it } from 'vitest'
import { Losses, PacedResets, STEPS } from '../../../src/hub/paced-resets.ts'
import { LINES } from '../../../src/dialect/sluice-v1/encode.ts'
import type { EncodedReset } from '../../../src/protocol/encoded-reset.ts'
import type { ResetFrame } from '../../../src/dialect/sluice-v1/frames.ts'

const RESET = { channel: 'news', position: { epoch: 'e', offset: 7 }, reason: 'epoch' } as const
const SPREAD_MS = 10_000

/** As random as chance, and the same in each run. */
function chance(): { random(): number } {
  let state = 1
  return {
    random() {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    },
  }
}

function textOf(reset: EncodedReset): string {
  return reset.as(LINES)?.data ?? ''
}

it('P1 each client has a moment within the spread, and each part of it has its share', () => {
  const resets = new PacedResets(RESET, SPREAD_MS, chance())
  const tenths = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 10_000; i++) {
    const { delay, ...frame } = JSON.parse(textOf(resets.draw())) as ResetFrame
    expect(frame).toEqual({ type: 'reset', channel: 'news', epoch: 'e', offset: 7, reason: 'epoch' })
    expect(delay).toBeGreaterThanOrEqual(0)
    expect(delay).toBeLessThan(SPREAD_MS)
    const tenth = Math.floor(((delay as number) / SPREAD_MS) * 10)
    tenths[tenth] = (tenths[tenth] as number) + 1
  }
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(200)
})

it('P1 without a spread nobody waits', () => {
  const resets = new PacedResets(RESET, 0, chance())
  for (let i = 0; i < 100; i++) expect(JSON.parse(textOf(resets.draw()))).toMatchObject({ delay: 0 })
})

it('P2 however many there are, few texts are made', () => {
  const resets = new PacedResets(RESET, SPREAD_MS, chance())
  const texts = new Set<unknown>()
  for (let i = 0; i < 10_000; i++) texts.add(resets.draw())
  expect(texts.size).toBeLessThanOrEqual(STEPS)
})

it('P3 who alone is reset has no delay, however often that happens to somebody', () => {
  const losses = new Losses(SPREAD_MS)
  for (let minute = 0; minute < 100; minute++) {
    expect(losses.own('epoch', minute * 60_000)).toBe(0)
    for (let i = 0; i < 20; i++) expect(losses.own('trimmed', minute * 60_000)).toBe(0)
  }
})

it('P3 who comes back within the spread of a loss is one of many', () => {
  const losses = new Losses(SPREAD_MS)
  losses.lost(50_000)
  expect(losses.own('epoch', 50_001)).toBe(SPREAD_MS)
  expect(losses.own('epoch', 59_999)).toBe(SPREAD_MS)
  expect(losses.own('trimmed', 59_999)).toBe(0)
  expect(losses.own('epoch', 60_001)).toBe(0)
})

it('P3 where many come back with positions of a log that is gone, all but the first are told a moment', () => {
  const losses = new Losses(SPREAD_MS)
  const spreads = Array.from({ length: 1000 }, (_, i) => losses.own('epoch', i))
  expect(spreads.filter((ms) => ms === 0).length).toBeLessThanOrEqual(10)
  expect(losses.own('epoch', 3 * SPREAD_MS)).toBe(0)
})
