import { describe, expect, it } from 'vitest'
import type { Snapshot } from '../../../src/presence/store.ts'
import { PresenceView, type Decision } from '../../../src/presence/view.ts'
import { memberName } from '../../../src/protocol/member-name.ts'
import { quiet, saying } from '../../support/presence-users.ts'

const DELAY_MS = 100

const SIGNS = { join: '+', leave: '-', update: '~' }

/** What is told, as `+alice`, `-alice` and `~alice`, with what she says of herself. */
function told(decisions: readonly Decision[]): string[] {
  return decisions.flatMap((one) =>
    one.kind === 'tell' ? [`${SIGNS[one.type]}${one.user}${one.json ?? ''}`] : [],
  )
}

function announced(decisions: readonly Decision[]): string[] {
  return decisions.flatMap((one) =>
    one.kind === 'announce' ? [`${one.change.present ? '+' : '-'}${one.change.user}`] : [],
  )
}

function stored(parts: Readonly<Record<string, readonly [version: number, ...users: string[]]>>): Snapshot {
  return new Map(
    Object.entries(parts).map(([node, [version, ...users]]) => [node, { version, users: quiet(users) }]),
  )
}

const join = (user: string, version: number) => ({ user, version, present: true })
const leave = (user: string, version: number) => ({ user, version, present: false })

function names(view: PresenceView): string[] {
  return [...view.members().keys()]
}

/** A view that has seen an empty store. */
function ready(): PresenceView {
  const view = new PresenceView(DELAY_MS)
  view.snapshot(new Map(), 0)
  return view
}

