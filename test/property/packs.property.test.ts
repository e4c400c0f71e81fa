import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PacksOfTurn, writePack, type Pack } from '../../src/backbone/packs.ts'
import { SealedPackets } from '../../src/backbone/sealed.ts'
import type { LoggedMessage } from '../../src/protocol/message.ts'
import { decodeMessage, encodeMessage, messageBytes } from '../../src/protocol/packet.ts'
import { ALL_BYTES, decodeSeveral, EACH_BYTES, writeSeveral } from '../../src/protocol/several-packet.ts'

interface Sent {
  readonly subject: string
  readonly message: LoggedMessage
}

const subject = fc.constantFrom('ch.a', 'ch.b', 'node.one', 'node.two')
const isChannel = (of: string): boolean => of.startsWith('ch.')

/** What is sent in one turn, numbered by offset. */
const turn: fc.Arbitrary<Sent[]> = fc
  .array(fc.tuple(subject, fc.uint8Array({ maxLength: 300 })), { maxLength: 60 })
  .map((all) =>
    all.map(([to, data], index) => ({
      subject: to,
      message: {
        kind: 'logged',
        channel: isChannel(to) ? to : `@${index}`,
        ...{ data, binary: true, id: undefined, time: 1, epoch: 'e', ack: false },
        offset: index + 1,
        previous: index,
      },
    })),
  )

/** A pack with its packet, in which no byte is left that nobody has written. */
type Packed = Pack & { readonly packet: Buffer }

function packed(pack: Pack): Packed {
  const [packet, other] = [0, 1].map((fill) => {
    const bytes = Buffer.alloc(pack.bytes + 2, fill)
    writePack(pack, bytes, 1)
    expect([bytes[0], bytes.at(-1)]).toEqual([fill, fill])
    return bytes.subarray(1, -1)
  }) as [Buffer, Buffer]
  expect(packet.equals(other)).toBe(true)
  return { ...pack, packet }
}

function several(packets: readonly Uint8Array[]): Buffer {
  const bytes = packets.reduce((sum, { length }) => sum + EACH_BYTES + length, ALL_BYTES)
  const all = Buffer.alloc(bytes)
  const end = writeSeveral(all, 0, packets, (into, at, packet) => {
    into.set(packet, at)
    return at + packet.length
  })
  expect(end).toBe(bytes)
  return all
}

function packsOf(sent: readonly Sent[], bytesMax: number): Packed[] {
  const packs = new PacksOfTurn()
  for (const [index, { subject: to, message }] of sent.entries()) {
    const bytes = messageBytes(message)
    const first = packs.add({ subject: to, message, bytes, heard: to === 'ch.a', oneChannel: isChannel(to) })
    expect(first).toBe(index === 0)
  }
  const taken = packs.take(bytesMax)
  expect(packs.take(bytesMax)).toEqual([])
  return taken.map((pack) => packed(pack))
}

/** The offsets that a node reads out of a packet. `old`: one that knows no packets of several. */
function read(packet: Buffer, old = false): number[] {
  const packets = (old ? undefined : decodeSeveral(packet)) ?? [packet]
  return packets.flatMap((one) => {
    const message = decodeMessage(one)
    return message?.kind === 'logged' ? [message.offset] : []
  })
}

const offsets = (sent: readonly Sent[], to: string): number[] =>
  sent.filter((one) => one.subject === to).map(({ message }) => message.offset)

const SUBJECTS = ['ch.a', 'ch.b', 'node.one', 'node.two']

