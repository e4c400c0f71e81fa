import { describe, expect, it } from 'vitest'
import {
  decodeAnnouncement,
  encodeAnnouncement,
  inAnnouncements,
} from '../../../src/presence/announcements.ts'

describe('an announcement of presence', () => {
  it('is decoded as it was encoded', () => {
    const changes = {
      kind: 'changes',
      changes: [
        { channel: 'room:1', user: 'älice "x"', version: 1_987_654_321_987, present: true },
        { channel: 'room:2', user: 'bob', version: 2, present: false },
        {
          channel: 'room:2',
          user: 'carol',
          version: 3,
          present: true,
          info: { json: '{"a":"\\ud800"}', at: 7 },
        },
        { channel: 'room:2', user: 'dave', version: 4, present: true, info: { json: undefined, at: 8 } },
      ],
    } as const
    expect(decodeAnnouncement(encodeAnnouncement(changes))).toEqual(changes)
    expect(decodeAnnouncement(encodeAnnouncement({ kind: 'gone' }))).toEqual({ kind: 'gone' })
  })

  it('of an older version says nothing of what users say, and an older version reads one of this', () => {
    const text = '{"kind":"presence","changes":[["room","alice",1,true]]}'
    const changes = [{ channel: 'room', user: 'alice', version: 1, present: true }]
    expect(decodeAnnouncement(Buffer.from(text))).toEqual({ kind: 'changes', changes })
    const [said] = changes.map((change) => ({ ...change, info: { json: '1', at: 1 } }))
    const sent = JSON.parse(
      encodeAnnouncement({ kind: 'changes', changes: said === undefined ? [] : [said] }).toString(),
    )
    expect(sent.changes[0].slice(0, 4)).toEqual(['room', 'alice', 1, true])
  })

  it('is cut into pieces where users say much, in order and without losing any', () => {
    const info = { json: JSON.stringify('x'.repeat(1_000)), at: 1 }
    const all = Array.from({ length: 200 }, (_, i) => ({
      ...{ channel: 'room', user: `user ${i}`, version: i, present: true },
      ...(i % 2 === 0 ? { info } : {}),
    }))
    const pieces = inAnnouncements(all)
    expect(pieces.length).toBe(2)
    expect(pieces.flat()).toEqual(all)
    for (const changes of pieces)
      expect(encodeAnnouncement({ kind: 'changes', changes }).length).toBeLessThan(100_000)
    expect(inAnnouncements([])).toEqual([])
  })

  it.each([
    '',
    'null',
    '[]',
    '{"kind":"revoke","user":"alice"}',
    '{"kind":"presence"}',
    '{"kind":"presence","changes":[["room","alice",1]]}',
    '{"kind":"presence","changes":[["room","alice","1",true]]}',
    '{"kind":"presence","changes":[["room",7,1,true]]}',
    '{"kind":"presence","changes":{}}',
    '{"kind":"presence","changes":[["room","alice",1,true,"1"]]}',
    '{"kind":"presence","changes":[["room","alice",1,true,1,2]]}',
  ])('is not %j', (text) => {
    expect(decodeAnnouncement(Buffer.from(text))).toBeUndefined()
  })
})
