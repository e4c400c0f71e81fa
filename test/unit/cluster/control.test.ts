import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { controlBytes, dispatch, type ControlSink } from '../../../src/cluster/control.ts'

/** Every list that a control message has, as a node that is wrong, or of another version, may fill it. */
const withLists = (list: readonly unknown[]): object[] => [
  { kind: 'order', sessions: list, order: { kind: 'disconnect' } },
  { kind: 'stand', sessions: list, channels: list, on: true },
  { kind: 'traced', id: 'x', lines: list },
  { kind: 'iAm', number: 1, degraded: list },
  { kind: 'occupancyAsk', number: 1, question: { of: list } },
]

/** Texts that somebody was told, from whatever stands in the message. */
function textsTold(message: object): unknown[] {
  const told: unknown[] = []
  const sink = new Proxy({} as ControlSink, {
    get:
      () =>
      (...said: unknown[]) =>
        told.push(...said),
  })
  dispatch(Buffer.from(JSON.stringify(message)), sink)
  return told
}

describe('control messages', () => {
  it('what is no text in a list is left out, and ends nothing', () => {
    const odd = { toString: 5, valueOf: 'x' }
    for (const message of withLists(['a', odd, null, 7, ['b']])) {
      const told = JSON.stringify(textsTold(message))
      if (told === '[]') continue
      expect(told).toContain('"a"')
      expect(told).not.toMatch(/toString|null|"b"/)
    }
    expect(textsTold({ kind: 'traced', id: 'x', lines: ['a', odd] })).toEqual(['x', ['a']])
  })

  it('whatever stands in lists, reading them does not fail', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (list) => {
        for (const message of withLists(list)) textsTold(message)
      }),
    )
  })

  it('are read as they were written', () => {
    const sink = { jobChanged: () => undefined } as unknown as ControlSink
    expect(dispatch(controlBytes({ kind: 'jobChanged' }), sink)).toBe(true)
  })
})
