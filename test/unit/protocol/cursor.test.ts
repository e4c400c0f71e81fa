import { describe, expect, it } from 'vitest'
import { composeCursor, departureIn, departureKey, parseCursor } from '../../../src/protocol/cursor.ts'
import { ticketSegment } from '../../../src/protocol/ticket.ts'

const OWNER = 'abcdefgh'
const TAG = 'AbCdEfGh'

describe('a cursor', () => {
  it.each([
    ['', 'nothing'],
    ['1', 'no owner'],
    [`2~${OWNER}`, 'another version'],
    [`11~${OWNER}`, 'another version'],
    [`~${OWNER}`, 'no version'],
    ['1~abcdefg', 'an owner that is too short'],
    [`1~x${OWNER}`, 'an owner that is too long'],
    [`1~${OWNER}x`, 'an owner that is too long'],
    ['1~abcdef+h', 'an owner with a letter that none has'],
    [`1~${TAG}1~${OWNER}`, 'no epoch'],
    [`1~${TAG}.e~${OWNER}`, 'no offset'],
    [`1~.${TAG}1.e~${OWNER}`, 'something before a tag'],
    [`1~${TAG}1.e.~${OWNER}`, 'something behind an epoch'],
    [`1~${TAG}1.${'e'.repeat(33)}~${OWNER}`, 'an epoch that is too long'],
    [`1~${TAG}${'1'.repeat(12)}.e~${OWNER}`, 'an offset that is too long'],
    [`1~${TAG}zzzzzzzzzzz.e~${OWNER}`, 'an offset that no number holds'],
    [`1~${TAG}1.e~${TAG}2.e~${OWNER}`, 'two places of one channel'],
    [`1~~${OWNER}`, 'an empty segment'],
  ])('is none: %s (%s)', (text) => {
    expect(parseCursor(text, OWNER)).toEqual({ kind: 'malformed' })
    // Nor is it another user's.
    expect(parseCursor(text, 'hgfedcba')).toEqual({ kind: 'malformed' })
  })

  it('may have no channel', () => {
    expect(composeCursor([], OWNER)).toBe(`1~${OWNER}`)
    expect(parseCursor(`1~${OWNER}`, OWNER)).toEqual({
      kind: 'positions',
      byTag: new Map(),
      departure: undefined,
    })
  })

  it('takes a ticket and a departure for no channel, however often they come', () => {
    const ticket = ticketSegment({ owner: OWNER, hour: 500_000, mac: '0123456789abcdef' })
    const departure = '~-moved-01.n'
    const text = `1~${TAG}z.e${ticket}${ticket}${departure}${departure}~${OWNER}`
    expect(parseCursor(text, OWNER)).toEqual({
      kind: 'positions',
      byTag: new Map([[TAG, { epoch: 'e', offset: 35 }]]),
      departure: { node: 'n', number: 1, turns: 0, again: text.replace(/01\.n~abc/, '11.n~abc') },
    })
  })
})

describe('a departure', () => {
  it.each([
    `0~-moved-01.n~${OWNER}`,
    `x1~-moved-01.n~${OWNER}`,
    `1~-moved-01.n~${OWNER}x`,
    `1~-moved-01.n`,
    `1~-moved-x1.n~${OWNER}`,
    `1~-moved-0.n~${OWNER}`,
    `1~-moved-0${'1'.repeat(12)}.n~${OWNER}`,
    `1~-moved-01.~${OWNER}`,
    `1~-moved-01.${'n'.repeat(33)}~${OWNER}`,
  ])('is none: %s', (text) => {
    expect(departureIn(text)).toBeUndefined()
  })

  it('has a key by which two nodes name a client: its number among those that were sent away, and its owner', () => {
    expect(departureKey(71, OWNER)).toBe(`1z~${OWNER}`)
  })
})
