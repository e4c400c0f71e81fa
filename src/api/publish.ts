/**
 * POST /v1/publish: one message, one to several channels or users, or an array of these.
 *
 * The body is parsed once to be checked; the payload goes on as the text that it was, so that no number is rounded.
 */
import type { Caller } from './caller.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { asSluiceError, SluiceError } from '../errors.ts'
import { inboxOf } from '../protocol/channel.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'
import type { Payload } from '../protocol/message.ts'
import type { GivenMetadata } from '../protocol/metadata.ts'
import { rawElements, rawMember } from '../protocol/raw-json.ts'
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
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

type Target = PublishRequest['target']

interface Item {
  readonly targets: readonly Target[]
  /** Whether the request named several: its answer is a list, also where the list has one entry. */
  readonly many: boolean
  readonly payload: Payload
  readonly id: string | undefined
  readonly meta: GivenMetadata
}

interface Door {
  readonly publisher: Publisher
  readonly batchMax: number
  readonly caller: Caller
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
    handle: (request) => publish({ publisher, batchMax, caller: request.caller }, request),
  }
}

async function publish(door: Door, request: ApiRequest): Promise<ApiAnswer> {
  const { batchMax } = door
  const text = await request.body()
  let parsed: unknown
  try {
    // A payload is one level down in its message, and that one more in an array.
    parsed = parseJson(text, request.jsonDepthMax, text.trimStart().startsWith('[') ? 2 : 1)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    if (error.tooDeep) throw new SluiceError('bad_request', `the body ${error.message}`)
    throw new SluiceError('bad_request', 'the body must be JSON: one message, or an array of messages')
  }
  if (!Array.isArray(parsed)) return { status: 200, json: await single(door, parsed, text) }
  checkCount(parsed.length, batchMax, 'messages')
  checkCount(messagesIn(parsed), batchMax, 'messages for channels and users')
  const raws = rawElements(text)
  // Started one after the other in this turn, so that the messages of a channel keep their order; answered together.
  const results = parsed.map((one, index) => element(door, one, raws[index] as string))
  return { status: 200, json: await Promise.all(results) }
}

/** A message on its own: what is wrong with it is the answer's status. */
async function single(door: Door, value: unknown, raw: string): Promise<Result> {
  const item = readItem(value, raw, door.batchMax)
  if (!item.many) return publishTo(door, item, item.targets[0] as Target)
  return {
    results: await Promise.all(item.targets.map((target) => settled(publishTo(door, item, target)))),
  }
}

/** A message of an array: what is wrong with it stands in its place, and the others are published. */
function element(door: Door, value: unknown, raw: string): Promise<Result> {
  return settled(single(door, value, raw))
}

/** The one way of every message of a request, so that none of them misses what the key allows. */
async function publishTo(
  { publisher, caller }: Door,
  { payload, id, meta }: Item,
  target: Target,
): Promise<Published> {
  caller.checkChannel('user' in target ? inboxOf(target.user) : target.channel)
  return publisher.publish({ door: 'http', target, payload, parsed: true, id, meta })
}

async function settled<T>(result: Promise<T>): Promise<T | Failed> {
  try {
    return await result
  } catch (thrown) {
    const { code, message } = asSluiceError(thrown)
    return { error: { code, message } }
  }
}

function readItem(value: unknown, raw: string, batchMax: number): Item {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SluiceError('bad_request', 'a message is an object: {"channel": …, "data": …}')
  }
  const fields = value as Readonly<Record<string, unknown>>
  const unknown = Object.keys(fields).find((key) => !(FIELDS as readonly string[]).includes(key))
  if (unknown !== undefined) {
    throw new SluiceError(
      'bad_request',
      `${JSON.stringify(unknown.slice(0, 40))} is not a field; the fields are ${FIELDS.join(', ')}`,
    )
  }
  const { id, event, headers, exclude } = fields
  if (id !== undefined && typeof id !== 'string') throw new SluiceError('bad_request', 'id must be a text')
  return {
    ...readTargets(fields, batchMax),
    payload: readPayload(fields, raw),
    id,
    meta: { event, headers, exclude },
  }
}

function readTargets(
  fields: Readonly<Record<string, unknown>>,
  batchMax: number,
): { targets: Target[]; many: boolean } {
  const given = (['channel', 'channels', 'user', 'users'] as const).filter((key) => fields[key] !== undefined)
  const [key] = given
  if (key === undefined || given.length > 1) {
    throw new SluiceError(
      'bad_request',
      'exactly one of channel, channels, user and users says where the message goes',
    )
  }
  const value = fields[key]
  const many = key === 'channels' || key === 'users'
  const names: unknown[] = many && Array.isArray(value) ? value : [value]
  if ((many && !Array.isArray(value)) || !names.every((name) => typeof name === 'string')) {
    throw new SluiceError('bad_request', `${key} must be ${many ? 'a list of texts' : 'a text'}`)
  }
  checkCount(names.length, batchMax, key)
  const isUser = key === 'user' || key === 'users'
  return { many, targets: names.map((name) => (isUser ? { user: name } : { channel: name })) }
}

function readPayload(fields: Readonly<Record<string, unknown>>, raw: string): Payload {
  const { data, encoding } = fields
  if (encoding !== undefined && encoding !== 'base64') {
    throw new SluiceError('bad_request', 'encoding must be "base64", or be left out for JSON')
  }
  if (encoding === 'base64') {
    if (typeof data !== 'string' || !BASE64.test(data)) {
      throw new SluiceError(
        'bad_request',
        'data must be base64 (RFC 4648, section 4) where encoding is base64',
      )
    }
    return { data: Buffer.from(data, 'base64'), binary: true }
  }
  const text = rawMember(raw, 'data')
  if (text === undefined) throw new SluiceError('bad_request', 'data is missing')
  return { data: Buffer.from(text), binary: false }
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
