/**
 * POST /v1/publish: one message, one to several channels or users, or an array of these.
 *
 * The body is parsed once to be checked, but a plain one and a long payload, which are only checked; the payload goes on as the text that it was,
 * so that no number is rounded.
 */
import type { Caller } from './caller.ts'
import { plainPublish, type PlainPublish } from './plain-publish.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { after, allOf, type Answer } from '../answer.ts'
import { asSluiceError, SluiceError } from '../errors.ts'
import { fromBase64 } from '../protocol/base64.ts'
import { inboxOf } from '../protocol/channel.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'
import { memberApart } from '../protocol/json-apart.ts'
import type { GivenMetadata } from '../protocol/metadata.ts'
import { ownBytes } from '../protocol/pinned.ts'
import { onOneLine, rawElements, rawMember } from '../protocol/raw-json.ts'
import type { Publisher, Published, PublishRequest } from '../publish/publisher.ts'

const FIELDS = [
  'channel',
  'channels',
  'user',
  'users',
  'data',
  'id',
  'encoding',
  'event',
  'headers',
  'exclude',
] as const
const WHERE = ['channel', 'channels', 'user', 'users'] as const
const KNOWN: ReadonlySet<string> = new Set(FIELDS)

type Fields = Readonly<Partial<Record<(typeof FIELDS)[number], unknown>>>
type Where = (typeof WHERE)[number]
type Target = PublishRequest['target']

interface Given {
  readonly payload: PublishRequest['payload']
  readonly id: string | undefined
  readonly meta: GivenMetadata | undefined
}

interface Door {
  readonly publisher: Publisher
  readonly batchMax: number
  readonly caller: Caller
  readonly trace: string | undefined
  /** Each character of the body came as one byte. */
  readonly isAscii: boolean
}

interface Failed {
  readonly error: { readonly code: string; readonly message: string }
}

type Result = Published | Failed | { readonly results: readonly (Published | Failed)[] }

export function publishRoute(publisher: Publisher, batchMax: number): Route {
  return {
    method: 'POST',
    path: '/v1/publish',
    scope: 'publish',
    wholeBody: true,
    handle: (request) => {
      const { caller, traceparent, isAscii } = request
      return publish({ publisher, batchMax, caller, trace: traceparent, isAscii }, request)
    },
  }
}

// What waits for nothing is answered in the same call: a promise here is one for each message.

function publish(door: Door, { text, jsonDepthMax }: ApiRequest): ApiAnswer | Promise<ApiAnswer> {
  const plain = plainPublish(text, jsonDepthMax)
  if (plain !== undefined) return after(publishPlain(door, plain), answerOf)
  const { batchMax } = door
  const apart = memberApart(text, 'data', jsonDepthMax)
  if (apart !== undefined && apart.around['encoding'] === undefined)
    return after(single(door, apart.around, text, apart.raw), answerOf)
  const parsed = parse(text, jsonDepthMax)
  if (!Array.isArray(parsed)) return after(single(door, parsed, text), answerOf)
  checkCount(parsed.length, batchMax, 'messages')
  checkCount(messagesIn(parsed), batchMax, 'messages for channels and users')
  const raws = rawElements(text)
  // Started one after the other in this turn, so that the messages of a channel keep their order; answered together.
  const results = parsed.map((one, index) => settled(() => single(door, one, raws[index] as string)))
  return after(allOf(results), ok)
}

/** Of one message. By hand, since that is a third of what the engine takes for it; an epoch is letters and digits. */
function answerOf(result: Result): ApiAnswer {
  if (!('epoch' in result)) return ok(result)
  const { epoch, offset, duplicate, degraded } = result
  const rest = (duplicate === true ? ',"duplicate":true' : '') + (degraded === true ? ',"degraded":true' : '')
  return { status: 200, text: `{"epoch":"${epoch}","offset":${offset}${rest}}` }
}

function ok(json: unknown): ApiAnswer {
  return { status: 200, json }
}

function parse(text: string, jsonDepthMax: number): unknown {
  try {
    // A payload is one level down in its message, and that one more in an array.
    return parseJson(text, jsonDepthMax, text.trimStart().startsWith('[') ? 2 : 1)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    if (error.tooDeep) throw new SluiceError('bad_request', `the body ${error.message}`)
    throw new SluiceError('bad_request', 'the body must be JSON: one message, or an array of messages')
  }
}

