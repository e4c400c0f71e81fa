import { describe, expect, it } from 'vitest'
import { Departures } from '../../../src/drain/departures.ts'
import { composeCursor, departureKey, parseCursor, tagOf } from '../../../src/protocol/cursor.ts'
import { newSessionId } from '../../../src/session/session-id.ts'

const NODE = '4f1c2ab3c4d5e6f7'

/** What the next node says, having read the last cursor of this one as the user's. */
function keyIn(segment: string | undefined, user: string): string {
  const cursor = composeCursor([], tagOf(user), segment)
  const parsed = parseCursor(cursor, tagOf(user))
  if (parsed.kind !== 'positions' || parsed.departure === undefined)
    throw new Error(`${cursor} tells nothing`)
  expect(parsed.departure).toMatchObject({ node: NODE, turns: 0 })
  return departureKey(parsed.departure.number, tagOf(user))
}

describe('the departures of a node', () => {
  it('are found again by what the last cursor of each says', () => {
    const departures = new Departures(NODE)
    const sessions = ['ann', 'bob'].map((user) => ({ user, session: newSessionId(tagOf(user)) }))
    for (const { session } of sessions) departures.asked(session)
    for (const { user, session } of sessions) {
      const key = keyIn(departures.segmentOf(session), user)
      departures.left(session)
      expect(departures.sessionOf(key)).toBe(session)
    }
  })

  it("are never another user's, whatever number he makes up", () => {
    const departures = new Departures(NODE)
    const session = newSessionId(tagOf('ann'))
    departures.asked(session)
    for (let number = 0; number < 10; number++)
      expect(departures.sessionOf(departureKey(number, tagOf('eve')))).not.toBe(session)
  })

  it('are in no cursor of who was not asked to go, has gone, or may stay', () => {
    const departures = new Departures(NODE)
    const [stays, goes, late] = ['a', 'b', 'c'].map((user) => newSessionId(tagOf(user))) as [
      string,
      string,
      string,
    ]
    departures.asked(goes)
    departures.asked(late)
    departures.left(goes)
    expect(departures.segmentOf(stays)).toBeUndefined()
    expect(departures.segmentOf(goes)).toBeUndefined()
    expect(departures.segmentOf(late)).toBeDefined()
    departures.over()
    expect(departures.segmentOf(late)).toBeUndefined()
  })

  it('are not kept for ever', () => {
    const departures = new Departures(NODE)
    const first = newSessionId(tagOf('ann'))
    departures.asked(first)
    const key = keyIn(departures.segmentOf(first), 'ann')
    for (let i = 0; i < 50_000; i++) departures.asked(`session-${i}-of-bob-12345678`)
    expect(departures.sessionOf(key)).toBe(key)
  })
})
