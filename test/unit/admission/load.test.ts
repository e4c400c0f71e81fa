import { describe, expect, it } from 'vitest'
import { LoadProbe, LoopLag, SAMPLE_MS, TICK_MS } from '../../../src/admission/load.ts'
import { systemClock } from '../../../src/clock.ts'
import { ManualClock } from './manual-clock.ts'

/** Ticks after each of the intervals, over and over, for about `totalMs`. */
function after(intervals: readonly number[], totalMs = 10_000): LoopLag {
  const lag = new LoopLag(0)
  let nowMs = 0
  while (nowMs < totalMs) {
    for (const interval of intervals) {
      nowMs += interval
      lag.tick(nowMs)
    }
  }
  return lag
}

describe('the lag of the event loop', () => {
  it('is 0 where every tick comes in time', () => {
    expect(after([TICK_MS]).lagMs).toBe(0)
  })

  it('is 0 where ticks come early', () => {
    expect(after([TICK_MS - 1, TICK_MS]).lagMs).toBe(0)
  })

  it.each([100, 300, 5000])('is what is over the tick where every turn takes %d ms', (turnMs) => {
    expect(after([turnMs], turnMs * 30).lagMs).toBeCloseTo(turnMs - TICK_MS, 0)
  })

  it('weighs a long block by the part of the time that it takes, not by its share of the ticks', () => {
    // Half of the time in turns of 20 ms, half in one of 500 ms: the mean interval is 38 ms.
    const intervals = [...Array.from({ length: 25 }, () => TICK_MS), 500]
    expect(after(intervals).lagMs).toBeGreaterThan(100)
  })

  it('does not jump to a single pause, and forgets it', () => {
    const lag = after([TICK_MS])
    let nowMs = 10_000
    const tick = (interval: number): void => void lag.tick((nowMs += interval))
    while (!lag.tick((nowMs += TICK_MS)));
    tick(SAMPLE_MS + TICK_MS)
    expect(lag.lagMs).toBeGreaterThan(0.2 * SAMPLE_MS)
    expect(lag.lagMs).toBeLessThan(0.5 * SAMPLE_MS)
    for (let passedMs = 0; passedMs < 2000; passedMs += TICK_MS) tick(TICK_MS)
    expect(lag.lagMs).toBeLessThan(10)
  })

  it('survives a clock that jumps backwards', () => {
    const lag = after([TICK_MS])
    lag.tick(-1_000_000)
    expect(lag.lagMs).toBe(0)
  })
})

describe('the load probe', () => {
  it('sees a loop of which every turn is longer than a sample', async () => {
    const probe = new LoadProbe(systemClock)
    // Whatever order the timers of a turn run in, the probe's tick is among them.
    for (let turn = 0; turn < 4; turn++) {
      await new Promise<void>((resolve) => {
        systemClock.after(0, resolve)
      })
      const until = performance.now() + SAMPLE_MS + 50
      while (performance.now() < until);
    }
    await new Promise<void>((resolve) => {
      systemClock.after(2 * TICK_MS, resolve)
    })
    expect(probe.lagMs).toBeGreaterThan(SAMPLE_MS / 3)
    probe.close()
  })

  it('knows the memory of the process', () => {
    const probe = new LoadProbe(new ManualClock())
    expect(probe.memoryBytes).toBeGreaterThan(10_000_000)
    probe.close()
  })

  it('has a timer until it is closed', () => {
    const clock = new ManualClock()
    const probe = new LoadProbe(clock)
    expect(clock.timers).toBe(1)
    clock.pass(5000)
    expect(probe.lagMs).toBe(0)
    probe.close()
    probe.close()
    expect(clock.timers).toBe(0)
  })
})
