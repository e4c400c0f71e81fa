import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Member } from '../../../../src/dialect/pusher/frames.ts'
import { Roster, type Guest } from '../../../../src/dialect/pusher/roster.ts'

/** A client that believes what it is told, and complains. */
class Client implements Guest {
  readonly member: Member
  readonly knows: Set<string>

  constructor(roster: Roster, id: string) {
    this.member = { id, info: undefined }
    this.knows = new Set(roster.shownTo(this.member).map((one) => one.id))
    roster.enter(this)
  }

  come({ id }: Member): void {
    if (id === this.member.id || this.knows.has(id)) throw new Error(`told of ${id} again`)
    this.knows.add(id)
  }

  went(id: string): void {
    if (id === this.member.id || !this.knows.delete(id)) throw new Error(`told that ${id} went`)
  }
}

it('R1 to R3: each client knows who is there, is told of nobody twice, and never of himself', () => {
  const user = fc.constantFrom('ann', 'bob', 'eve')
  const deed = fc.oneof(
    fc.record({ kind: fc.constantFrom('enter', 'come', 'went'), user }),
    fc.record({ kind: fc.constantFrom('leave', 'found'), user }),
  )
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
      const roster = new Roster()
      const clients: Client[] = []
      const there = new Set<string>()
      for (const { kind, user: id } of deeds) {
        if (kind === 'enter') clients.push(new Client(roster, id))
        else if (kind === 'leave') {
          const client = clients.shift()
          if (client !== undefined) roster.leave(client)
        } else if (kind === 'went') {
          there.delete(id)
          roster.went(id)
        } else {
          there.add(id)
          if (kind === 'come') roster.come({ id, info: undefined })
          else roster.found([{ id, info: undefined }])
        }
        for (const { member, knows } of clients)
          expect([...knows].toSorted()).toEqual([...new Set([...there, member.id])].toSorted())
      }
      expect(roster.empty).toBe(clients.length === 0)
    }),
  )
})

it('takes no more members than it may have, but more connections of those who are there', () => {
  const roster = new Roster()
  roster.come({ id: 'ann', info: undefined })
  expect(['ann', 'bob'].map((id) => roster.takes({ id, info: undefined }, 1))).toEqual([true, false])
})

it('shows who comes what a member has said last of himself', () => {
  const roster = new Roster()
  roster.come({ id: 'ann', info: '1' })
  roster.changed({ id: 'ann', info: '2' })
  roster.changed({ id: 'bob', info: '3' })
  expect(roster.shownTo({ id: 'eve', info: undefined })).toEqual([
    { id: 'ann', info: '2' },
    { id: 'eve', info: undefined },
  ])
})
