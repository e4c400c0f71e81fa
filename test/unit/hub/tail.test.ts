import { describe, expect, it } from 'vitest'
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
