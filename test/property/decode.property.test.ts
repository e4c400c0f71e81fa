import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinBinary } from '../../src/protocol/binary.ts'
import { hostileJson, nested } from '../support/hostile-json.ts'
import { decodeBinary, decodeText, type DecodedFrame } from '../../src/dialect/sluice-v1/decode.ts'
import { MalformedFrame } from '../../src/dialect/sluice-v1/members.ts'

const DEPTH = 64
const TYPES = ['connect', 'subscribe', 'unsubscribe', 'publish', 'ack', 'auth', 'presence', 'ping'] as const

/** Frames that are nearly right: the known fields with any JSON in them. */
const nearly = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...TYPES), fc.string()),
    ref: fc.oneof(fc.nat(), fc.jsonValue()),
    channel: fc.oneof(fc.constantFrom('news:1', '@inbox', '__proto__', '@bob'), fc.string(), fc.jsonValue()),
    data: fc.jsonValue(),
    id: fc.oneof(fc.string(), fc.jsonValue()),
    token: fc.oneof(fc.string(), fc.jsonValue()),
    session: fc.jsonValue(),
    offset: fc.jsonValue(),
    from: fc.oneof(
      fc.record({ epoch: fc.string(), offset: fc.integer() }),
      fc.record({ last: fc.integer() }),
      fc.jsonValue(),
    ),
    resume: fc.oneof(
      fc.dictionary(fc.string(), fc.record({ epoch: fc.string(), offset: fc.integer() })),
      fc.jsonValue(),
    ),
    client: fc.oneof(fc.record({ name: fc.string(), version: fc.string() }), fc.jsonValue()),
  },
  { requiredKeys: [] },
)

const FIELDS = [
  'ref',
  'channel',
  'data',
  'id',
  'token',
  'session',
  'offset',
  'from',
  'resume',
  'client',
  'x',
] as const

/** Frames with members that hurt readers, as text: no printer takes the deep ones. */
const hostile = fc
  .tuple(
    fc.oneof(fc.constantFrom(...TYPES.map((type) => JSON.stringify(type))), hostileJson),
    fc.dictionary(fc.constantFrom(...FIELDS), fc.oneof(fc.constantFrom('1', '"a"'), hostileJson)),
  )
  .map(([type, members]) => {
    const rest = Object.entries(members).map(([name, value]) => `,"${name}":${value}`)
    return `{"type":${type}${rest.join('')}}`
  })

/** What must hold of every answer: a frame of a known type with fields of the right types, or the one error. */
function expectFrameOrRefusal(decode: () => DecodedFrame): void {
  let frame: DecodedFrame
  try {
    frame = decode()
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedFrame)
    const { message, ref } = error as MalformedFrame
    expect(message.length).toBeGreaterThan(10)
    expect(message.length).toBeLessThan(400)
    if (ref !== undefined) expect(Number.isSafeInteger(ref)).toBe(true)
    return
  }
  expect(TYPES).toContain(frame.type)
  if ('ref' in frame && frame.ref !== undefined) expect(Number.isSafeInteger(frame.ref)).toBe(true)
  if ('channel' in frame) expect(frame.channel).toMatch(/^(?:@inbox|[^@.][^ ]{0,127})$/)
  if (frame.type === 'connect' && frame.resume !== undefined) {
    expect(Object.getPrototypeOf(frame.resume)).toBeNull()
  }
}

describe('decode', () => {
  it('takes any text without failing in another way than MalformedFrame', () => {
    fc.assert(
      fc.property(fc.string(), (text) => expectFrameOrRefusal(() => decodeText(text, DEPTH))),
      { numRuns: 1000 },
    )
  })

  it('takes any JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => expectFrameOrRefusal(() => decodeText(text, DEPTH))),
      { numRuns: 1000 },
    )
  })

  it('takes any frame that is nearly right', () => {
    fc.assert(
      fc.property(nearly, (frame) => expectFrameOrRefusal(() => decodeText(JSON.stringify(frame), DEPTH))),
      { numRuns: 3000 },
    )
  })

  it('takes any frame with members that hurt readers, as text and as the envelope of a binary one', () => {
    fc.assert(
      fc.property(hostile, (frame) => {
        expectFrameOrRefusal(() => decodeText(frame, DEPTH))
        expectFrameOrRefusal(() => decodeBinary(joinBinary(frame, new Uint8Array(3)), DEPTH))
      }),
      { numRuns: 2000 },
    )
  })

  it('takes a payload that is as deep as the limit, and none that is deeper, however it is nested', () => {
    const depths = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: DEPTH - 2, max: DEPTH + 2 }))
    fc.assert(
      fc.property(depths, fc.constantFrom('[', '{"a":', '[[],'), (depth, open) => {
        const frame = `{"type":"publish","channel":"c","data":${nested(depth, open)},"ref":7}`
        // The innermost level has another one beside what it holds.
        const deepest = open === '[[],' ? depth + 1 : depth
        if (deepest <= DEPTH) expect(decodeText(frame, DEPTH)).toMatchObject({ type: 'publish', ref: 7 })
        else {
          // The connection goes on, and its request is told why.
          const refusal = {
            message: expect.stringContaining('limits.jsonDepth') as string,
            ref: 7,
            fatal: false,
          }
          expect(() => decodeText(frame, DEPTH)).toThrow(expect.objectContaining(refusal))
        }
      }),
    )
  })

  it('takes a frame that is too deep and no JSON either', () => {
    const keys = fc.oneof(fc.constantFrom('"\\u12"', '"\\x"', '"', '', 'ref', '"ref"'), fc.string())
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 4 }), fc.boolean(), (parts, first) => {
        const members = parts.map((key) => `${key}:1`).join(',')
        const deep = `"data":${nested(100)}`
        const frame = first ? `{${deep},${members}` : `{${members},${deep}}`
        expectFrameOrRefusal(() => decodeText(frame, DEPTH))
      }),
      { numRuns: 1000 },
    )
  })

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        expectFrameOrRefusal(() => decodeBinary(bytes, DEPTH)),
      ),
      { numRuns: 1000 },
    )
  })

  it('takes any binary frame whose envelope is nearly right', () => {
    fc.assert(
      fc.property(nearly, fc.uint8Array(), (frame, payload) =>
        expectFrameOrRefusal(() => decodeBinary(joinBinary(JSON.stringify(frame), payload), DEPTH)),
      ),
      { numRuns: 1000 },
    )
  })

  it('hands a JSON payload on as it was written', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (data, id) => {
        fc.pre(id.length > 0 && id.length <= 128)
        const text = `{"data": ${data} ,"type":"publish","ref":1,"channel":"c","id":${JSON.stringify(id)}}`
        const frame = decodeText(text, DEPTH)
        expect(frame).toMatchObject({ type: 'publish', id })
        if (frame.type !== 'publish') return
        expect(Buffer.from(frame.payload.data).toString()).toBe(data)
      }),
    )
  })

  it('hands a binary payload on byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (payload) => {
        const frame = decodeBinary(joinBinary('{"type":"publish","ref":1,"channel":"c"}', payload), DEPTH)
        expect(frame).toMatchObject({ type: 'publish', payload: { binary: true } })
        if (frame.type === 'publish') expect([...frame.payload.data]).toEqual([...payload])
      }),
    )
  })
})
