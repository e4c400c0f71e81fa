import { describe, expect, it } from 'vitest'
import { FRAMES, LINES } from '../../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import type { LoggedMessage, Message } from '../../../src/protocol/message.ts'
import { decodeMessage, encodeMessage } from '../../../src/protocol/packet.ts'
import { isPinning, ownBytes, unpinned } from '../../../src/protocol/pinned.ts'
import { heldBytes } from '../../support/held-memory.ts'

const COUNT = 10_000

function logged(offset: number, data: Buffer, id?: string): LoggedMessage {
  const place = { channel: 'rooms:general:1234', epoch: '0123456789abcdef', offset, previous: offset - 1 }
  return { kind: 'logged', ...place, id, time: 1_700_000_000_000, data, binary: false, ack: false }
}

/** As the backbone brings them: many in one piece. */
function received(bytes: number): Encoded[] {
  const entries: Encoded[] = []
  let piece = Buffer.alloc(0)
  let at = 0
  for (let i = 0; i < COUNT; i++) {
    const packet = encodeMessage(logged(i + 1, Buffer.alloc(bytes, 0x31), `id-${i}`))
    if (at + packet.length > piece.length) [piece, at] = [Buffer.allocUnsafeSlow(65_536), 0]
    packet.copy(piece, at)
    entries.push(new Encoded(decodeMessage(piece.subarray(at, at + packet.length)) as Message))
    at += packet.length
  }
  return entries
}

describe('what a message counts as', () => {
  const ways: readonly (readonly [string, (encoded: Encoded) => unknown])[] = [
    ['as it came', () => undefined],
    ['with its frame', (encoded) => encoded.as(FRAMES).data],
    ['with its line of JSON', (encoded) => encoded.as(LINES).data],
    ['with both', (encoded) => [encoded.as(FRAMES).data, encoded.as(LINES).data]],
    ['settled', (encoded) => [encoded.as(FRAMES).data, encoded.as(LINES).data, encoded.settle()]],
  ]
  const cases = ways.flatMap(([how, encode]) => [20, 200, 2000].map((bytes) => ({ how, bytes, encode })))

  it.each(cases)('is what it holds, $how, with a payload of $bytes bytes', async ({ bytes, encode }) => {
    const before = await heldBytes()
    const entries = received(bytes)
    for (const encoded of entries) encode(encoded)
    const after = await heldBytes()
    const held = after.heap - before.heap + after.buffers - before.buffers
    const counted = entries.reduce((sum, encoded) => sum + encoded.bytes, 0)
    // In a small one the objects vary by what the engine does with them.
    expect(held / counted).toBeLessThan(1.35)
    expect(held / counted).toBeGreaterThan(0.7)
  })

  it('is two bytes for each character of a line of JSON that needs them', () => {
    const encoded = new Encoded(logged(1, Buffer.from('"你好你好你好"')))
    const before = encoded.bytes
    expect(encoded.bytes - before + encoded.as(LINES).data.length * 2).toBe(encoded.bytes - before)
  })
})

describe('a payload that is a part of something larger', () => {
  it('is taken out of it, and one that is not stays where it is', () => {
    const piece = Buffer.alloc(65_536, 0x31)
    const part = piece.subarray(10, 110)
    const own = unpinned(part)
    expect(isPinning(own)).toBe(false)
    expect(own.buffer).not.toBe(piece.buffer)
    expect(Buffer.compare(own, part)).toBe(0)
    expect(unpinned(own)).toBe(own)
    expect(unpinned(piece)).toBe(piece)
    const most = piece.subarray(100)
    expect(unpinned(most)).toBe(most)
  })

  it('is its own, beside others that were taken out before and after it', () => {
    const lengths = [0, 1, 20, 100, 128, 200, 255, 256, 257, 300, 3, 128, 128, 128, 128, 4000]
    const parts = lengths.map((length, i) => Buffer.alloc(65_536, i + 1).subarray(7, 7 + length))
    const own = parts.map(unpinned)
    for (const [i, part] of parts.entries()) expect(Buffer.compare(own[i] as Uint8Array, part)).toBe(0)
    expect(own.filter(isPinning)).toEqual([])
    expect(new Set(own.map(({ buffer }) => buffer)).size).toBeLessThan(own.length)
  })

  it.each([0, 1, 100, 128, 200, 256, 257, 2000])('is not what a text of %i characters becomes', (length) => {
    for (const letter of ['a', 'é', '你', '😀']) {
      const text = letter.repeat(length)
      const bytes = ownBytes(text)
      const beside = ownBytes('"beside"')
      expect(bytes.toString()).toBe(text)
      expect(beside.toString()).toBe('"beside"')
      if (length <= 128 && letter !== '😀' && letter !== '你') expect(unpinned(bytes)).toBe(bytes)
    }
  })
})
