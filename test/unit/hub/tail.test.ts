import { describe, expect, it, vi } from 'vitest'
import { FeedMemory } from '../../../src/hub/feed-memory.ts'
import { Tail } from '../../../src/hub/tail.ts'
import { FRAMES, LINES } from '../../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import type { LoggedMessage } from '../../../src/protocol/message.ts'

function entry(offset: number, bytes = 10, time = 0): Encoded {
  const message: LoggedMessage = {
    kind: 'logged',
    channel: 'c',
    epoch: 'e',
    offset,
    previous: offset - 1,
    id: undefined,
    time,
    data: Buffer.alloc(bytes),
    binary: false,
    ack: false,
  }
  return new Encoded(message)
}

const offsetOf = (encoded: Encoded | undefined): number | undefined =>
  (encoded?.message as LoggedMessage | undefined)?.offset

function tailOf(
  limits: { messages: number; bytes: number; ttlMs?: number },
  start: number,
  memory = new FeedMemory(1e9, () => undefined),
): Tail {
  return new Tail({ ttlMs: Infinity, ...limits }, start, memory)
}

describe('tail', () => {
  it('serves from any offset since its start, and nothing before', () => {
    const tail = tailOf({ messages: 3, bytes: 1e6 }, 0)
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
    const tail = tailOf({ messages: 2, bytes: 1e6 }, 10)
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
    const tail = tailOf({ messages: 100, bytes: 1000 }, 0)
    for (let offset = 1; offset <= 20; offset++) tail.push(entry(offset, 100))
    expect(tail.length).toBeLessThanOrEqual(3)
    tail.push(entry(21, 5000))
    tail.push(entry(22, 5000))
    expect(offsetOf(tail.newest)).toBe(22)
    expect(tail.length).toBe(1)
  })

  it('drops what is older than the log keeps', () => {
    const tail = tailOf({ messages: 100, bytes: 1e6, ttlMs: 1000 }, 0)
    for (let offset = 1; offset <= 5; offset++) tail.push(entry(offset, 10, offset * 100))
    tail.expire(1300)
    expect(tail.start).toBe(2)
    expect(offsetOf(tail.next(2))).toBe(3)
    tail.expire(10_000)
    expect(tail.length).toBe(0)
    expect(tail.start).toBe(5)
    expect(tail.bytes).toBe(0)
    tail.push(entry(6))
    expect(offsetOf(tail.next(5))).toBe(6)
  })

  it('counts what is encoded while it is kept, and gives it back', () => {
    const memory = new FeedMemory(1e9, () => undefined)
    const tail = tailOf({ messages: 100, bytes: 1e6 }, 0, memory)
    const one = entry(1, 60_000)
    tail.push(one)
    expect(tail.bytes).toBe(one.bytes)
    const plain = tail.bytes
    expect(plain).toBeGreaterThanOrEqual(60_000)
    expect(one.as(LINES).data.length).toBeGreaterThan(60_000)
    expect(tail.bytes).toBeGreaterThan(120_000)
    expect(one.as(FRAMES).data.length).toBeGreaterThan(60_000)
    expect(memory.bytes).toBe(tail.bytes)
    tail.settle()
    expect(tail.bytes).toBe(plain)
    tail.giveUp()
    expect(memory.bytes).toBe(0)
    // It counts nowhere any more.
    expect(one.as(LINES).data.length).toBeGreaterThan(60_000)
    expect(memory.bytes).toBe(0)
  })

  it('what it keeps for long is apart from what it came in', () => {
    const tail = tailOf({ messages: 100, bytes: 1e6 }, 0)
    const one = entry(1)
    const piece = Buffer.alloc(65_536, 0x31)
    ;(one.message as { data: Uint8Array }).data = piece.subarray(100, 200)
    tail.push(one)
    expect(one.as(FRAMES).data.toString()).toContain(`"data":${'1'.repeat(100)}`)
    expect(one.message.data.buffer).not.toBe(piece.buffer)
    tail.settle()
    expect(one.message.data.buffer.byteLength).toBe(100)
    expect(Buffer.from(one.message.data).toString()).toBe('1'.repeat(100))
    expect(one.as(FRAMES).data.toString()).toContain(`"data":${'1'.repeat(100)}`)
  })
})

