/**
 * A message of the gateway as a publication of Centrifuge. Pure.
 */
import type { Encoding } from './encoding.ts'
import type { Publication } from './messages.ts'
import { jsonOf } from '../../protocol/json-data.ts'
import type { Message } from '../../protocol/message.ts'

/** What says in JSON that a payload of bytes stands there as base64. */
const ENCODING_TAG = 'encoding'

export function publicationOf(encoding: Encoding, message: Message): Publication {
  const { from, time } = message
  return {
    ...dataOf(encoding, message),
    ...(message.kind === 'logged' ? { offset: message.offset } : {}),
    ...(from === undefined ? {} : { info: { user: from } }),
    time,
  }
}

/** Bytes have no form in JSON: there they are a text in base64, and a tag says so. */
function dataOf(encoding: Encoding, message: Message): Pick<Publication, 'data' | 'tags'> {
  const { data, binary } = message
  if (!binary) return { data: jsonOf(message) }
  if (encoding.binary) return { data }
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  return { data: Buffer.from(`"${base64}"`), tags: new Map([[ENCODING_TAG, 'base64']]) }
}
