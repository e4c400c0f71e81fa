/**
 * A publish as most are: a short object of `channel` or `user`, `data` and perhaps `id`, read in one walk over its text. Nothing is parsed
 * and no object is built, which is half a microsecond of the fifteen that such a publish takes.
 */
import { LENGTH_MIN } from '../protocol/json-apart.ts'
import { endOfJson } from '../protocol/json-scan.ts'
import type { PublishRequest } from '../publish/publisher.ts'

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const CHANNEL = '"channel":'
const USER = '"user":'
const DATA = '"data":'
const ID = '"id":'

export interface PlainPublish {
  readonly target: PublishRequest['target']
  /** As it was written, on one line. */
  readonly data: string
  readonly id: string | undefined
}

/**
 * `undefined`: it is anything else (another member, a member twice, an escape or a line break outside of the data, no JSON, nested too
 * deep). It says no more than that, and whoever asks goes the longer way, which knows.
 */
export function plainPublish(text: string, jsonDepthMax: number): PlainPublish | undefined {
  if (text.length >= LENGTH_MIN || text.charCodeAt(0) !== OPEN_BRACE) return undefined
  let channel: string | undefined
  let user: string | undefined
  let data: string | undefined
  let id: string | undefined
  let at = 0
  do {
    // Behind the brace, or a comma.
    at = skipSpace(text, at + 1)
    if (data === undefined && text.startsWith(DATA, at)) {
      const from = skipSpace(text, at + DATA.length)
      at = text.charCodeAt(from) === SPACE ? -1 : endOfJson(text, from, jsonDepthMax)
      if (at === -1) return undefined
      data = text.slice(from, at)
    } else {
      const name = nameAt(text, at)
      if (name === undefined) return undefined
      const from = skipSpace(text, at + name.length)
      at = endOfPlain(text, from)
      const value = text.slice(from + 1, at - 1)
      if (name === CHANNEL && channel === undefined) channel = value
      else if (name === USER && user === undefined) user = value
      else if (name === ID && id === undefined) id = value
      else return undefined
    }
  } while (text.charCodeAt(at) === COMMA)
  if (at !== text.length - 1 || text.charCodeAt(at) !== CLOSE_BRACE || data === undefined) return undefined
  if (channel === undefined) return user === undefined ? undefined : { target: { user }, data, id }
  return user === undefined ? { target: { channel }, data, id } : undefined
}

/** Of a member whose value is a text. */
function nameAt(text: string, at: number): string | undefined {
  if (text.startsWith(CHANNEL, at)) return CHANNEL
  if (text.startsWith(USER, at)) return USER
  return text.startsWith(ID, at) ? ID : undefined
}

/** One at most, as printers write it. */
function skipSpace(text: string, at: number): number {
  return text.charCodeAt(at) === SPACE ? at + 1 : at
}

/** Behind a text without escapes. -1: it is none; then nothing follows there. */
function endOfPlain(text: string, from: number): number {
  if (text.charCodeAt(from) !== QUOTE) return -1
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH || code < SPACE) return -1
  }
  return -1
}
