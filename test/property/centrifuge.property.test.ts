/**
 * The encodings of Centrifuge's protocol: what is written is read again, and whatever is read ends in commands or in a fault.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DecodeFault } from '../../src/dialect/centrifuge/decode-fault.ts'
import { json, protobuf, type Encoding } from '../../src/dialect/centrifuge/encoding.ts'
import { COMMAND, PUBLICATION, type Field, type Shape } from '../../src/dialect/centrifuge/fields.ts'
import { JsonPieces, readJson } from '../../src/dialect/centrifuge/json.ts'
import type { Command } from '../../src/dialect/centrifuge/messages.ts'
import { Reader, Writer } from '../../src/dialect/centrifuge/protobuf.ts'

const DEPTH = 64
const ENCODINGS = [json, protobuf]

/** Text that has a UTF-8 form. */
const someText = fc.string({ unit: 'grapheme', maxLength: 20 })
/** Nothing is as good as absent. */
const someData = fc
  .json({ maxDepth: 3 })
  .filter((value) => value !== 'null')
  .map((value) => Buffer.from(value))

/** Values of the fields of a message, defaults left out as they are on the wire. */
function valuesOf(shape: Shape): fc.Arbitrary<Record<string, unknown>> {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  for (const { name, type, many } of shape.fields) {
    const one = typeof type === 'object' ? valuesOf(type) : SCALARS[type]
    model[name] =
      many === 'map'
        ? fc.array(fc.tuple(someText, one), { minLength: 1, maxLength: 3 }).map((all) => new Map(all))
        : one
  }
  return fc.record(model, { requiredKeys: [] })
}

const SCALARS: Record<Exclude<Field['type'], Shape>, fc.Arbitrary<unknown>> = {
  written: someData,
  uint32: fc.integer({ min: 1, max: 0xffff_ffff }),
  uint64: fc.maxSafeNat().filter((value) => value > 0),
  int32: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }).filter((value) => value !== 0),
  int64: fc.maxSafeInteger().filter((value) => value !== 0),
  bool: fc.constant(true),
  string: someText.filter((text) => text !== ''),
  bytes: someData,
}

const someCommand: fc.Arbitrary<Command> = fc
  .constantFrom(...COMMAND.fields.filter(({ name }) => name !== 'id'))
  .chain(({ name, type }) =>
    fc.record({
      method: fc.constant(name),
      id: fc.integer({ min: 1, max: 0xffff_ffff }),
      request: valuesOf(type as Shape),
    }),
  ) as fc.Arbitrary<Command>

function written(encoding: Encoding, command: Command): Uint8Array {
  const { method, id, request } = command as { method: string; id: number; request: object }
  const values = { id, [method]: request }
  if (encoding === protobuf) {
    const writer = new Writer(1)
    writer.message(COMMAND, values)
    writer.delimit(0)
    return writer.finish()
  }
  const pieces = new JsonPieces()
  pieces.message(COMMAND, values)
  return Buffer.from(pieces.finish())
}

/** Reads as far as it goes. Anything but a `DecodeFault` comes through. */
function readAll(encoding: Encoding, frame: Uint8Array): { read: Command[]; fault: DecodeFault | undefined } {
  const read: Command[] = []
  try {
    for (const command of encoding.commands(frame, DEPTH)) read.push(command)
    return { read, fault: undefined }
  } catch (error) {
    if (!(error instanceof DecodeFault)) throw error
    return { read, fault: error }
  }
}

describe.each(ENCODINGS)('in $name', (encoding) => {
  it('commands are read as they were written, however many stand in a frame', () => {
    fc.assert(
      fc.property(fc.array(someCommand, { minLength: 1, maxLength: 4 }), (all) => {
        const frame = encoding.join(all.map((command) => written(encoding, command)))
        expect(readAll(encoding, Buffer.from(frame))).toEqual({ read: all, fault: undefined })
      }),
    )
  })

  it('a frame that was cut is a fault behind the commands that are whole, or the commands before the cut', () => {
    fc.assert(
      fc.property(
        fc.array(someCommand, { minLength: 2, maxLength: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, at) => {
          const frame = Buffer.from(encoding.join(all.map((command) => written(encoding, command))))
          const { read, fault } = readAll(encoding, frame.subarray(0, Math.floor(frame.length * at)))
          expect(read).toEqual(all.slice(0, read.length))
          if (read.length === 0) expect(fault).toBeDefined()
        },
      ),
    )
  })

  it('any bytes end in commands or in a fault, never in another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { read, fault } = readAll(encoding, bytes)
        expect(read.length > 0 || fault !== undefined).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('one changed byte ends in commands or in a fault', () => {
    fc.assert(
      fc.property(someCommand, fc.nat(), fc.nat(255), (command, at, byte) => {
        const frame = Buffer.from(written(encoding, command))
        frame[at % frame.length] = byte
        readAll(encoding, frame)
      }),
      { numRuns: 500 },
    )
  })
})

it('a publication is the same for whoever reads it alone and in its push', () => {
  fc.assert(
    fc.property(valuesOf(PUBLICATION), someText, (values, channel) => {
      const publication = { data: Buffer.from('1'), ...values }
      const binary = protobuf.publish(channel, publication)
      expect(new Reader(Buffer.from(binary.written)).message(PUBLICATION)).toEqual(publication)
      expect(binary.frame.subarray(binary.frame.length - binary.written.length)).toEqual(binary.written)
      const text = json.publish(channel, publication)
      const parsed = JSON.parse(text.frame.toString()) as {
        push: { channel: string; pub: Record<string, unknown> }
      }
      expect(parsed.push.channel).toBe(channel)
      expect(readJson(PUBLICATION, parsed.push.pub, text.written.toString())).toEqual(publication)
    }),
  )
})
