import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  composeCursor,
  cursorSegment,
  departureIn,
  departureSegment,
  parseCursor,
  tagOf,
} from '../../src/protocol/cursor.ts'
import { hostileJson } from '../support/hostile-json.ts'
import type { Position } from '../../src/protocol/position.ts'

const position = fc.record({
  epoch: fc.stringMatching(/^[A-Za-z0-9]{1,32}$/),
  offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
})
const channels = fc.dictionary(fc.stringMatching(/^[a-z0-9:]{1,20}$/), position, { maxKeys: 50 })
const user = fc.string({ minLength: 1 })
const departures = fc.record({
  node: fc.stringMatching(/^[0-9a-f]{16}$/),
  number: fc.integer({ min: 1, max: 10_000_000 }),
  turns: fc.nat(9),
})
/** Beyond what a number holds exactly, and what none holds. */
const hugeNumbers = fc.oneof(
  fc.constantFrom('zzzzzzzzzzz', '1e400', '-1', '1gsaa0ikrjs', 'Infinity'),
  fc.integer({ min: 1, max: 400 }).map((length) => 'z'.repeat(length)),
)
/** As a node that knows nothing of departures reads each part. */
const SEGMENT = /^[A-Za-z0-9_-]{8}[0-9a-z]{1,11}\.[A-Za-z0-9]{1,32}$/

function compose(positions: Readonly<Record<string, Position>>, owner: string, departure = ''): string {
  const segments = Object.entries(positions).map(([name, at]) => cursorSegment(tagOf(name), at))
  return composeCursor(segments, tagOf(owner), departure)
}

describe('cursor', () => {
  it('brings back the position of every channel', () => {
    fc.assert(
      fc.property(channels, user, (positions, owner) => {
        const parsed = parseCursor(compose(positions, owner), tagOf(owner))
        expect(parsed.kind).toBe('positions')
        if (parsed.kind !== 'positions') return
        for (const [name, at] of Object.entries(positions)) expect(parsed.byTag.get(tagOf(name))).toEqual(at)
        expect(parsed.byTag.size).toBe(Object.keys(positions).length)
      }),
    )
  })

  it("refuses another user's", () => {
    fc.assert(
      fc.property(channels, user, user, (positions, owner, other) => {
        fc.pre(owner !== other)
        expect(parseCursor(compose(positions, owner), tagOf(other)).kind).toBe('foreign')
      }),
    )
  })

  it('is one line of header-safe text', () => {
    fc.assert(
      fc.property(channels, user, (positions, owner) => {
        expect(compose(positions, owner)).toMatch(/^[A-Za-z0-9~._-]+$/)
      }),
    )
  })

  it('takes any text without failing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((tail) => `1~${tail}`),
          hostileJson,
          hostileJson.map((tail) => `1~${tail}~abcdefgh`),
          hugeNumbers.map((offset) => `1~AbCdEfGh${offset}.e~abcdefgh`),
        ),
        user,
        (text, owner) => {
          expect(['positions', 'foreign', 'malformed']).toContain(parseCursor(text, tagOf(owner)).kind)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('a cursor with a letter changed never yields a position that is no position', () => {
    fc.assert(
      fc.property(
        channels,
        user,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        (positions, owner, at, letter) => {
          const cursor = compose(positions, owner)
          const index = at % cursor.length
          const forged = cursor.slice(0, index) + letter + cursor.slice(index + 1)
          const parsed = parseCursor(forged, tagOf(owner))
          if (parsed.kind !== 'positions') return
          for (const { epoch, offset } of parsed.byTag.values()) {
            expect(epoch).toMatch(/^[A-Za-z0-9]{1,32}$/)
            expect(Number.isSafeInteger(offset) && offset >= 0).toBe(true)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('carries where its client was sent away from beside the positions, each read as if it were alone', () => {
    fc.assert(
      fc.property(channels, user, departures, (positions, owner, departure) => {
        const sent = compose(positions, owner, departureSegment(departure))
        const plain = parseCursor(compose(positions, owner), tagOf(owner))
        expect(plain).toMatchObject({ kind: 'positions', departure: undefined })
        expect(parseCursor(sent, tagOf(owner))).toMatchObject({ ...plain, departure })
        expect(sent.length).toBeLessThan(compose(positions, owner).length + 40)
        expect(sent).toMatch(/^[A-Za-z0-9~._-]+$/)
        for (const part of sent.split('~').slice(1, -1)) expect(part).toMatch(SEGMENT)
      }),
    )
  })

  it('counts the turns of a client that is sent on, up to nine, and changes nothing else', () => {
    fc.assert(
      fc.property(channels, user, departures, (positions, owner, departure) => {
        const sent = compose(positions, owner, departureSegment(departure))
        const again = departureIn(sent)?.again ?? ''
        const turns = Math.min(9, departure.turns + 1)
        expect(again).toBe(compose(positions, owner, departureSegment({ ...departure, turns })))
      }),
    )
  })

  it('finds no departure in what is no cursor of one line', () => {
    fc.assert(
      fc.property(fc.string(), departures, (text, departure) => {
        fc.pre(!/^[A-Za-z0-9~._-]*$/.test(text))
        const segment = departureSegment(departure)
        for (const forged of [`1${text}${segment}~abcdefgh`, `1${segment}~abcdefgh${text}`, text + segment])
          expect(departureIn(forged)).toBeUndefined()
      }),
    )
    expect(departureIn('1~-moved-01.n~abcdefgh\n')).toBeUndefined()
  })
})
