import { beforeEach, describe, expect, it } from 'vitest'
import type { Departure } from '../../../src/protocol/cursor.ts'
import type { Claimed } from '../../../src/registry/registry.ts'
import { Handover } from '../../../src/session/handover.ts'
import type { HandoverPort } from '../../../src/session/ports.ts'

/** A client whose session ends in the eight characters of its user, at node n1. */
const HERE = { session: '0123456789abcdefghijklmnann-----', node: 'n1' }
const NEW: Claimed = {
  claim: 7,
  known: true,
  previousNode: undefined,
  revokedBeforeMs: undefined,
  sessions: 1,
}
const SENT_AWAY_BY = (node: string): Departure => ({ node, number: 46, turns: 0 })

let told: unknown[]
const former = {
  tookOver: (node, taken) => void told.push(['tookOver', node, taken]),
  cameBack: (node, client, recovered) => void told.push(['cameBack', node, client, recovered]),
  cameBackHere: (client) => void told.push(['cameBackHere', client]),
  replayed: (node, client, messages) => void told.push(['replayed', node, client, messages]),
} as Partial<HandoverPort> as HandoverPort

beforeEach(() => {
  told = []
})

describe('a handover', () => {
  it('is none where the client was nowhere, or on this node', () => {
    expect(Handover.of(HERE, NEW, undefined, former)).toBeUndefined()
    expect(Handover.of(HERE, { ...NEW, previousNode: 'n1' }, undefined, former)).toBeUndefined()
    expect(told).toEqual([])
  })

  it.each([true, false])('tells the node that had the session, by its claim (recovered %s)', (recovered) => {
    const handover = Handover.of(HERE, { ...NEW, previousNode: 'n2' }, SENT_AWAY_BY('n3'), former)
    expect(handover?.from).toBe('n2')
    expect(told).toEqual([])
    handover?.announce(recovered)
    expect(told).toEqual([
      ['tookOver', 'n2', { session: HERE.session, recovered, claim: 7, detachedForMs: 0 }],
    ])
  })

  it('says for how long the session was without a connection', () => {
    const claimed = { ...NEW, previousNode: 'n2', detachedForMs: 30 }
    Handover.of(HERE, claimed, undefined, former)?.announce(true)
    expect(told).toMatchObject([['tookOver', 'n2', { detachedForMs: 30 }]])
  })

  it.each([true, false])(
    'tells the node that sent a stream or a poll away, by the number that it gave (recovered %s)',
    (recovered) => {
      const handover = Handover.of(HERE, NEW, SENT_AWAY_BY('n2'), former)
      expect(handover?.from).toBe('n2')
      handover?.announce(recovered)
      expect(told).toEqual([['cameBack', 'n2', '1a~ann-----', recovered]])
    },
  )

  it('is none for who comes back to the node that sent him away, which is told', () => {
    expect(Handover.of(HERE, NEW, SENT_AWAY_BY('n1'), former)).toBeUndefined()
    expect(told).toEqual([['cameBackHere', '1a~ann-----']])
  })

  it('tells what the client had to catch up on once, when the last of its subscriptions has', () => {
    const replay = Handover.of(HERE, { ...NEW, previousNode: 'n2' }, undefined, former)?.replayOf(3)
    for (let i = 0; i < 5; i++) replay?.replayed()
    replay?.ended()
    replay?.ended()
    expect(told).toEqual([])
    replay?.ended()
    expect(told).toEqual([['replayed', 'n2', HERE.session, 5]])
    replay?.ended()
    expect(told).toHaveLength(1)
  })

  it('tells nothing of what was caught up on where that was nothing', () => {
    Handover.of(HERE, NEW, SENT_AWAY_BY('n2'), former)?.replayOf(1).ended()
    expect(told).toEqual([])
  })
})
