/**
 * The API that backends with a library of Centrifuge call (`cent`, `gocent`, `phpcent` …): a method by name, and a JSON object in and out.
 *
 * What cannot be done as it was asked for is refused, never done in part: a library that is told `{}` goes on.
 */
import type { Answer } from '../../answer.ts'
import { ERROR, errorOf } from './codes.ts'
import { json } from './encoding.ts'
import { historyOf, type HistoryLog } from './history.ts'
import { CHANNEL_RULE_OF_CENTRIFUGE, internalNameOf } from './names.ts'
import { publicationOf } from './publication.ts'
import { errorIn, list, number, position, text, type Params } from './server-params.ts'
import type { Scope } from '../../auth/grant.ts'
import { asSluiceError, SluiceError } from '../../errors.ts'
import { fromBase64 } from '../../protocol/base64.ts'
import { isInbox } from '../../protocol/channel.ts'
import { isObject } from '../../protocol/json.ts'
import type { Payload } from '../../protocol/message.ts'
import { rawElements, rawMember } from '../../protocol/raw-json.ts'
import type { Published, PublishRequest } from '../../publish/publisher.ts'

export interface ServerApiPorts {
  publish(request: PublishRequest): Answer<Published>
  /** `undefined`: the channel keeps no messages. */
  logOf(channel: string): HistoryLog | undefined
  /** Who is in a channel; `undefined`: its namespace does not keep it. Fails with `unavailable`. */
  members(channel: string): Promise<readonly string[]> | undefined
  /** Ends every connection of a user. Fails with `unavailable`. */
  disconnect(user: string): Promise<unknown>
  /** Fails with `unavailable`. */
  nodes(): Promise<readonly ServerNode[]>
}

export interface ServerNode {
  readonly id: string
  readonly version: string
  readonly connections: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** What the key of the request allows. Both fail with `forbidden`. */
export interface ServerCaller {
  /** The `traceparent` of the request. */
  readonly traceparent: string | undefined
  checkScope(scope: Scope): void
  checkChannel(channel: string): void
}

export interface ServerCall {
  readonly caller: ServerCaller
  readonly params: Params
  /** What `params` was parsed from. */
  readonly raw: string
}

export interface ServerApiOptions {
  /** Messages, or commands, in one request. */
  readonly batchMax: number
  now(): number
}

interface Method {
  readonly scope: Scope
  /** Of whom it ends the connections, for the record of such things. */
  readonly user?: (params: Params) => string
  /** The result, as JSON. */
  readonly run: (call: ServerCall) => Promise<string>
}

/** What Centrifuge's server does and this one does not: the answer to each says so. */
const MISSING: Readonly<Record<string, string>> = {
  subscribe: 'the gateway does not subscribe users to channels; their tokens say what they may subscribe to',
  unsubscribe: 'the gateway does not unsubscribe users; end their connections with disconnect',
  refresh: 'a connection is as good as its token: revoke it by POST /v1/users/{user}/revoke',
  history_remove: 'messages leave a log by the ttl and the max of its namespace only',
  channels: 'the gateway does not list channels; GET /v1/channels/{channel} tells of one',
}

export class ServerApi {
  readonly #ports: ServerApiPorts
  readonly #options: ServerApiOptions
  readonly methods: Readonly<Record<string, Method>>

