/** A publish over HTTP and one over a WebSocket are read by one rule: what one door takes the other takes, as the same bytes. */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { hostileJson, isJson, nested } from '../support/hostile-json.ts'
import { publishRoute } from '../../src/api/publish.ts'
import type { ApiRequest } from '../../src/api/route.ts'
import { decodeText } from '../../src/dialect/sluice-v1/decode.ts'
import { MalformedFrame } from '../../src/dialect/sluice-v1/members.ts'
import { SluiceError } from '../../src/errors.ts'
import { isDeeper } from '../../src/protocol/json.ts'
import { onOneLine, rawMember } from '../../src/protocol/raw-json.ts'
import { normalPayload } from '../../src/publish/payload.ts'
import type { Publisher, PublishRequest } from '../../src/publish/publisher.ts'

const DEPTH = 8
const RULES = { bytesMax: 1_000_000, jsonDepthMax: DEPTH }

/** The bytes that are published, or why they are not. */
type Outcome = { readonly bytes: string } | { readonly why: string }

const NOT_JSON = 'not JSON'
const TOO_DEEP = 'too deep'
const NO_DATA = 'no data'

function whyOf(message: string): string {
  if (message.includes('nested deeper')) return TOO_DEEP
  if (/must be JSON|is not JSON/.test(message)) return NOT_JSON
  return message.endsWith('data is missing') ? NO_DATA : message
}

function published({ payload, normal = false }: Pick<PublishRequest, 'payload' | 'normal'>): Outcome {
  const { data } = normalPayload(payload, { ...RULES, parsed: true, normal })
  return { bytes: Buffer.from(data).toString() }
}

function overHttp(data: string): Outcome {
  let outcome: Outcome = { why: 'nothing was published' }
  const publisher = {
    publish(request: PublishRequest) {
      outcome = published(request)
      return { epoch: 'e', offset: 1 }
    },
  } as unknown as Publisher
  const request = {
    text: `{"channel":"news:1"${data}}`,
    isAscii: false,
    jsonDepthMax: DEPTH,
    caller: { checkChannel: () => undefined },
    traceparent: undefined,
  } as unknown as ApiRequest
  try {
    void publishRoute(publisher, 10).handle(request)
    return outcome
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    return { why: whyOf(error.message) }
  }
}

function overWebSocket(data: string): Outcome {
  try {
    const frame = decodeText(`{"type":"publish","ref":1,"channel":"news:1"${data}}`, DEPTH)
    if (frame.type !== 'publish') throw new Error(`a ${frame.type}`)
    return published({ payload: frame.payload })
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error
    return { why: whyOf(error.message) }
  }
}

/** As it was before any of it was read in a shorter way: all is parsed. */
function byParsing(data: string): Outcome {
  const text = `{"channel":"news:1"${data}}`
  if (isDeeper(text, DEPTH + 1)) return { why: TOO_DEEP }
  if (!isJson(text)) return { why: NOT_JSON }
  const raw = rawMember(text, 'data')
  return raw === undefined ? { why: NO_DATA } : { bytes: onOneLine(raw) }
}

const PADDING = 'x'.repeat(1100)
const spoilt = fc
  .tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom('', '"', '\\', ',', ':', '{', ']', '0', 'e', ' ', '\n', '\t', '\u0001'),
  )
  .map(([text, at, put]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place + (at % 2))
  })
const value = fc.oneof(
  fc.json(),
  spoilt,
  hostileJson.filter((text) => text.length < 5000),
  fc.nat(2 * DEPTH).map((depth) => nested(depth + 1, '[')),
)
/** Members that may follow the channel; long in one of several ways, or short. */
const members = fc
  .tuple(
    fc.constantFrom(',"data":', ', "data": ', ',"data" :', ',"d\\u0061ta":', ''),
    value,
    fc.constantFrom('', `,"id":"a"`, ',"id":"a","data":1'),
    fc.constantFrom(
      (json: string) => json,
      (json: string) => `[${json},"${PADDING}"]`,
      (json: string) => `["${PADDING}\\n",${json}]`,
      (json: string) => `{"${PADDING}":${json}}`,
      (json: string) => `${json}${' '.repeat(PADDING.length)}`,
    ),
  )
  // As all that comes in UTF-8, it has no half of a character.
  .map(([key, json, rest, around]) => Buffer.from(key === '' ? rest : key + around(json) + rest).toString())

describe('a publish', () => {
  it('is the same over HTTP and over a WebSocket, short or long, and what parsing all of it says', () => {
    fc.assert(
      fc.property(members, (data) => {
        const expected = byParsing(data)
        expect(overWebSocket(data)).toEqual(expected)
        expect(overHttp(data)).toEqual(expected)
      }),
      { numRuns: 4000 },
    )
  })

  it('that is long is refused for the same reason at both doors', () => {
    for (const [data, why] of [
      [`,"data":"${PADDING}`, NOT_JSON],
      [`,"data":"${PADDING}\n"`, NOT_JSON],
      [`,"data":["${PADDING}",01]`, NOT_JSON],
      [`,"data":["${PADDING}"],"id":}`, NOT_JSON],
      [`,"data":["${PADDING}",${nested(DEPTH, '[')}]`, TOO_DEEP],
      [`,"id":"${PADDING.slice(0, 60)}"${' '.repeat(1000)}`, NO_DATA],
    ] as const) {
      expect(overWebSocket(data)).toEqual({ why })
      expect(overHttp(data)).toEqual({ why })
    }
  })

  it('that is long is parsed at neither door', () => {
    const parse = vi.spyOn(JSON, 'parse')
    const numbers = `[${Array.from({ length: 500 }, () => '1.5').join(',')}]`
    try {
      for (const door of [overHttp, overWebSocket])
        expect(door(`,"data":${numbers}`)).toEqual({ bytes: numbers })
      expect(parse).toHaveBeenCalledTimes(2)
      for (const [text] of parse.mock.calls) expect(text.length).toBeLessThan(100)
    } finally {
      parse.mockRestore()
    }
  })
})
