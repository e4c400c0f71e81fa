import { describe, expect, it } from 'vitest'
import { InboundLimits, type InboundOptions } from '../../../src/admission/limits.ts'
import { createMetrics, type Metrics } from '../../../src/observe/metrics.ts'
import { ManualClock } from './manual-clock.ts'

const OFF: InboundOptions = { framesPerSecond: 0, framesBurst: 0, bytesPerSecond: 0, bytesBurst: 0 }

function limitsOf(options: Partial<InboundOptions>): {
  limits: InboundLimits
  clock: ManualClock
  metrics: Metrics
} {
  const clock = new ManualClock()
  const node = { node: 'n1', version: '0', region: 'local', role: 'all' }
  const metrics = createMetrics({ node, process: false })
  return { limits: new InboundLimits({ ...OFF, ...options }, clock, metrics), clock, metrics }
}

function passed(limits: InboundLimits, bytes: number, frames: number, connection: object = limits): number {
  let count = 0
  for (let i = 0; i < frames; i++) if (limits.take(connection, bytes)) count++
  return count
}

describe('the limits of a connection', () => {
  it('let through the burst of frames, then the rate', () => {
    const { limits, clock, metrics } = limitsOf({ framesPerSecond: 10, framesBurst: 20 })
    expect(passed(limits, 1_000_000, 30)).toBe(20)
    clock.pass(1000)
    expect(passed(limits, 0, 30)).toBe(10)
    expect(metrics.limitsHit.frames_per_second.value).toBe(30)
    expect(metrics.limitsHit.bytes_per_second.value).toBe(0)
  })

  it('let through the burst of bytes, then the rate', () => {
    const { limits, clock, metrics } = limitsOf({ bytesPerSecond: 1000, bytesBurst: 5000 })
    expect(passed(limits, 500, 20)).toBe(10)
    clock.pass(2000)
    expect(passed(limits, 500, 20)).toBe(4)
    expect(metrics.limitsHit.bytes_per_second.value).toBe(26)
    expect(metrics.limitsHit.frames_per_second.value).toBe(0)
  })

  it('do not count a frame that did not pass', () => {
    const { limits } = limitsOf({
      framesPerSecond: 1,
      framesBurst: 2,
      bytesPerSecond: 1000,
      bytesBurst: 1000,
    })
    expect(passed(limits, 1001, 5)).toBe(0)
    expect(passed(limits, 500, 5)).toBe(2)
  })

  it('of one connection are not those of another', () => {
    const { limits } = limitsOf({ framesPerSecond: 1, framesBurst: 2 })
    expect(passed(limits, 1, 5, {})).toBe(2)
    expect(passed(limits, 1, 5, {})).toBe(2)
  })

  it('keep nothing where both are off', () => {
    const { limits, clock } = limitsOf({})
    expect(passed(limits, 1e9, 100)).toBe(100)
    expect([limits.size, clock.timers]).toEqual([0, 0])
  })

  it('keep nothing of who is silent for as long as its buckets take to fill, and no timer then', () => {
    const { limits, clock } = limitsOf({ framesPerSecond: 10, framesBurst: 20 })
    const [silent, busy] = [{}, {}]
    expect(passed(limits, 1, 30, silent)).toBe(20)
    for (let second = 0; second < 10; second++) {
      limits.take(busy, 1)
      clock.pass(1000)
    }
    expect(limits.size).toBeLessThanOrEqual(2)
    expect(passed(limits, 1, 30, silent)).toBe(20)
    clock.pass(10_000)
    expect([limits.size, clock.timers]).toEqual([0, 0])
  })

  it('are no wider for who sends without a pause through any number of generations', () => {
    const { limits, clock } = limitsOf({ framesPerSecond: 10, framesBurst: 20 })
    let count = passed(limits, 1, 30)
    for (let tenth = 0; tenth < 200; tenth++) {
      clock.pass(100)
      count += passed(limits, 1, 3)
    }
    expect(count).toBe(20 + 200)
  })
})