  constructor(ports: ServerApiPorts, options: ServerApiOptions) {
    this.#ports = ports
    this.#options = options
    const missing = Object.entries(MISSING).map(([name, why]): [string, Method] => [
      name,
      { scope: 'admin', run: () => Promise.reject(new NotAvailable(why)) },
    ])
    this.methods = {
      publish: { scope: 'publish', run: (call) => this.#publish(call) },
      broadcast: { scope: 'publish', run: (call) => this.#broadcast(call) },
      history: { scope: 'history', run: (call) => this.#history(call) },
      presence: { scope: 'history', run: (call) => this.#presence(call) },
      presence_stats: { scope: 'history', run: (call) => this.#presenceStats(call) },
      disconnect: {
        scope: 'admin',
        user: (params) => text(params, 'user'),
        run: (call) => this.#disconnect(call),
      },
      info: { scope: 'admin', run: () => this.#info() },
      batch: { scope: 'publish', run: (call) => this.#batch(call) },
      ...Object.fromEntries(missing),
    }
  }

  /** The answer to a call: `{"result":…}` or `{"error":…}`. Fails only where the gateway does. */
  async answer(name: string, call: ServerCall): Promise<string> {
    try {
      return `{"result":${await this.#run(name, call)}}`
    } catch (error) {
      return `{"error":${JSON.stringify(failure(error))}}`
    }
  }

  #run(name: string, call: ServerCall): Promise<string> {
    const method = Object.hasOwn(this.methods, name) ? this.methods[name] : undefined
    if (method === undefined)
      throw new SluiceError('bad_request', `there is no method ${JSON.stringify(name.slice(0, 40))}`)
    call.caller.checkScope(method.scope)
    return method.run(call)
  }

  async #publish({ caller, params, raw }: ServerCall): Promise<string> {
    return publishedText(await this.#publishTo(caller, params['channel'], params, raw))
  }

  async #broadcast({ caller, params, raw }: ServerCall): Promise<string> {
    const channels = list(params, 'channels')
    this.#checkCount(channels.length, 'channels')
    // Started in this turn, one after the other, so that two broadcasts keep their order.
    const responses = channels.map((channel) =>
      settled(this.#publishTo(caller, channel, params, raw).then(publishedText)),
    )
    return `{"responses":[${(await Promise.all(responses)).join(',')}]}`
  }

  /** The one way of every message, so that none of them misses what the key allows. */
  async #publishTo(caller: ServerCaller, name: unknown, params: Params, raw: string): Promise<Published> {
    const channel = channelOf(name)
    caller.checkChannel(channel)
    for (const unfit of ['version', 'version_epoch', 'skip_history']) {
      if (isAsked(params[unfit])) throw new NotAvailable(`${unfit}: the gateway does not offer it`)
    }
    const id = params['idempotency_key'] === undefined ? undefined : text(params, 'idempotency_key')
    // Its rules are the publisher's.
    const meta = { headers: params['tags'] ?? undefined }
    const target = isInbox(channel) ? { user: channel.slice(1) } : { channel }
    return this.#ports.publish({
      door: 'http',
      target,
      payload: payloadOf(params, raw),
      parsed: true,
      id,
      meta,
      trace: caller.traceparent,
    })
  }

  async #history({ caller, params }: ServerCall): Promise<string> {
    const channel = channelOf(params['channel'])
    caller.checkChannel(channel)
    const log = this.#ports.logOf(channel)
    if (log === undefined) throw new NotAvailable('the channel keeps no messages: its namespace is ephemeral')
    const since = position(params, 'since')
    const history = await historyOf(log, channel, {
      limit: number(params, 'limit'),
      reverse: params['reverse'] === true,
      ...(since === undefined ? {} : { since }),
    })
    if (history === undefined) throw new Unrecoverable()
    const publications = history.messages.map((message) =>
      json.publication(publicationOf(json, message)).toString(),
    )
    const { epoch, offset } = history.head
    return `{"publications":[${publications.join(',')}],"epoch":${JSON.stringify(epoch)},"offset":${offset}}`
  }

  async #presence(call: ServerCall): Promise<string> {
    const members = await this.#members(call)
    // The gateway knows users, not their connections.
    return JSON.stringify({
      presence: Object.fromEntries(members.map((user) => [user, { client: user, user }])),
    })
  }

  async #presenceStats(call: ServerCall): Promise<string> {
    const { length } = await this.#members(call)
    return JSON.stringify({ num_clients: length, num_users: length })
  }

  #members({ caller, params }: ServerCall): Promise<readonly string[]> {
    const channel = channelOf(params['channel'])
    caller.checkChannel(channel)
    const members = this.#ports.members(channel)
    if (members === undefined) throw new NotAvailable('the namespace of the channel does not keep presence')
    return members
  }

