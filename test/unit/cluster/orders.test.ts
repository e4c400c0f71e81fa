import { describe, expect, it } from 'vitest'
import { cordonKey, cordonOf, fits, NO_ORDERS, ordersIn, TARGET_KEY } from '../../../src/cluster/orders.ts'

describe('a pattern of versions', () => {
  it.each([
    ['1.4.2', '1.4.2', true],
    ['1.4.2', '1.4.20', false],
    ['1.4.*', '1.4.2', true],
    ['1.4.*', '1.40', false],
    ['*', '', true],
    ['*-rc', '2.0-rc', true],
    ['*-rc', '2.0-rc1', false],
    ['a*b*c', 'a1b2b3c', true],
    ['a*b*c', 'acb', false],
    ['ab*ba', 'aba', false],
    ['1*2*2', '12', false],
  ])('%s is %s: %s', (pattern, version, expected) => {
    expect(fits(pattern, version)).toBe(expected)
  })
})

describe('orders', () => {
  const ordered = { by: 'ops', at: 5 }
  const cordon = { kind: 'version', what: '1.4.*', ...ordered } as const
  const target = { version: '1.1.0', over: { generation: 7, said: true }, ...ordered }

  it('are read as they were given', () => {
    const shelf = new Map([
      [TARGET_KEY, JSON.stringify(target)],
      [cordonKey(cordon), JSON.stringify(cordon)],
    ])
    expect(ordersIn(shelf)).toEqual({ target, cordons: [cordon] })
  })

  it.each([
    ['no JSON', TARGET_KEY, '{'],
    ['nothing', TARGET_KEY, 'null'],
    ['no version', TARGET_KEY, JSON.stringify({ ...target, version: 1 })],
    ['no deploy', TARGET_KEY, JSON.stringify({ ...target, over: null })],
    ['another kind', 'cordon user ann', JSON.stringify({ ...cordon, kind: 'user', what: 'ann' })],
    ['under another key', 'cordon version 2', JSON.stringify(cordon)],
    [
      'endless',
      cordonKey({ kind: 'version', what: 'x'.repeat(999) }),
      JSON.stringify({ ...cordon, what: 'x'.repeat(999) }),
    ],
  ])('that are none are none: %s', (_, key, text) => {
    expect(ordersIn(new Map([[key, text]]))).toEqual(NO_ORDERS)
  })

  it('keep out a version wherever it is, and an address whatever is there', () => {
    const orders = {
      target: undefined,
      cordons: [cordon, { ...cordon, kind: 'address', what: 'h:1' } as const],
    }
    expect(cordonOf(orders, { version: '1.4.9', address: 'h:2' })).toBe(cordon)
    expect(cordonOf(orders, { version: '2', address: 'h:1' })).toMatchObject({ kind: 'address' })
    expect(cordonOf(orders, { version: '2', address: 'h:2' })).toBeUndefined()
  })
})