describe('the limits of a tail', () => {
  const one = entry(1).bytes

  it('let in as many messages and bytes as they say, and no more', () => {
    const tail = tailOf({ messages: 3, bytes: 1e6 }, 0)
    for (let offset = 1; offset <= 3; offset++) tail.push(entry(offset))
    expect(tail.length).toBe(3)
    tail.push(entry(4))
    expect(tail.length).toBe(3)
    const small = tailOf({ messages: 100, bytes: 3 * one }, 0)
    for (let offset = 1; offset <= 3; offset++) small.push(entry(offset))
    expect([small.length, small.bytes]).toEqual([3, 3 * one])
    small.push(entry(4))
    expect([small.length, small.start]).toEqual([3, 1])
  })

  it('let go of two at most for one that comes, so that a herd is served from what was put in front', () => {
    const tail = tailOf({ messages: 2, bytes: 1e6 }, 10)
    tail.prepend(
      [6, 7, 8, 9, 10].map((offset) => entry(offset)),
      5,
    )
    tail.push(entry(11))
    expect([tail.length, tail.start]).toEqual([4, 7])
  })

  it('hold in bytes for what is put in front too, but for the newest message', () => {
    const tail = tailOf({ messages: 2, bytes: 3 * one }, 10)
    tail.prepend(
      [6, 7, 8, 9, 10].map((offset) => entry(offset)),
      5,
    )
    expect([tail.length, tail.start, tail.bytes]).toEqual([3, 7, 3 * one])
    const large = tailOf({ messages: 2, bytes: 10 }, 10)
    large.prepend([entry(9), entry(10)], 8)
    expect([large.length, large.start]).toEqual([1, 9])
  })

  it('are narrower while the node has no room, down to the newest message', () => {
    const memory = new FeedMemory(10 * one, () => undefined)
    const tail = tailOf({ messages: 100, bytes: 1e6 }, 0, memory)
    for (let offset = 1; offset <= 5; offset++) tail.push(entry(offset))
    expect(tail.length).toBe(5)
    // What waits beyond a hole cannot be given up.
    memory.grew(9 * one, undefined)
    tail.push(entry(6))
    tail.push(entry(7))
    tail.push(entry(8))
    tail.push(entry(9))
    tail.push(entry(10))
    expect([tail.length, tail.start]).toEqual([1, 9])
    tail.prepend([], 9)
    expect(tail.length).toBe(1)
    tail.push(entry(11, 10_000))
    tail.prepend([], 10)
    expect([tail.length, tail.start]).toEqual([1, 10])
  })

  it('keep a message for as long as the log does, to the millisecond', () => {
    const tail = tailOf({ messages: 100, bytes: 1e6, ttlMs: 1000 }, 0)
    tail.push(entry(1, 10, 500))
    tail.expire(1500)
    expect(tail.length).toBe(1)
    tail.expire(1501)
    expect(tail.length).toBe(0)
  })
})

describe('what a tail tells its node', () => {
  it('that it was used when something is asked of it or comes to it, and when that is put in front', () => {
    const tail = tailOf({ messages: 3, bytes: 1e6 }, 5)
    expect(tail.used).toBe(true)
    const uses = [
      () => tail.push(entry(6)),
      () => tail.prepend([entry(5)], 4),
      () => tail.newest,
      () => tail.next(4),
      () => tail.next(0),
      () => tail.fromEnd(1),
    ]
    for (const use of uses) {
      tail.used = false
      use()
      expect(tail.used).toBe(true)
    }
    tail.used = false
    expect([tail.length, tail.bytes, tail.start, tail.used]).toEqual([2, 2 * entry(1).bytes, 4, false])
  })

  it.each([
    ['has expired', (tail: Tail) => tail.expire(1e9)],
    ['was given up', (tail: Tail) => tail.giveUp()],
  ])('that it has nothing any more where all %s, so that it is not asked to give up anything', (_, empty) => {
    let given = 0
    const memory = new FeedMemory(2000, () => given++)
    const tail = tailOf({ messages: 100, bytes: 1e6, ttlMs: 1000 }, 0, memory)
    tail.push(entry(1))
    empty(tail)
    expect(memory.bytes).toBe(0)
    tail.used = false
    memory.grew(5000, undefined)
    expect(given).toBe(0)
  })

  it('that it holds messages while it does, also after it had none', () => {
    let given = 0
    const memory = new FeedMemory(2000, () => given++)
    const tail = tailOf({ messages: 100, bytes: 1e6 }, 0, memory)
    tail.push(entry(1))
    tail.giveUp()
    expect([tail.length, tail.start, tail.newest]).toEqual([0, 1, undefined])
    tail.push(entry(2))
    memory.grew(5000, undefined)
    expect([given, tail.length, tail.start]).toEqual([1, 0, 2])
    // Nothing is given up twice.
    tail.giveUp()
    expect([tail.start, memory.bytes]).toEqual([2, 5000])
  })
})

