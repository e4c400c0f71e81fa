import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinBinary } from '../../src/protocol/binary.ts'
import { decodeBinary, decodeText, MalformedFrame, type DecodedFrame } from '../../src/protocol/decode.ts'

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
      fc.property(fc.string(), (text) => expectFrameOrRefusal(() => decodeText(text))),
      { numRuns: 1000 },
    )
  })

  it('takes any JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => expectFrameOrRefusal(() => decodeText(text))),
      { numRuns: 1000 },
    )
  })

  it('takes any frame that is nearly right', () => {
    fc.assert(
      fc.property(nearly, (frame) => expectFrameOrRefusal(() => decodeText(JSON.stringify(frame)))),
      { numRuns: 3000 },
    )
  })

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        expectFrameOrRefusal(() => decodeBinary(bytes)),
      ),
      { numRuns: 1000 },
    )
  })

  it('takes any binary frame whose envelope is nearly right', () => {
    fc.assert(
      fc.property(nearly, fc.uint8Array(), (frame, payload) =>
        expectFrameOrRefusal(() => decodeBinary(joinBinary(JSON.stringify(frame), payload))),
      ),
      { numRuns: 1000 },
    )
  })

  it('hands a JSON payload on as it was written', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (data, id) => {
        fc.pre(id.length > 0 && id.length <= 128)
        const text = `{"data": ${data} ,"type":"publish","ref":1,"channel":"c","id":${JSON.stringify(id)}}`
        const frame = decodeText(text)
        expect(frame).toMatchObject({ type: 'publish', id })
        if (frame.type !== 'publish') return
        expect(Buffer.from(frame.payload.data).toString()).toBe(data)
      }),
    )
  })

  it('hands a binary payload on byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (payload) => {
        const frame = decodeBinary(joinBinary('{"type":"publish","ref":1,"channel":"c"}', payload))
        expect(frame).toMatchObject({ type: 'publish', payload: { binary: true } })
        if (frame.type === 'publish') expect([...frame.payload.data]).toEqual([...payload])
      }),
    )
  })
})
