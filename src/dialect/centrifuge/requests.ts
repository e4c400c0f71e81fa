/**
 * What stands in the requests of a client, in the gateway's terms. Pure. Where it is nothing that can be asked for, a `Refusal`.
 */
import { isUtf8 } from 'node:buffer'
import { ERROR } from './codes.ts'
import type { Encoding } from './encoding.ts'
import { FOREIGN_EPOCH } from './history.ts'
import type { ConnectRequest, ErrorReply, Recovery } from './messages.ts'
import { CHANNEL_RULE_OF_CENTRIFUGE, internalNameOf } from './names.ts'
import type { Guest } from './verbs.ts'
import { INBOX, isInbox } from '../../protocol/channel.ts'
import { JsonFault, parseJson } from '../../protocol/json.ts'
import type { Payload } from '../../protocol/message.ts'
import { isPosition, type Position } from '../../protocol/position.ts'

/** An answer that is no fault of anybody: the client is told, and the connection goes on. */
export class Refusal extends Error {
  readonly reply: ErrorReply

  constructor(reply: ErrorReply) {
    super(reply.message)
    this.reply = reply
  }
}

export function channelOf(channel: string | undefined): string {
  const name = channel === undefined ? undefined : internalNameOf(channel)
  if (name === undefined) throw new Refusal({ ...ERROR.badRequest, message: CHANNEL_RULE_OF_CENTRIFUGE })
  return name
}

/** The subscriptions that the server is to make, by the names of sessions: those of the connection before, or all of who cannot ask later. */
export function subscriptionsIn({ subs }: ConnectRequest): Map<string, Recovery> {
  const found = new Map<string, Recovery>([[INBOX, {}]])
  for (const [channel, recovery] of subs ?? []) {
    const name = internalNameOf(channel)
    if (name !== undefined) found.set(isInbox(name) ? INBOX : name, recovery)
  }
  return found
}

/** Where each of them goes on. */
export function placesOf(asked: ReadonlyMap<string, Recovery>): Map<string, Position | undefined> {
  const places = [...asked].map(([channel, recovery]): [string, Position | undefined] => [
    channel,
    recovery.recover === true ? placeOf(recovery) : undefined,
  ])
  return new Map(places)
}

/** An epoch that the gateway cannot have given is one that it is not in. */
export function placeOf({ epoch = '', offset = 0 }: Recovery): Position {
  return { epoch: isPosition({ epoch, offset }) ? epoch : FOREIGN_EPOCH, offset }
}

export function refreshOf({ refreshInMs }: Guest): Life {
  return lifeOf(refreshInMs)
}

interface Life {
  readonly expires?: true
  readonly ttl?: number
}

/** `undefined`: it does not end. */
export function lifeOf(inMs: number | undefined): Life {
  return inMs === undefined ? {} : { expires: true, ttl: Math.max(1, Math.floor(inMs / 1000)) }
}

/** In Protobuf a payload is JSON where it can be read as such, so that clients of both encodings share a channel. */
export function payloadOf(data: Uint8Array | undefined, encoding: Encoding, jsonDepthMax: number): Payload {
  if (data === undefined) throw new Refusal({ ...ERROR.badRequest, message: 'data is missing' })
  return { data, binary: encoding.binary && !isJson(data, jsonDepthMax) }
}

function isJson(data: Uint8Array, jsonDepthMax: number): boolean {
  if (!isUtf8(data)) return false
  try {
    parseJson(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'), jsonDepthMax)
    return true
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    // It is refused by the rule for JSON, not carried as bytes.
    if (error.tooDeep) throw new Refusal({ ...ERROR.badRequest, message: `data ${error.message}` })
    return false
  }
}
