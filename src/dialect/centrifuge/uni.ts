/**
 * The protocol in one direction, in JSON: the client says once who it is, and gets pushes without what stands around them elsewhere. Pure.
 */
import { DecodeFault } from './decode-fault.ts'
import { json, publicationIn, textOf, type Encoding } from './encoding.ts'
import { CONNECT_REQUEST, PUSH, REPLY } from './fields.ts'
import { JsonPieces, readJson } from './json.ts'
import type { ConnectRequest } from './messages.ts'
import { isObject, JsonFault, parseJson } from '../../protocol/json.ts'

/** The level around a payload: `{"data":…}`. */
const ENVELOPE_DEPTH = 1

export const uniJson: Encoding = {
  ...json,
  name: 'uni-json',
  oneWay: true,

  *commands(frame, jsonDepthMax) {
    const text = textOf(frame)
    const request = readJson(CONNECT_REQUEST, objectIn(text, jsonDepthMax), text) as ConnectRequest
    yield { method: 'connect', id: 1, request }
  },

  reply({ connect, push, error }) {
    const pieces = new JsonPieces()
    if (error === undefined) pieces.message(PUSH, push ?? { connect })
    else pieces.message(REPLY, { error })
    return pieces.finish()
  },

  publish(channel, publication) {
    const head = `{"channel":${JSON.stringify(channel)},"pub":`
    return publicationIn(publication, head, '}')
  },
}

function objectIn(text: string, jsonDepthMax: number): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseJson(text, jsonDepthMax, ENVELOPE_DEPTH)
    if (isObject(parsed)) return parsed
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new DecodeFault(`what a client says first ${error.message}`)
  }
  throw new DecodeFault('what a client says first is a JSON object')
}
