import { describe, expect, it } from 'vitest'
import { Tail } from '../../../src/hub/tail.ts'
import { Encoded } from '../../../src/protocol/encode.ts'
import type { LoggedMessage } from '../../../src/protocol/message.ts'

function entry(offset: number, bytes = 10): Encoded {
  const message: LoggedMessage = {
    kind: 'logged',
    channel: 'c',
    epoch: 'e',
    offset,
    previous: offset - 1,
    id: undefined,
    time: 0,
    data: Buffer.alloc(bytes),
    binary: false,
    ack: false,
  }
  return new Encoded(message)
}

const offsetOf = (encoded: Encoded | undefined): number | undefined =>
  (encoded?.message as LoggedMessage | undefined)?.offset

describe('tail', () => {
  it('serves from any offset since its start, and nothing before', () => {
    const tail = new Tail({ messages: 3, bytes: 1e6 }, 0)
    for (let offset = 1; offset <= 5; offset++) tail.push(entry(offset))
    expect(tail.start).toBe(2)
    expect(offsetOf(tail.next(1))).toBeUndefined()
    expect(offsetOf(tail.next(2))).toBe(3)
    expect(offsetOf(tail.next(4))).toBe(5)
    expect(offsetOf(tail.next(5))).toBeUndefined()
    expect(offsetOf(tail.newest)).toBe(5)
    expect(offsetOf(tail.fromEnd(3))).toBe(3)
    expect(tail.fromEnd(4)).toBeUndefined()
  })

  it('keeps what was put in front for a herd a while, and shrinks as messages come', () => {
    const tail = new Tail({ messages: 2, bytes: 1e6 }, 10)
    tail.prepend(
      [6, 7, 8, 9, 10].map((offset) => entry(offset)),
      5,
    )
    expect(offsetOf(tail.next(5))).toBe(6)
    for (let offset = 11; offset <= 20; offset++) tail.push(entry(offset))
    expect(tail.length).toBe(2)
    expect(tail.start).toBe(18)
  })

  it('is bounded by bytes too, but keeps the newest message whatever its size', () => {
    const tail = new Tail({ messages: 100, bytes: 1000 }, 0)
    for (let offset = 1; offset <= 20; offset++) tail.push(entry(offset, 100))
    expect(tail.length).toBeLessThanOrEqual(3)
    tail.push(entry(21, 5000))
    tail.push(entry(22, 5000))
    expect(offsetOf(tail.newest)).toBe(22)
    expect(tail.length).toBe(1)
  })
})
