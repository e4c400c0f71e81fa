import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Tickets } from '../../src/admission/tickets.ts'
import {
  composeCursor,
  cursorSegment,
  departureIn,
  departureSegment,
  parseCursor,
  tagOf,
} from '../../src/protocol/cursor.ts'
import { readTicket, ticketIn, ticketSegment, ticketText, type Ticket } from '../../src/protocol/ticket.ts'
import { ManualClock } from '../unit/admission/manual-clock.ts'

const SECRET = 'a-secret-that-the-nodes-of-a-test-share'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const owner = fc.string({ minLength: 1 }).map(tagOf)
const positions = fc.dictionary(
  fc.stringMatching(/^[a-z0-9:]{1,20}$/),
  fc.record({ epoch: fc.stringMatching(/^[A-Za-z0-9]{1,32}$/), offset: fc.maxSafeNat() }),
  { maxKeys: 40 },
)
const departures = fc.record({
  node: fc.stringMatching(/^[0-9a-f]{16}$/),
  number: fc.integer({ min: 1, max: 10_000_000 }),
  turns: fc.nat(9),
})

function pair(secret = SECRET): { tickets: Tickets; clock: ManualClock } {
  const clock = new ManualClock()
  return { clock, tickets: new Tickets(secret, DAY_MS, clock) }
}

describe('a ticket', () => {
  it('T1 holds at each node that knows the secret, until it is a day old', () => {
    fc.assert(
      fc.property(owner, fc.integer({ min: 0, max: 24 * HOUR_MS }), (user, ageMs) => {
        const { tickets, clock } = pair()
        const ticket = tickets.give(user)
        clock.jump(ageMs)
        const other = new Tickets(SECRET, DAY_MS, clock)
        expect(other.spend(ticket)).toBe(true)
      }),
    )
  })

  it('T1 is not one any more after that, nor one of a clock that is far ahead', () => {
    const { tickets, clock } = pair()
    const ticket = tickets.give(tagOf('ann'))
    clock.jump(DAY_MS + HOUR_MS)
    expect(tickets.spend(ticket)).toBe(false)
    const ahead = pair()
    ahead.clock.jump(2 * HOUR_MS)
    expect(pair().tickets.spend(ahead.tickets.give(tagOf('ann')))).toBe(false)
  })

  it("T2 is nobody else's, of no other hour, of no other secret, and cannot be made up", () => {
    const mac = fc.stringMatching(/^[0-9a-f]{16}$/)
    fc.assert(
      fc.property(owner, owner, mac, fc.integer({ min: -1, max: 24 }), (user, other, guess, hours) => {
        const { tickets } = pair()
        const ticket = tickets.give(user)
        if (other !== user) expect(tickets.spend({ ...ticket, owner: other })).toBe(false)
        if (hours !== 0) expect(tickets.spend({ ...ticket, hour: ticket.hour - hours })).toBe(false)
        if (guess !== ticket.mac) expect(tickets.spend({ ...ticket, mac: guess })).toBe(false)
        expect(pair('another secret').tickets.spend(ticket)).toBe(false)
        expect(tickets.spend(ticket)).toBe(true)
      }),
    )
  })

  it('T3 is worth some admissions at once and one a second after that, of all tickets of its user together', () => {
    const { tickets, clock } = pair()
    const given = Array.from({ length: 50 }, () => tickets.give(tagOf('ann')))
    expect(given.filter((ticket) => tickets.spend(ticket))).toHaveLength(20)
    clock.jump(HOUR_MS)
    const later = Array.from({ length: 5000 }, (_, index) => {
      clock.jump(index % 10 === 0 ? 1 : 0)
      return index % 2 === 0 ? (given[index % 50] as Ticket) : tickets.give(tagOf('ann'))
    })
    expect(later.filter((ticket) => tickets.spend(ticket))).toHaveLength(20)
    clock.jump(10_000)
    expect(later.filter((ticket) => tickets.spend(ticket))).toHaveLength(10)
    expect(tickets.spend(tickets.give(tagOf('bob')))).toBe(true)
  })

  it('T3 what does not hold costs its user nothing', () => {
    const { tickets } = pair()
    const ticket = tickets.give(tagOf('ann'))
    for (let i = 0; i < 1000; i++) tickets.spend({ ...ticket, mac: '0123456789abcdef' })
    expect(tickets.spend(ticket)).toBe(true)
  })

  it('should be replaced when a quarter of its time is over', () => {
    const { tickets, clock } = pair()
    const { hour } = tickets.give(tagOf('ann'))
    expect(tickets.isOld(hour)).toBe(false)
    clock.jump(7 * HOUR_MS)
    expect(tickets.isOld(hour)).toBe(true)
    expect(tickets.isOld(tickets.give(tagOf('ann')).hour)).toBe(false)
  })
})

describe('the text of a ticket', () => {
  const { tickets } = pair()

  it('brings it back, and fits into a URL as it is', () => {
    fc.assert(
      fc.property(owner, (user) => {
        const ticket = tickets.give(user)
        expect(readTicket(ticketText(ticket))).toEqual(ticket)
        expect(encodeURIComponent(ticketText(ticket))).toBe(ticketText(ticket))
      }),
    )
  })

  it('in a cursor brings it back, and leaves the positions and the departure as they are', () => {
    fc.assert(
      fc.property(owner, positions, fc.option(departures), (user, at, departure) => {
        const ticket = tickets.give(user)
        const segments = Object.entries(at).map(([name, position]) => cursorSegment(tagOf(name), position))
        const away = departure === null ? '' : departureSegment(departure)
        const plain = composeCursor(segments, user, away)
        const cursor = composeCursor(segments, user, ticketSegment(ticket) + away)
        expect(ticketIn(cursor)).toEqual(ticket)
        expect(ticketIn(plain)).toBeUndefined()
        const [read, readPlain] = [parseCursor(cursor, user), parseCursor(plain, user)]
        if (read.kind !== 'positions' || readPlain.kind !== 'positions') throw new Error('no cursor')
        expect(read.byTag).toEqual(readPlain.byTag)
        expect(read.departure === undefined).toBe(departure === null)
        expect(read.departure).toMatchObject(departure ?? {})
        // Sent on once more, it goes with it.
        if (departure !== null) expect(ticketIn(departureIn(cursor)?.again ?? '')).toEqual(ticket)
        expect(cursor.length - plain.length).toBeLessThanOrEqual(30)
        expect(cursor).toMatch(/^[A-Za-z0-9~._-]+$/)
      }),
    )
  })

  it('is found in no text that has none, and no text makes it fail', () => {
    const bits = fc.constantFrom(
      '~',
      '-ticket-',
      '.',
      'abcdefgh',
      '0123456789abcdef',
      '-moved-',
      '1',
      'zz',
      '%',
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(bits, { maxLength: 12 }).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, (any) => {
        for (const ticket of [readTicket(any), ticketIn(any)]) {
          if (ticket === undefined) continue
          expect(ticket).toEqual({
            owner: expect.stringMatching(/^[\w-]{8}$/) as string,
            hour: expect.any(Number) as number,
            mac: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
          })
          expect(tickets.spend(ticket)).toBe(false)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
