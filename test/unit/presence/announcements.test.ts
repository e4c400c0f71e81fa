import { describe, expect, it } from 'vitest'
import { decodeAnnouncement, encodeAnnouncement } from '../../../src/presence/announcements.ts'

describe('an announcement of presence', () => {
  it('is decoded as it was encoded', () => {
    const changes = {
      kind: 'changes',
      changes: [
        { channel: 'room:1', user: 'älice "x"', version: 1_987_654_321_987, present: true },
        { channel: 'room:2', user: 'bob', version: 2, present: false },
      ],
    } as const
    expect(decodeAnnouncement(encodeAnnouncement(changes))).toEqual(changes)
    expect(decodeAnnouncement(encodeAnnouncement({ kind: 'gone' }))).toEqual({ kind: 'gone' })
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
  ])('is not %j', (text) => {
    expect(decodeAnnouncement(Buffer.from(text))).toBeUndefined()
  })
})