describe('what a turn has for one subject', () => {
  it('K1 is all sent once, in order, and says to whom it comes back', () => {
    fc.assert(
      fc.property(turn, fc.integer({ min: 0, max: 3000 }), (sent, bytesMax) => {
        const packs = packsOf(sent, bytesMax)
        for (const to of SUBJECTS) {
          const its = packs.filter((pack) => pack.subject === to)
          expect(its.flatMap(({ packet }) => read(packet))).toEqual(offsets(sent, to))
          expect(its.flatMap(({ messages }) => messages.map(({ offset }) => offset))).toEqual(
            offsets(sent, to),
          )
          for (const { heard } of its) expect(heard).toBe(to === 'ch.a')
        }
        expect(packs.every(({ packet, messages }) => read(packet).length === messages.length)).toBe(true)
      }),
    )
  })

  it('K2 is in packets that are as large as was said, and no two that follow would go in one', () => {
    const bytesOf = ({ messages }: Pack): number =>
      messages.reduce((sum, one) => sum + EACH_BYTES + encodeMessage(one).length, 0)
    fc.assert(
      fc.property(turn, fc.integer({ min: 0, max: 3000 }), (sent, bytesMax) => {
        const packs = packsOf(sent, bytesMax)
        for (const { packet, messages } of packs) {
          if (messages.length > 1) expect(packet.length).toBeLessThanOrEqual(bytesMax)
          else expect(packet).toEqual(encodeMessage(messages[0] as LoggedMessage))
        }
        for (const to of SUBJECTS) {
          const its = packs.filter((pack) => pack.subject === to)
          const whole = isChannel(to) ? its.slice(0, -1) : its
          for (const [index, pack] of whole.slice(1).entries()) {
            const first = encodeMessage(pack.messages[0] as LoggedMessage).length + EACH_BYTES
            expect(ALL_BYTES + bytesOf(whole[index] as Pack) + first).toBeGreaterThan(bytesMax)
          }
        }
      }),
    )
    // Whatever the server takes.
    const large = Array.from({ length: 100 }, (_, index) => ({
      subject: 'node.one',
      message: {
        ...({
          kind: 'logged',
          channel: '@ann',
          data: Buffer.alloc(2000),
          binary: true,
          id: undefined,
        } as const),
        ...{ time: 1, epoch: 'e', ack: false, offset: index + 1, previous: index },
      },
    }))
    const sizes = packsOf(large, 8_000_000).map(({ packet }) => packet.length)
    expect(sizes.length).toBe(4)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536)
  })

  it('K3 shows a node that reads one message alone what is missing: the last of each channel, at once', () => {
    fc.assert(
      fc.property(turn, (sent) => {
        const packs = packsOf(sent, 3000)
        for (const to of SUBJECTS.filter(isChannel)) {
          const its = packs.filter((pack) => pack.subject === to)
          const read1 = its.flatMap(({ packet }) => read(packet, true))
          expect(read1.at(-1)).toBe(offsets(sent, to).at(-1))
        }
      }),
    )
  })
})

describe('packets of several', () => {
  it('come back as they were, and are taken for no message by who does not know them', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (packets) => {
        const all = several(packets)
        expect(decodeSeveral(all)?.map((one) => Uint8Array.from(one))).toEqual(packets)
        expect(decodeMessage(all)).toBeUndefined()
        // Not a part of them.
        if (packets.length > 0) expect(decodeSeveral(all.subarray(0, -1))).toBeUndefined()
      }),
    )
  })

  it('hostile bytes are none, or are views of what came', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (any) => {
        const bytes = Buffer.from(Uint8Array.of(0x16, ...any))
        const packets = decodeSeveral(bytes)
        const read = packets?.reduce((sum, { length }) => sum + EACH_BYTES + length, ALL_BYTES)
        expect([undefined, bytes.length]).toContain(read)
        if (any[0] !== 0x16) expect(decodeSeveral(Buffer.from(any))).toBeUndefined()
      }),
    )
  })

  it('the seal adds as much to them as it says', () => {
    const packets = new SealedPackets('a secret of a test', 'nöde', { now: () => 1 })
    expect(packets.seal('to', several([Buffer.alloc(9)])).length).toBe(
      ALL_BYTES + EACH_BYTES + 9 + packets.sealBytes,
    )
  })
})
