/**
 * A message of the gateway as a publication of Centrifuge. Pure.
 */
import type { Encoding } from './encoding.ts'
import type { Publication } from './messages.ts'
import { jsonOf } from '../../protocol/json-data.ts'
import type { Message } from '../../protocol/message.ts'

const BASE64_TAGS: ReadonlyMap<string, string> = new Map([['encoding', 'base64']])

export function publicationOf(encoding: Encoding, message: Message): Publication {
  const { from, time, data, binary } = message
  const asText = binary && !encoding.binary
  return {
    data: asText ? base64Of(data) : binary ? data : jsonOf(message),
    info: from === undefined ? undefined : { user: from },
    offset: message.kind === 'logged' ? message.offset : undefined,
    tags: asText ? BASE64_TAGS : undefined,
    time,
  }
}

/** Bytes have no form in JSON: there they are a text in base64, and a tag says so. */
function base64Of(data: Uint8Array): Buffer {
  return Buffer.from(`"${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}"`)
}
