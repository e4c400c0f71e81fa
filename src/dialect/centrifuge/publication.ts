/**
 * A message of the gateway as a publication of Centrifuge. Pure.
 */
import type { Encoding } from './encoding.ts'
import type { History } from './history.ts'
import type { HistoryResult, Publication } from './messages.ts'
import { jsonOf } from '../../protocol/json-data.ts'
import type { Message } from '../../protocol/message.ts'

export function publicationOf(encoding: Encoding, message: Message): Publication {
  const { from, time, data, binary, meta } = message
  const asText = binary && !encoding.binary
  return {
    data: asText ? base64Of(data) : binary ? data : jsonOf(message),
    info: from === undefined ? undefined : { user: from },
    offset: message.kind === 'logged' ? message.offset : undefined,
    tags: asText || meta !== undefined ? tagsOf(message, asText) : undefined,
    time,
  }
}

/** The headers of a message, and its event, for which there is no other word. */
function tagsOf({ meta }: Message, asText: boolean): ReadonlyMap<string, string> {
  const tags = new Map(Object.entries(meta?.headers ?? {}))
  if (meta?.event !== undefined) tags.set('event', meta.event)
  if (asText) tags.set('encoding', 'base64')
  return tags
}

/** Bytes have no form in JSON: there they are a text in base64, and a tag says so. */
function base64Of(data: Uint8Array): Buffer {
  return Buffer.from(`"${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}"`)
}

/** As it stands in an answer. */
export function pageOf(encoding: Encoding, { messages, head: { epoch, offset } }: History): HistoryResult {
  const publications = messages.map((message) => encoding.publication(publicationOf(encoding, message)))
  return { publications, epoch, offset }
}
