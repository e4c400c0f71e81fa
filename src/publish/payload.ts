/**
 * What a payload must be, at every door: bytes, or JSON on one line. A line break would end a `data:` line of SSE in
 * the middle of the message, and a byte order mark makes it unreadable for whoever parses what stands around it. Pure.
 */
import { isUtf8 } from 'node:buffer'
import { SluiceError } from '../errors.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'
import { asBuffer } from '../protocol/json-data.ts'
import type { Payload } from '../protocol/message.ts'
import { onOneLine } from '../protocol/raw-json.ts'

const JSON_RULE =
  'data must be JSON, in UTF-8 and without a byte order mark; bytes go as base64 over HTTP, as a binary frame, or over NATS with the header Sluice-Encoding: binary'

export interface PayloadRules {
  readonly bytesMax: number
  readonly jsonDepthMax: number
  /** The data was cut out of JSON that has been parsed: what it says is not looked at again. */
  readonly parsed: boolean
  /** It was cut out of JSON on one line, whose encoding was looked at when it was decoded: nothing of it is looked at again. */
  readonly normal?: boolean
  /** The option that sets `bytesMax`. Default: `limits.payload`. */
  readonly limit?: string
}

/** As it is stored and sent. Fails with `bad_request` or `limit_exceeded`. */
export function normalPayload(payload: Payload, rules: PayloadRules): Payload {
  const { bytesMax, limit = 'limits.payload, or what the NATS servers take' } = rules
  const asItIs = payload.binary || rules.normal === true
  const normal = asItIs ? payload : { data: normalJson(payload.data, rules), binary: false }
  if (normal.data.length <= bytesMax) return normal
  throw new SluiceError(
    'limit_exceeded',
    `data has ${normal.data.length} bytes; ${bytesMax} are allowed (${limit})`,
  )
}

function normalJson(data: Uint8Array, { jsonDepthMax, parsed }: PayloadRules): Uint8Array {
  if (!isUtf8(data)) throw new SluiceError('bad_request', JSON_RULE)
  const bytes = asBuffer(data)
  if (parsed && isNormal(bytes)) return data
  const text = bytes.toString('utf8')
  try {
    parseJson(text, jsonDepthMax)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new SluiceError('bad_request', error.tooDeep ? `the payload ${error.message}` : JSON_RULE)
  }
  return isNormal(bytes) ? data : Buffer.from(onOneLine(text.trim()))
}

const SPACE = 0x20
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
/** The first of the three bytes that a byte order mark is in UTF-8; no JSON text begins with it. */
const BYTE_ORDER_MARK = 0xef

/** No white space around it, no line breaks in it. */
function isNormal(bytes: Buffer): boolean {
  const first = bytes[0]
  const last = bytes.at(-1)
  if (first === undefined || last === undefined || first <= SPACE || last <= SPACE) return false
  return first !== BYTE_ORDER_MARK && !bytes.includes(LINE_FEED) && !bytes.includes(CARRIAGE_RETURN)
}
