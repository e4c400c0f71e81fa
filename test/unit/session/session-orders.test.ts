import { describe, expect, it } from 'vitest'
import { sessionOrderIn, type SessionOrder } from '../../../src/cluster/session-order.ts'
import type { Closing } from '../../../src/errors.ts'
import type { Identity } from '../../../src/session/ports.ts'
import { obeyOrder } from '../../../src/session/session-orders.ts'

const NOW_MS = 1000

function obeyed(order: SessionOrder): { readonly ended: Closing[]; readonly renewed: Identity[] } {
  const [ended, renewed]: [Closing[], Identity[]] = [[], []]
  const session = {
    identity: { user: 'ann', expiresAtMs: 5000 } as Identity,
    connection: { end: (closing: Closing) => void ended.push(closing) },
    renew: (identity: Identity) => void renewed.push(identity),
  }
  obeyOrder(session as never, order, NOW_MS)
  return { ended, renewed }
}

it('an end is worded as the backend has it', () => {
  const as = { code: 4000, reason: 'enough' }
  expect(obeyed({ kind: 'end', as }).ended).toMatchObject([{ why: 'forbidden', as }])
  expect(obeyed({ kind: 'end' }).ended[0]?.as).toBeUndefined()
})

it('a connection is good until the moment, for ever, or over at once', () => {
  expect(obeyed({ kind: 'expire', atMs: 9000 })).toEqual({
    ended: [],
    renewed: [{ user: 'ann', expiresAtMs: 9000 }],
  })
  expect(obeyed({ kind: 'expire', atMs: undefined }).renewed).toEqual([
    { user: 'ann', expiresAtMs: undefined },
  ])
  const { ended, renewed } = obeyed({ kind: 'expire', atMs: NOW_MS })
  expect(ended).toMatchObject([{ why: 'unauthorized' }])
  expect(renewed).toEqual([])
})

describe('what another node says', () => {
  it.each<SessionOrder>([
    { kind: 'end' },
    { kind: 'end', as: { code: 3000, reason: '' } },
    { kind: 'expire', atMs: 0 },
    { kind: 'expire', atMs: undefined },
  ])('is understood: %j', (order) => {
    expect(sessionOrderIn(JSON.parse(JSON.stringify(order)))).toEqual(order)
  })

  it.each([null, {}, { kind: 'other' }, { kind: 'expire', atMs: 'soon' }])('is none: %j', (order) => {
    expect(sessionOrderIn(order)).toBeUndefined()
  })

  it('of words that are none has the order without them', () => {
    expect(sessionOrderIn({ kind: 'end', as: { code: 'x' } })).toEqual({ kind: 'end' })
  })
})
