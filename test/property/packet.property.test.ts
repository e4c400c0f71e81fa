import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostileJson } from '../support/hostile-json.ts'
import { SealedPackets } from '../../src/backbone/sealed.ts'
import type { Message, NewMessage } from '../../src/protocol/message.ts'
import {
  decodeControl,
  decodeMessage,
  decodeStored,
  encodeControl,
  encodeMessage,
  encodeStored,
  storedBytes,
  writeStored,
} from '../../src/protocol/packet.ts'

const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1), fc.maxSafeNat())
const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength })
const newMessage = fc.record({
  data: fc.uint8Array({ maxLength: 600 }),
  binary: fc.boolean(),
  id: fc.option(text(60), { nil: undefined }),
  from: fc.option(text(60), { nil: undefined }),
  time: count,
  meta: fc.option(
    fc.record(
      {
        event: text(60),
        headers: fc.dictionary(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/), text(40), {
          minKeys: 1,
        }),
        exclude: text(40),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
})
const channel = text(80)
const offsets = fc.tuple(count, count).filter(([previous, offset]) => previous < offset)
const message: fc.Arbitrary<Message> = fc.oneof(
  fc
    .tuple(newMessage, channel)
    .map(([base, name]): Message => ({ kind: 'ephemeral', channel: name, ...base })),
  fc
    .tuple(newMessage, channel, offsets, fc.stringMatching(/^[A-Za-z0-9]{1,32}$/), fc.boolean())
    .map(([base, name, [previous, offset], epoch, ack]): Message => ({
      kind: 'logged',
      channel: name,
      ...base,
      epoch,
      offset,
      previous,
      ack,
    })),
)

const plain = (one: { readonly data: Uint8Array } | undefined): object | undefined =>
  one === undefined ? undefined : { ...one, data: Uint8Array.from(one.data) }

describe('packets', () => {
  it('a message, a stored message and a control packet come back as they were', () => {
    fc.assert(
      fc.property(message, (given) => {
        expect(plain(decodeMessage(encodeMessage(given)))).toEqual(plain(given))
      }),
    )
    fc.assert(
      fc.property(newMessage, (given: NewMessage) => {
        expect(plain(decodeStored(encodeStored(given)))).toEqual(plain(given))
      }),
    )
    fc.assert(
      fc.property(text(30), fc.uint8Array(), (fromNode, payload) => {
        const control = decodeControl(encodeControl(fromNode, payload))
        expect(control?.fromNode).toBe(fromNode)
        expect(Uint8Array.from(control?.payload ?? [])).toEqual(payload)
      }),
    )
  })

  it('carry payloads that hurt readers byte for byte, and ids that no UTF-8 has as texts that it has', () => {
    const ids = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 128 }),
      fc.constantFrom('\ud800', 'a\udfffb', '\ud83d'),
    )
    fc.assert(
      fc.property(hostileJson, ids, (json, id) => {
        const data = Buffer.from(json)
        const given: NewMessage = { data, binary: false, id, time: 1 }
        for (const decoded of [
          decodeMessage(encodeMessage({ kind: 'ephemeral', channel: 'a', ...given })),
          decodeStored(encodeStored(given)),
        ]) {
          expect(Buffer.from(decoded?.data ?? []).equals(data)).toBe(true)
          expect(decoded?.id).toBe(Buffer.from(id).toString())
        }
        expect(Buffer.from(decodeControl(encodeControl('n', data))?.payload ?? []).equals(data)).toBe(true)
      }),
    )
  })

  it('what was sent and stored before there was an author is read as before', () => {
    const id = { id: 'x', from: undefined }
    const logged = '12060002000102004278bcfe568000004014000000000000401000000000000065316e65787b7d'
    expect(plain(decodeMessage(Buffer.from(logged, 'hex')))).toEqual({
      ...{
        kind: 'logged',
        channel: 'ne',
        epoch: 'e1',
        offset: 5,
        previous: 4,
        ack: true,
        time: 1_700_000_000_000,
      },
      ...{ ...id, binary: false, data: Uint8Array.from(Buffer.from('{}')) },
    })
    expect(plain(decodeStored(Buffer.from('140400014278bcfe56800000787b7d', 'hex')))).toEqual({
      ...{ ...id, binary: false, time: 1_700_000_000_000, data: Uint8Array.from(Buffer.from('{}')) },
    })
  })

  it('a stored message is as long as was counted before it was written, wherever that begins', () => {
    fc.assert(
      fc.property(newMessage, fc.nat(50), (given, at) => {
        const length = storedBytes(given)
        const into = Buffer.alloc(at + length + 50, 0xff)
        expect(writeStored(into, at, given)).toBe(at + length)
        expect(into.subarray(at, at + length)).toEqual(encodeStored(given))
        expect(into.subarray(at + length).every((byte) => byte === 0xff)).toBe(true)
      }),
    )
  })

  it('metadata have a form that stays, of which fields of a later version are read over', () => {
    const meta = { event: 'sold', headers: { a: 'bc' }, exclude: '1.2' }
    const given: NewMessage = { data: Buffer.from('{}'), binary: false, id: undefined, time: 1, meta }
    const fields = '010004736f6c6402000401616263030003312e32'
    const head = (length: string): string => `141000003ff0000000000000${length}`
    expect(encodeStored(given).toString('hex')).toBe(`${head('0014')}${fields}7b7d`)
    const later = Buffer.from(`${head('0019')}${fields}7f000200007b7d`, 'hex')
    expect(decodeStored(later)?.meta).toEqual(meta)
  })

  it('metadata that lead out of their place are not read', () => {
    for (const fields of ['0001ff', '000301ffff', '0003020000', '00040200010f'])
      expect(decodeStored(Buffer.from(`141000003ff0000000000000${fields}7b7d`, 'hex'))).toBeUndefined()
  })

  it('P1 P2 a sealed packet comes back once, where it was sent to, and not with a bit changed', () => {
    const clock = { now: () => 1_700_000_000_000 }
    const subject = text(60)
    fc.assert(
      fc.property(text(30), message, subject, subject, fc.nat(), (sender, given, to, other, bit) => {
        const node = new SealedPackets('a secret of a test', 'a node', clock)
        const packet = encodeMessage(given)
        const sealed = new SealedPackets('a secret of a test', sender, clock).seal(to, packet)
        expect(sealed.length - packet.length).toBe(34 + Buffer.byteLength(sender))
        if (other !== to) expect(node.open(other, sealed)).toMatchObject({ kind: 'refused', why: 'secret' })
        const changed = Buffer.from(sealed)
        const at = bit % (sealed.length * 8)
        changed[at >> 3] = (changed[at >> 3] as number) ^ (1 << (at & 7))
        expect(node.open(to, changed)).toMatchObject({ kind: 'refused' })
        const stranger = new SealedPackets('another secret', 'a node', clock)
        expect(stranger.open(to, sealed)).toMatchObject({ kind: 'refused', why: 'secret' })
        const opened = node.open(to, sealed)
        expect(opened).toMatchObject({ kind: 'packet', from: sender })
        if (opened.kind === 'packet') expect(plain(decodeMessage(opened.packet))).toEqual(plain(given))
        expect(node.open(to, sealed)).toEqual({ kind: 'refused', why: 'replayed', from: sender })
      }),
    )
  })

  it('P4 a node has its own message back once, as it was, whatever else a packet with that number says', () => {
    let nowMs = 1_700_000_000_000
    const clock = { now: () => nowMs }
    const subject = text(60)
    fc.assert(
      fc.property(
        text(30),
        message,
        subject,
        subject,
        fc.uint8Array({ maxLength: 80 }),
        (id, given, to, other, any) => {
          const node = new SealedPackets('a secret of a test', id, clock)
          const stranger = new SealedPackets('another secret', id, clock)
          const neighbour = new SealedPackets('a secret of a test', `${id}.`, clock)
          const sealed = node.seal(to, encodeMessage(given))
          expect(node.echoOf(to, sealed)).toBeUndefined()
          node.hears(to, [given])
          if (other !== to) expect(node.echoOf(other, sealed)).toBeUndefined()
          expect(node.echoOf(to, Buffer.from(any))).toBeUndefined()
          expect(node.echoOf(to, neighbour.seal(to, any))).toBeUndefined()
          expect(node.echoOf(to, stranger.seal(to, any))).toEqual([given])
          expect(node.echoOf(to, sealed)).toBeUndefined()
          expect(node.open(to, sealed)).toEqual({ kind: 'refused', why: 'replayed', from: id })
          const late = node.seal(to, encodeMessage(given))
          node.hears(to, [given])
          nowMs += 60_001
          expect(node.echoOf(to, late)).toBeUndefined()
          expect(node.open(to, late)).toEqual({ kind: 'refused', why: 'clock', from: id })
        },
      ),
    )
  })

  it('P3 hostile bytes are refused, whatever they are', () => {
    const node = new SealedPackets('a secret of a test', 'a node', { now: () => 1 })
    const other = new SealedPackets('another secret', 'a node', { now: () => 1 })
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 80 }).map((rest) => Uint8Array.of(0x15, ...rest)),
      fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 80 })).map(([length, rest]) => {
        const sealed = other.seal('to', rest)
        sealed[1] = length
        return sealed
      }),
    )
    fc.assert(
      fc.property(hostile, (any) => {
        expect(node.open('to', Buffer.from(any))).toMatchObject({
          kind: 'refused',
          why: expect.stringMatching(/^(bare|secret)$/) as string,
        })
      }),
      { numRuns: 3000 },
    )
  })

  it('the payload is not copied on decoding', () => {
    const packet = encodeMessage({
      kind: 'ephemeral',
      channel: 'a',
      data: Uint8Array.of(1, 2, 3),
      binary: true,
      id: undefined,
      time: 1,
    })
    expect(decodeMessage(packet)?.data.buffer).toBe(packet.buffer)
  })

  it('a packet of one kind is no packet of another', () => {
    fc.assert(
      fc.property(message, newMessage, fc.uint8Array(), (one, stored, payload) => {
        expect(decodeStored(encodeMessage(one))).toBeUndefined()
        expect(decodeControl(encodeMessage(one))).toBeUndefined()
        expect(decodeMessage(encodeStored(stored))).toBeUndefined()
        expect(decodeControl(encodeStored(stored))).toBeUndefined()
        expect(decodeMessage(encodeControl('n', payload))).toBeUndefined()
        expect(decodeStored(encodeControl('n', payload))).toBeUndefined()
      }),
    )
  })

  it('what is cut off before its payload is no packet, wherever it is cut', () => {
    fc.assert(
      fc.property(message, (given) => {
        const packet = encodeMessage({ ...given, data: new Uint8Array(0) })
        for (let length = 0; length < packet.length; length++)
          expect(decodeMessage(packet.subarray(0, length))).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('hostile bytes are no packet, or one whose numbers and texts are such as ours', () => {
    const start = fc.constantFrom(0x11, 0x12, 0x13, 0x14, 0x02, 0x22, 0xff)
    const hostile = fc
      .tuple(
        start,
        fc.oneof(
          fc.uint8Array({ maxLength: 80 }),
          message.map((one) => encodeMessage(one).subarray(1)),
        ),
      )
      .chain(([first, rest]) =>
        fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }).map((pokes) => {
          const bytes = Buffer.from([first, ...rest])
          for (const [at, value] of pokes) if (at < bytes.length) bytes[at] = value
          return bytes
        }),
      )
    fc.assert(
      fc.property(hostile, (bytes) => {
        const decoded = decodeMessage(bytes)
        if (decoded !== undefined) {
          expect(Number.isSafeInteger(decoded.time) && decoded.time >= 0).toBe(true)
          if (decoded.kind === 'logged') {
            expect(decoded.epoch).toMatch(/^[A-Za-z0-9]{1,32}$/)
            expect(Number.isSafeInteger(decoded.offset)).toBe(true)
            expect(decoded.previous).toBeGreaterThanOrEqual(0)
            expect(decoded.offset).toBeGreaterThan(decoded.previous)
          }
        }
        const stored = decodeStored(bytes)
        if (stored !== undefined) expect(Number.isSafeInteger(stored.time)).toBe(true)
        const control = decodeControl(bytes)
        if (control !== undefined) expect(control.payload.length).toBeLessThan(bytes.length)
      }),
      { numRuns: 3_000 },
    )
  })
})