/** A message on its own: what is wrong with it is the answer's status. `data`: the text of that, where it is known already. */
function single(door: Door, value: unknown, raw: string, data?: string): Answer<Result> {
  const fields = fieldsOf(value)
  const { id, event, headers, exclude } = fields
  if (id !== undefined && typeof id !== 'string') throw new SluiceError('bad_request', 'id must be a text')
  const where = whereOf(fields)
  const targets = targetsOf(fields, where, door.batchMax)
  const isPlain = event === undefined && headers === undefined && exclude === undefined
  const meta = isPlain ? undefined : { event, headers, exclude }
  const message = { payload: readPayload(fields, raw, data, door.isAscii), id, meta }
  if (where === 'channel' || where === 'user') return publishTo(door, message, targets[0] as Target)
  // The request named several: its answer is a list, also where the list has one entry.
  const results = targets.map((target) => settled(() => publishTo(door, message, target)))
  return after(allOf(results), (all) => ({ results: all }))
}

function publishPlain(door: Door, { target, data, id }: PlainPublish): Answer<Published> {
  // See `readPayload`.
  const payload = { data: ownBytes(data, door.isAscii), binary: false }
  return publishTo(door, { payload, id, meta: undefined }, target)
}

/** The one way of every message of a request, so that none of them misses what the key allows. */
function publishTo(
  { publisher, caller, trace }: Door,
  { payload, id, meta }: Given,
  target: Target,
): Answer<Published> {
  caller.checkChannel('user' in target ? inboxOf(target.user) : target.channel)
  return publisher.publish({ door: 'http', target, payload, parsed: true, normal: true, id, meta, trace })
}

/** What is wrong with one of several stands in its place, and the others are published. */
function settled<T>(run: () => Answer<T>): Answer<T | Failed> {
  try {
    const result = run()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (thrown) {
    return failed(thrown)
  }
}

function failed(thrown: unknown): Failed {
  const { code, message } = asSluiceError(thrown)
  return { error: { code, message } }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SluiceError('bad_request', 'a message is an object: {"channel": …, "data": …}')
  }
  for (const key in value) {
    if (KNOWN.has(key)) continue
    throw new SluiceError(
      'bad_request',
      `${JSON.stringify(key.slice(0, 40))} is not a field; the fields are ${FIELDS.join(', ')}`,
    )
  }
  return value
}

function whereOf(fields: Fields): Where {
  let where: Where | undefined
  let given = 0
  for (const key of WHERE) {
    if (fields[key] === undefined) continue
    where = key
    given++
  }
  if (where !== undefined && given === 1) return where
  throw new SluiceError(
    'bad_request',
    'exactly one of channel, channels, user and users says where the message goes',
  )
}

function targetsOf(fields: Fields, where: Where, batchMax: number): Target[] {
  const value = fields[where]
  const isUser = where === 'user' || where === 'users'
  if (where === 'channel' || where === 'user') {
    if (typeof value !== 'string') throw new SluiceError('bad_request', `${where} must be a text`)
    return [isUser ? { user: value } : { channel: value }]
  }
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string'))
    throw new SluiceError('bad_request', `${where} must be a list of texts`)
  checkCount(value.length, batchMax, where)
  return value.map((name) => (isUser ? { user: name } : { channel: name }))
}

function readPayload(
  fields: Fields,
  raw: string,
  known: string | undefined,
  isAscii: boolean,
): PublishRequest['payload'] {
  const { data, encoding } = fields
  if (encoding !== undefined && encoding !== 'base64') {
    throw new SluiceError('bad_request', 'encoding must be "base64", or be left out for JSON')
  }
  if (encoding === 'base64') {
    const bytes = fromBase64(data)
    if (bytes !== undefined) return { data: bytes, binary: true }
    throw new SluiceError('bad_request', 'data must be base64 (RFC 4648, section 4) where encoding is base64')
  }
  const text = known ?? rawMember(raw, 'data')
  if (text === undefined) throw new SluiceError('bad_request', 'data is missing')
  // In the log as it is: a small one is copied nowhere on its way there. As a text it is put on one line at the least cost, so that
  // nobody has to look at its bytes again.
  return { data: ownBytes(onOneLine(text), isAscii), binary: false }
}

/** A message for several channels or users is so many. What is not right in an element is told in its place. */
function messagesIn(elements: readonly unknown[]): number {
  let count = 0
  for (const one of elements) {
    const { channels, users } = (one ?? {}) as { readonly channels?: unknown; readonly users?: unknown }
    const many = channels ?? users
    count += Array.isArray(many) ? many.length : 1
  }
  return Math.max(count, 1)
}

function checkCount(count: number, max: number, what: string): void {
  if (count === 0) throw new SluiceError('bad_request', `${what} is empty`)
  if (count > max) {
    throw new SluiceError(
      'limit_exceeded',
      `${count} ${what} in one request; limits.publishBatch allows ${max}`,
    )
  }
}
