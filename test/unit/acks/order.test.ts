import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareEpochs, furthest, isFurther } from '../../../src/acks/order.ts'
import type { Position } from '../../../src/protocol/position.ts'

const position: fc.Arbitrary<Position> = fc.record({
  epoch: fc.constantFrom('1', 'z', '10', 'zz', 'lq2b4k', 'lq2b4m'),
  offset: fc.nat(5),
})

describe('the order of acknowledged positions', () => {
  it('A3 a moment is a later epoch than every moment before it', () => {
    const moment = fc.nat(Number.MAX_SAFE_INTEGER)
    fc.assert(
      fc.property(moment, moment, (left, right) => {
        expect(Math.sign(compareEpochs(left.toString(36), right.toString(36)))).toBe(Math.sign(left - right))
      }),
    )
  })

  it('A1 of any number of positions the same one is the furthest, in whatever order', () => {
    fc.assert(
      fc.property(fc.array(position, { minLength: 1 }), (positions) => {
        const found = positions.reduce<Position | undefined>((best, one) => furthest(best, one), undefined)
        expect(positions.toReversed().reduce((best, one) => furthest(best, one) ?? one)).toEqual(found)
        for (const one of positions) expect(isFurther(one, found)).toBe(false)
      }),
    )
  })

  it('A3 an earlier epoch is never further, whatever its offset', () => {
    expect(isFurther({ epoch: 'a', offset: 9 }, { epoch: 'b', offset: 1 })).toBe(false)
    expect(isFurther({ epoch: '10', offset: 0 }, { epoch: 'z', offset: 9 })).toBe(true)
  })
})