describe('PresenceView', () => {
  it('P1 counts users, and says of a connection of one who is there already that he is', () => {
    const view = ready()
    const seen = (decisions: readonly Decision[]): unknown[] =>
      decisions.flatMap((one) =>
        one.kind === 'tell' ? [[one.type, one.user, one.count, one.sameUser === true]] : [],
      )
    const [first, second] = [memberName('ann', 'a'), memberName('ann', 'b')]
    expect(seen(view.localEntered(first, 1, 0))).toEqual([['join', first, 1, false]])
    expect(seen(view.changed('n2', join(second, 1), 0))).toEqual([['join', second, 1, true]])
    expect(seen(view.localEntered('ann', 2, 0))).toEqual([['join', 'ann', 1, true]])
    expect(seen(view.localEntered('bob', 3, 0))).toEqual([['join', 'bob', 2, false]])
    expect([view.holds('ann'), view.holds('carl')]).toEqual([true, false])
    view.localLeft('ann', 4, 0)
    view.changed('n2', leave(second, 2), 0)
    // A user may come back in time, a connection does not.
    expect(names(view)).toEqual([first, 'ann', 'bob'])
    expect(seen(view.due(DELAY_MS))).toEqual([
      ['leave', 'ann', 2, true],
      ['leave', second, 2, true],
    ])
    expect(view.holds('ann')).toBe(true)
    view.localLeft(first, 5, DELAY_MS)
    expect(view.holds('ann')).toBe(false)
    expect(seen(view.due(2 * DELAY_MS))).toEqual([['leave', first, 1, false]])
  })

  it('P1 a user with three subscriptions here comes once and goes once', () => {
    const view = ready()
    const all = [1, 2, 3].flatMap((version) => view.localEntered('alice', version, 0))
    expect([told(all), announced(all)]).toEqual([['+alice'], ['+alice']])
    expect(announced([4, 5].flatMap((version) => view.localLeft('alice', version, 0)))).toEqual([])
    expect(announced(view.localLeft('alice', 6, 0))).toEqual(['-alice'])
    expect(told(view.due(DELAY_MS))).toEqual(['-alice'])
  })

  it('P1 a user on two nodes stays when one of them loses him', () => {
    const view = ready()
    view.localEntered('alice', 1, 0)
    expect(told(view.changed('n2', join('alice', 1), 0))).toEqual([])
    view.localLeft('alice', 2, 0)
    expect(view.nextDueMs).toBeUndefined()
    expect(names(view)).toEqual(['alice'])
    view.changed('n2', leave('alice', 2), 50)
    expect(view.nextDueMs).toBe(50 + DELAY_MS)
  })

  it('a subscription that was never entered changes nothing', () => {
    expect(ready().localLeft('alice', 1, 0)).toEqual([])
  })

  it('P2 whoever the first snapshot finds is a member and is not told, later ones are', () => {
    const view = new PresenceView(DELAY_MS)
    expect(view.complete).toBe(false)
    expect(told(view.snapshot(stored({ n2: [1, 'alice'] }), 0))).toEqual([])
    expect([view.complete, names(view)]).toEqual([true, ['alice']])
    expect(told(view.snapshot(stored({ n2: [2, 'alice', 'bob'] }), 0))).toEqual(['+bob'])
  })

  it('P3 of a user who returns within the delay nothing is told', () => {
    const view = ready()
    view.changed('n2', join('alice', 1), 0)
    view.changed('n2', leave('alice', 2), 0)
    expect(told(view.due(DELAY_MS - 1))).toEqual([])
    expect(names(view)).toEqual(['alice'])
    expect(told(view.changed('n3', join('alice', 1), DELAY_MS - 1))).toEqual([])
    expect(view.nextDueMs).toBeUndefined()
    expect(told(view.due(DELAY_MS * 10))).toEqual([])
  })

  it('P4 a join that is overtaken by its leave does not count', () => {
    const view = ready()
    view.changed('n2', leave('alice', 2), 0)
    expect(told(view.changed('n2', join('alice', 1), 0))).toEqual([])
  })

  it('P4 a join that is overtaken by a snapshot that knows of the leave does not count', () => {
    const view = ready()
    view.changed('n2', leave('alice', 2), 0)
    view.snapshot(stored({ n2: [2] }), 0)
    expect(told(view.changed('n2', join('alice', 1), 0))).toEqual([])
    expect(told(view.changed('n2', join('alice', 3), 0))).toEqual(['+alice'])
  })

  it('P5 a snapshot repairs a lost join and a lost leave', () => {
    const view = ready()
    view.changed('n2', join('alice', 1), 0)
    expect(told(view.snapshot(stored({ n2: [3, 'bob'] }), 0))).toEqual(['+bob'])
    expect(told(view.due(DELAY_MS))).toEqual(['-alice'])
  })

  it('P5 a snapshot does not undo what is newer than it', () => {
    const view = ready()
    view.changed('n2', join('alice', 5), 0)
    view.changed('n2', leave('bob', 6), 0)
    expect(told(view.snapshot(stored({ n2: [4, 'bob'] }), 0))).toEqual([])
    expect(view.nextDueMs).toBeUndefined()
    expect(names(view)).toEqual(['alice'])
  })

  it('P5 a snapshot that is older than the last one changes nothing', () => {
    const view = ready()
    view.snapshot(stored({ n2: [7, 'alice'] }), 0)
    expect(told(view.snapshot(stored({ n2: [6, 'bob'] }), 0))).toEqual([])
    expect(names(view)).toEqual(['alice'])
    expect(view.nextDueMs).toBeUndefined()
  })

  it('P5 a store that has lost everything makes nobody leave', () => {
    const view = ready()
    view.snapshot(stored({ n2: [7, 'alice'] }), 0)
    view.snapshot(new Map(), 0)
    view.snapshot(new Map(), 0)
    expect(view.nextDueMs).toBeUndefined()
    view.snapshot(stored({ n2: [7, 'alice'] }), 0)
    view.snapshot(new Map(), 0)
    expect(view.nextDueMs).toBeUndefined()
  })

  it('a node that three snapshots in a row know nothing of has nobody in the channel', () => {
    const view = ready()
    view.changed('n2', join('alice', 1), 0)
    for (let i = 0; i < 3; i++) view.snapshot(new Map(), 0)
    expect(told(view.due(DELAY_MS))).toEqual(['-alice'])
  })

  it('P6 the members of a node that is gone leave, unless they are elsewhere', () => {
    const view = ready()
    view.localEntered('alice', 1, 0)
    for (const [node, user] of [
      ['n2', 'alice'],
      ['n2', 'bob'],
      ['n2', 'carol'],
      ['n3', 'bob'],
    ] as const) {
      view.changed(node, join(user, user.length), 0)
    }
    view.nodeGone('n2', 0)
    expect(told(view.due(DELAY_MS))).toEqual(['-carol'])
    expect(names(view)).toEqual(['alice', 'bob'])
  })

  it('who is held comes in the order of the versions, however often one has come and gone', () => {
    const view = ready()
    view.localEntered('alice', 1, 0)
    view.localEntered('bob', 2, 0)
    view.localLeft('alice', 3, 0)
    view.localEntered('alice', 4, 0)
    expect([...view.held()].map(({ user, version }) => [user, version])).toEqual([
      ['bob', 2],
      ['alice', 4],
    ])
  })

  it('P8 of several connections, the one that spoke last is heard, and the one before it once that is gone', () => {
    const view = ready()
    const [phone, laptop] = [
      { json: '"on the phone"', at: 1 },
      { json: '"at the desk"', at: 2 },
    ]
    expect(told(view.localEntered('alice', 1, 0, phone))).toEqual(['+alice"on the phone"'])
    const elsewhere = { ...join('alice', 7), info: laptop }
    expect(told(view.changed('n2', elsewhere, 0))).toEqual(['~alice"at the desk"'])
    expect(told(view.changed('n2', leave('alice', 8), 10))).toEqual([])
    expect(told(view.due(9 + DELAY_MS))).toEqual([])
    expect(view.members().get('alice')).toBe('"at the desk"')
    expect(told(view.due(10 + DELAY_MS))).toEqual(['~alice"on the phone"'])
  })

  it('P8 of a connection that moves, and says again what it said before, nothing is told', () => {
    const view = ready()
    const info = { json: '1', at: 1 }
    view.localEntered('bob', 1, 0)
    view.changed('n2', { ...join('alice', 1), info }, 0)
    view.changed('n2', leave('alice', 2), 0)
    expect(told(view.changed('n3', { ...join('alice', 1), info }, 50))).toEqual([])
    expect([view.nextDueMs, view.members().get('alice')]).toEqual([undefined, '1'])
  })

  it('P8 who takes back what was said is told of at once', () => {
    const view = ready()
    const info = { json: '1', at: 1 }
    view.localEntered('alice', 1, 0, info)
    const nothing = { json: undefined, at: 2 }
    expect(told(view.localSaid('alice', { info: nothing, before: info }, 2, 0))).toEqual(['~alice'])
  })

  it('P7 a snapshot says what a node of an older version cannot, and repairs an update that was lost', () => {
    const view = ready()
    view.changed('n2', join('alice', 1), 0)
    const users = saying({ alice: '1' })
    expect(told(view.snapshot(new Map([['n2', { version: 1, users }]]), 0))).toEqual(['~alice1'])
    const later = saying({ alice: '2' }, 2)
    expect(told(view.snapshot(new Map([['n2', { version: 3, users: later }]]), 0))).toEqual(['~alice2'])
  })

  it('P5 a snapshot does not undo what was said after it', () => {
    const view = ready()
    view.changed('n2', { ...join('alice', 5), info: { json: '2', at: 2 } }, 0)
    const users = saying({ alice: '1' })
    expect(told(view.snapshot(new Map([['n2', { version: 4, users }]]), 0))).toEqual([])
    expect(view.members().get('alice')).toBe('2')
  })

  it('a user who goes while what he has said is fading leaves the whole delay later', () => {
    const view = ready()
    view.changed('n2', { ...join('alice', 1), info: { json: '1', at: 1 } }, 0)
    view.changed('n3', join('alice', 1), 0)
    view.changed('n2', leave('alice', 2), 0)
    view.changed('n3', leave('alice', 2), 60)
    expect(told(view.due(DELAY_MS))).toEqual([])
    expect(told(view.due(60 + DELAY_MS))).toEqual(['-alice1'])
  })

  it('each event says how many there are with it, once that is known', () => {
    const counts = (decisions: readonly Decision[]): (number | undefined)[] =>
      decisions.flatMap((one) => (one.kind === 'tell' ? [one.count] : []))
    const view = new PresenceView(DELAY_MS)
    expect(counts(view.localEntered('alice', 1, 0))).toEqual([undefined])
    view.snapshot(stored({ n2: [1, 'bob'] }), 0)
    expect(counts(view.localEntered('carol', 2, 0))).toEqual([3])
    view.localLeft('alice', 3, 0)
    view.localLeft('carol', 4, 0)
    expect(counts(view.due(DELAY_MS))).toEqual([2, 1])
  })
})
