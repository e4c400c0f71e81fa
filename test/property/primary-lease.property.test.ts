import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PrimaryLease, type SentinelWord } from '../../src/drivers/primary-lease.ts'

/** Three Sentinels, one of them under two addresses, and what they say of two servers as time passes. */

const ADDRESSES = ['one:1', 'two:1', 'three:1', 'also-one:1'] as const
const ID = { 'one:1': 'I', 'also-one:1': 'I', 'two:1': 'II', 'three:1': 'III' } as const
const SERVERS = ['a:1', 'b:1'] as const
const DOWN_AFTER_MS = 5_000
const TERM_MS = 7_000

const step = fc.record({
  passMs: fc.integer({ min: 0, max: 4_000 }),
  address: fc.constantFrom(...ADDRESSES),
  server: fc.constantFrom(...SERVERS),
  /** How long the answer took. */
  tookMs: fc.integer({ min: 0, max: 2_000 }),
})

function word(address: (typeof ADDRESSES)[number], server: string, askedMs: number): SentinelWord {
  return { id: ID[address], server, sentinels: 3, downAfterMs: DOWN_AFTER_MS, askedMs }
}

describe('the lease of a primary', () => {
  it('P1 P2 P3 holds for one server at most, no longer than the term after what two of three Sentinels last said', () => {
    let held = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const lease = new PrimaryLease(['one:1'])
        const last = new Map<string, { server: string; askedMs: number }>()
        let nowMs = 100_000
        for (const [i, { passMs, address, server, tookMs }] of steps.entries()) {
          nowMs += passMs
          // No two questions are of the same moment.
          const askedMs = nowMs - tookMs - i / 1_000
          lease.heard(address, word(address, server, askedMs))
          const before = last.get(ID[address])
          if (before === undefined || before.askedMs < askedMs) last.set(ID[address], { server, askedMs })
          const holds = SERVERS.filter((one) => lease.leftMs(one, nowMs) > 0)
          const agreed = SERVERS.filter((one) => {
            const fresh = [...last.values()].filter(
              (said) => said.server === one && nowMs - said.askedMs < TERM_MS,
            )
            return fresh.length >= 2
          })
          held += holds.length
          expect(holds.length).toBeLessThanOrEqual(1)
          expect(holds.filter((one) => !agreed.includes(one))).toEqual([])
          expect(lease.named(nowMs)).toBe(holds[0])
          for (const one of SERVERS) expect(lease.leftMs(one, nowMs + TERM_MS)).toBe(0)
        }
      }),
      { numRuns: 500 },
    )
    expect(held).toBeGreaterThan(100)
  })

  it('holds from the question on, not from the answer', () => {
    const lease = new PrimaryLease(['one:1'])
    lease.heard('one:1', { ...word('one:1', 'a:1', 1_000), sentinels: 1 })
    expect(lease.termMs).toBe(TERM_MS)
    expect(lease.leftMs('a:1', 3_000)).toBe(1_000 + TERM_MS - 3_000)
    expect(lease.leftMs('a:1', 1_000 + TERM_MS)).toBe(0)
    expect(lease.leftMs('b:1', 3_000)).toBe(0)
    expect(lease.leftMs(undefined, 3_000)).toBe(0)
  })

  it('wants a majority of those in the configuration, and of those that a Sentinel knows', () => {
    const three = new PrimaryLease(['one:1', 'two:1', 'three:1'])
    three.heard('one:1', { ...word('one:1', 'a:1', 0), sentinels: 1 })
    expect([three.leftMs('a:1', 1), three.agreeing('a:1', 1), three.known(1)]).toEqual([0, 1, 3])
    three.heard('two:1', { ...word('two:1', 'a:1', 0), sentinels: 1 })
    expect(three.leftMs('a:1', 1)).toBeGreaterThan(0)

    const one = new PrimaryLease(['one:1'])
    one.heard('one:1', word('one:1', 'a:1', 0))
    expect(one.leftMs('a:1', 1)).toBe(0)
    one.heard('also-one:1', word('also-one:1', 'a:1', 0))
    expect(one.leftMs('a:1', 1)).toBe(0)
    one.heard('three:1', word('three:1', 'a:1', 0))
    expect(one.leftMs('a:1', 1)).toBeGreaterThan(0)
  })

  it('counts a Sentinel that has not been heard for long no more, and takes the shortest patience', () => {
    const lease = new PrimaryLease(['one:1'])
    lease.heard('one:1', { ...word('one:1', 'a:1', 0), sentinels: 5, downAfterMs: undefined })
    expect(lease.termMs).toBe(32_000)
    lease.heard('two:1', { ...word('two:1', 'a:1', 90_000), sentinels: 2 })
    lease.heard('three:1', { ...word('three:1', 'a:1', 90_000), sentinels: 2 })
    expect(lease.termMs).toBe(TERM_MS)
    expect(lease.leftMs('a:1', 90_000)).toBe(TERM_MS)
    lease.forget('three:1')
    expect(lease.leftMs('a:1', 90_000)).toBe(0)
  })
})