describe('a tail that has shrunk from its front', () => {
  it('gives back all that it holds, and goes on after the newest', () => {
    const memory = new FeedMemory(1e9, () => undefined)
    const tail = tailOf({ messages: 10, bytes: 1e6 }, 0, memory)
    for (let offset = 1; offset <= 100; offset++) {
      tail.push(entry(offset))
      expect(tail.length).toBe(Math.min(offset, 10))
      for (let back = 1; back <= tail.length; back++) {
        expect(offsetOf(tail.fromEnd(back))).toBe(offset - back + 1)
        expect(offsetOf(tail.next(offset - back))).toBe(offset - back + 1)
      }
      expect(tail.next(tail.start - 1)).toBeUndefined()
    }
    tail.giveUp()
    expect([tail.length, tail.bytes, tail.start, memory.bytes]).toEqual([0, 0, 100, 0])
  })

  it('takes older messages in front of what it has left', () => {
    const tail = tailOf({ messages: 2, bytes: 1e6 }, 0)
    for (let offset = 1; offset <= 5; offset++) tail.push(entry(offset))
    tail.prepend([entry(2), entry(3)], 1)
    expect([tail.start, tail.length]).toEqual([1, 4])
    expect([1, 2, 3, 4].map((after) => offsetOf(tail.next(after)))).toEqual([2, 3, 4, 5])
  })

  it('serves channels whose offsets do not grow by one', () => {
    const tail = tailOf({ messages: 10, bytes: 1e6 }, 3)
    for (const offset of [7, 20, 21]) tail.push(entry(offset))
    expect([3, 6, 7, 19, 20].map((after) => offsetOf(tail.next(after)))).toEqual([7, 7, 20, 20, 21])
  })

  it('settles what is left, and again only once something has come or was encoded', () => {
    const tail = tailOf({ messages: 2, bytes: 1e6 }, 0)
    for (let offset = 1; offset <= 3; offset++) tail.push(entry(offset))
    const newest = tail.newest as Encoded
    let settled = 0
    const settle = newest.settle.bind(newest)
    newest.settle = () => {
      settled++
      settle()
    }
    tail.settle()
    expect(settled).toBe(1)
    // Settling is not a thing that has come.
    tail.settle()
    expect(settled).toBe(1)
    const plain = tail.bytes
    newest.as(LINES)
    expect(tail.bytes).toBeGreaterThan(plain)
    tail.settle()
    expect([settled, tail.bytes]).toEqual([2, plain])
  })
})

describe('what has passed through a tail', () => {
  const plain = Array.prototype.slice

  /** The lengths of what is copied while so many messages pass. */
  function copied(messages: number, passing: number): number[] {
    const lengths: number[] = []
    const tail = tailOf({ messages, bytes: 1e9 }, 0)
    const slice = vi.spyOn(Array.prototype, 'slice').mockImplementation(function (this: unknown[], ...range) {
      lengths.push(this.length)
      return plain.apply(this, range) as never
    })
    for (let offset = 1; offset <= passing; offset++) tail.push(entry(offset, 0))
    slice.mockRestore()
    return lengths
  }

  it('takes no place for long, and is cleared away seldom', () => {
    const few = copied(10, 5000)
    expect(Math.max(...few)).toBeLessThan(50)
    expect(few.length).toBeGreaterThan(100)
    expect(few.length).toBeLessThan(200)
    // Of many never more than half.
    const many = copied(1000, 5000)
    expect(Math.max(...many)).toBeLessThan(2010)
    expect(many.length).toBeGreaterThan(1)
    expect(many.length).toBeLessThan(10)
  })
})

it('what is put in front is apart from the page that it came in', () => {
  const tail = tailOf({ messages: 10, bytes: 1e6 }, 1)
  const one = entry(1)
  const piece = Buffer.alloc(65_536, 0x31)
  ;(one.message as { data: Uint8Array }).data = piece.subarray(100, 200)
  tail.prepend([one], 0)
  expect(one.message.data.buffer.byteLength).toBe(100)
})