  async #disconnect({ params }: ServerCall): Promise<string> {
    for (const unfit of ['client', 'session', 'whitelist', 'disconnect']) {
      if (isAsked(params[unfit]))
        throw new NotAvailable(
          `${unfit}: the gateway ends all connections of a user, and clients come back by their own rules`,
        )
    }
    await this.#ports.disconnect(text(params, 'user'))
    return '{}'
  }

  async #info(): Promise<string> {
    const nodes = await this.#ports.nodes()
    const now = this.#options.now()
    return JSON.stringify({
      nodes: nodes.map(({ id, version, connections, startedAt }) => ({
        uid: id,
        name: id,
        version,
        num_clients: connections,
        uptime: Math.max(0, Math.floor((now - startedAt) / 1000)),
      })),
    })
  }

  async #batch({ caller, params, raw }: ServerCall): Promise<string> {
    const { commands } = params
    if (!Array.isArray(commands)) throw new SluiceError('bad_request', 'commands must be a list of objects')
    this.#checkCount(commands.length, 'commands')
    const raws = rawElements(rawMember(raw, 'commands') as string)
    const replies: Promise<string>[] = []
    for (const [index, command] of commands.entries()) {
      const reply = this.#command(caller, command, raws[index] as string)
      replies.push(reply)
      // One after the other unless all at once was asked for: a later command may count on an earlier one.
      if (params['parallel'] !== true) await reply
    }
    return `{"replies":[${(await Promise.all(replies)).join(',')}]}`
  }

  /** `{"publish":{…}}` is answered by `{"publish":{…}}`, or by an error. */
  async #command(caller: ServerCaller, command: unknown, raw: string): Promise<string> {
    const [name, ...more] = Object.keys((command ?? {}) as object)
    const params = name === undefined ? undefined : (command as Readonly<Record<string, unknown>>)[name]
    try {
      if (name === undefined || more.length > 0 || !isObject(params))
        throw new SluiceError('bad_request', 'a command is an object with one method: {"publish": {…}}')
      if (name === 'batch' || this.methods[name]?.user !== undefined)
        throw new NotAvailable(`${name} is no part of a batch; call it by itself`)
      const result = await this.#run(name, { caller, params, raw: rawMember(raw, name) as string })
      return `{${JSON.stringify(name)}:${result}}`
    } catch (error) {
      return `{"error":${JSON.stringify(failure(error))}}`
    }
  }

  #checkCount(count: number, what: string): void {
    const { batchMax } = this.#options
    if (count === 0) throw new SluiceError('bad_request', `${what} is empty`)
    if (count > batchMax)
      throw new SluiceError(
        'limit_exceeded',
        `${count} ${what} in one request; limits.publishBatch allows ${batchMax}`,
      )
  }
}

/** The gateway does not do this; the sentence says what there is instead. */
class NotAvailable extends Error {}

class Unrecoverable extends Error {}

/** Fails with what was thrown where it is a fault of the gateway: that is not to be told as an answer. */
function failure(thrown: unknown): ReturnType<typeof errorIn> {
  if (thrown instanceof NotAvailable) return errorIn({ ...ERROR.notAvailable, message: thrown.message })
  if (thrown instanceof Unrecoverable) return errorIn(ERROR.unrecoverablePosition)
  const { code, message } = asSluiceError(thrown)
  if (code === 'internal') throw thrown
  return errorIn(errorOf(code, message))
}

async function settled(result: Promise<string>): Promise<string> {
  try {
    return `{"result":${await result}}`
  } catch (error) {
    return `{"error":${JSON.stringify(failure(error))}}`
  }
}

function publishedText({ epoch, offset }: Published): string {
  return JSON.stringify(epoch === undefined ? {} : { offset, epoch })
}

function channelOf(name: unknown): string {
  const channel = typeof name === 'string' ? internalNameOf(name) : undefined
  if (channel === undefined)
    throw new SluiceError('bad_request', `channel is not valid: ${CHANNEL_RULE_OF_CENTRIFUGE}`)
  return channel
}

function payloadOf(params: Params, raw: string): Payload {
  const { data, b64data } = params
  if (isAsked(b64data)) {
    const bytes = fromBase64(b64data)
    if (bytes !== undefined) return { data: bytes, binary: true }
    throw new SluiceError('bad_request', 'b64data must be base64 (RFC 4648, section 4)')
  }
  if (data === undefined || data === null) throw new SluiceError('bad_request', 'data is missing')
  return { data: Buffer.from(rawMember(raw, 'data') as string), binary: false }
}

/** Libraries send what nobody has set as an empty value. */
function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}
