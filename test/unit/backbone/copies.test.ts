import { describe, expect, it } from 'vitest'
import { Copies } from '../../../src/backbone/copies.ts'
import type { EphemeralMessage } from '../../../src/protocol/message.ts'

const message = (data: string, more: Partial<EphemeralMessage> = {}): EphemeralMessage => ({
  kind: 'ephemeral',
  channel: 'live',
  data: Buffer.from(data),
  binary: false,
  id: undefined,
  time: 1,
  ...more,
})

describe('the copies of ephemeral messages', () => {
  it('the second copy is known, whichever way it comes', () => {
    const copies = new Copies()
    expect(copies.first(message('1'), 'link')).toBe(true)
    expect(copies.first(message('1'), 'backbone')).toBe(false)
    expect(copies.first(message('2'), 'backbone')).toBe(true)
    expect(copies.first(message('2'), 'link')).toBe(false)
  })

  it('what comes one way only is delivered as often as it comes', () => {
    const copies = new Copies()
    expect([1, 2, 3].map(() => copies.first(message('same'), 'link'))).toEqual([true, true, true])
    expect([1, 2, 3, 4].map(() => copies.first(message('same'), 'backbone'))).toEqual([
      false,
      false,
      false,
      true,
    ])
  })

  it.each([
    ['channel', { channel: 'live:2' }],
    ['moment', { time: 2 }],
    ['id', { id: 'a' }],
    ['encoding', { binary: true }],
  ])('messages that differ in the %s are different ones', (_what, more) => {
    const copies = new Copies()
    copies.first(message('1'), 'link')
    expect(copies.first(message('1', more), 'backbone')).toBe(true)
  })

  it('no more are remembered than allowed', () => {
    const copies = new Copies(2)
    for (const data of ['1', '2', '3']) copies.first(message(data), 'link')
    expect(['1', '3'].map((data) => copies.first(message(data), 'backbone'))).toEqual([true, false])
  })
})
