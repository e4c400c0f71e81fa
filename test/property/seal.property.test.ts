import { createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AGE_MAX_MS, FreshnessWindow, WINDOW } from '../../src/freshness.ts'
import { Seal } from '../../src/seal.ts'

const SECRET = 'a-secret-that-the-nodes-of-a-test-share'
const bytes = fc.uint8Array({ maxLength: 3000 })
const fields = fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 4 })

describe('a seal', () => {
  const seal = new Seal(SECRET, 'packet')

  it('is HMAC-SHA256 with a key by HKDF, as other programs make it', () => {
    const key = Buffer.from(hkdfSync('sha256', SECRET, 'sluice 1', 'packet', 32))
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc.constantFrom(0, 2000, 140_000).map((length) => Buffer.alloc(length, 7)),
        ),
        (sealed) => {
          const expected = createHmac('sha256', key).update(sealed).digest().subarray(0, 16)
          expect(seal.macOf(sealed).equals(expected)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('S1 holds with the same secret and purpose, and with no other', () => {
    fc.assert(
      fc.property(bytes, fc.string({ maxLength: 50 }), (sealed, other) => {
        const mac = seal.macOf(sealed)
        expect(new Seal(SECRET, 'packet').holds(mac, sealed)).toBe(true)
        expect(new Seal(SECRET, 'node request').holds(mac, sealed)).toBe(false)
        expect(new Seal(`${SECRET}${other}.`, 'packet').holds(mac, sealed)).toBe(false)
      }),
    )
  })

  it('S2 holds for no other bytes, and no other MAC', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(127), (sealed, other, bit) => {
        const mac = seal.macOf(sealed)
        expect(seal.holds(mac, other)).toBe(Buffer.from(sealed).equals(other))
        mac[bit >> 3] = (mac[bit >> 3] as number) ^ (1 << (bit & 7))
        expect(seal.holds(mac, sealed)).toBe(false)
      }),
    )
  })

  it('S2 holds in the same context, and a context is not taken for the bytes', () => {
    const context = fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }), { nil: undefined })
    fc.assert(
      fc.property(bytes, context, context, (sealed, where, elsewhere) => {
        const mac = seal.macOf(sealed, where)
        expect(seal.holds(mac, sealed, where)).toBe(true)
        expect(seal.holds(mac, sealed, elsewhere)).toBe(where === elsewhere)
        const moved = where === undefined || where === '' ? undefined : where.slice(1)
        if (moved !== undefined)
          expect(seal.holds(mac, Buffer.concat([Buffer.from(where?.slice(0, 1) ?? ''), sealed]), moved)).toBe(
            false,
          )
      }),
    )
  })

  it('S2 over texts holds for the same texts in the same places', () => {
    fc.assert(
      fc.property(fields, fields, (signed, other) => {
        const mac = seal.sign(...signed)
        expect(mac).toMatch(/^[\w-]{22}$/)
        expect(seal.signed(mac, ...signed)).toBe(true)
        expect(seal.signed(mac, ...other)).toBe(JSON.stringify(signed) === JSON.stringify(other))
        expect(seal.signed(mac, ...signed, '')).toBe(false)
      }),
    )
  })

  it('S3 does not hold for what is no MAC, and does not fail', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String()), bytes, (mac, sealed) => {
        expect(seal.signed(mac, 'field')).toBe(false)
        expect(seal.holds(Buffer.from(mac), sealed)).toBe(false)
      }),
    )
    const mac = seal.sign('field')
    for (const changed of [
      `${mac}=`,
      `${mac} `,
      ` ${mac}`,
      `${mac.slice(0, 5)}*${mac.slice(5)}`,
      `${mac}A`,
      '',
    ])
      expect(seal.signed(changed, 'field')).toBe(false)
  })

  it('can be shorter, where a text has to be', () => {
    const short = new Seal(SECRET, 'packet', 9)
    expect(short.sign('field')).toBe(seal.sign('field').slice(0, 12))
    expect(short.signed(short.sign('field'), 'field')).toBe(true)
    expect(short.signed(seal.sign('field'), 'field')).toBe(false)
  })
})

describe('freshness', () => {
  /** What one sender has sent comes in any order, any number of times. */
  const arrivals = fc.array(
    fc.record({
      sender: fc.constantFrom('a', 'b'),
      number: fc.oneof(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 3 * WINDOW }),
        fc.constantFrom(WINDOW, WINDOW + 1, 2 * WINDOW, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1),
      ),
      lateMs: fc.integer({ min: -2 * AGE_MAX_MS, max: 2 * AGE_MAX_MS }),
    }),
    { maxLength: 300 },
  )

  it('W1 to W3 nothing is good twice, and all that is in time and within the window is good once', () => {
    fc.assert(
      fc.property(arrivals, (list) => {
        const window = new FreshnessWindow()
        const seen = new Set<string>()
        const highest = { a: 0, b: 0 }
        for (const { sender, number, lateMs } of list) {
          const key = `${sender} ${number}`
          const verdict = window.judge(sender, number, 1_000_000 - lateMs, 1_000_000)
          const known = highest[sender]
          if (Math.abs(lateMs) > AGE_MAX_MS) expect(verdict).toBe('clock')
          else if (seen.has(key) || number <= known - WINDOW) expect(verdict).toBe('replayed')
          else {
            expect(verdict).toBe('good')
            seen.add(key)
            highest[sender] = Math.max(known, number)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('takes no number and no time that is none', () => {
    const window = new FreshnessWindow()
    for (const number of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53])
      expect(window.judge('a', number, 0, 0)).toBe('replayed')
    for (const sentMs of [Number.NaN, Infinity, -Infinity])
      expect(window.judge('a', 1, sentMs, 0)).toBe('clock')
    expect(window.size).toBe(0)
  })

  it('W4 forgets a sender once nothing of it can be fresh, and no sooner', () => {
    const window = new FreshnessWindow()
    window.judge('a', 1, 1000, 0)
    window.judge('b', 1, AGE_MAX_MS, AGE_MAX_MS)
    expect(window.judge('a', 1, 1000, AGE_MAX_MS)).toBe('replayed')
    window.judge('c', 1, AGE_MAX_MS + 1001, AGE_MAX_MS + 1001)
    expect(window.size).toBe(2)
    expect(window.judge('a', 1, 1000, AGE_MAX_MS + 1001)).toBe('clock')
  })
})
