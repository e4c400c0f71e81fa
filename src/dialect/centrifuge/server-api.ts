/**
 * The API that backends with a library of Centrifuge call (`cent`, `gocent`, `phpcent` …): a method by name, and a JSON object in and out.
 *
 * What cannot be done as it was asked for is refused, never done in part: a library that is told `{}` goes on.
 */
import { ERROR, errorOf } from './codes.ts'
import { json } from './encoding.ts'
import { historyOf } from './history.ts'
import { CHANNEL_RULE_OF_CENTRIFUGE, centrifugeNameOf, internalNameOf, internalPrefixOf } from './names.ts'
import { publicationOf } from './publication.ts'
import type { ServerApiOptions, ServerApiPorts, ServerCall, ServerCaller } from './server-api-ports.ts'
import { errorIn, list, number, position, text, type Params } from './server-params.ts'
import type { Scope } from '../../auth/grant.ts'
import { asSluiceError, SluiceError } from '../../errors.ts'
import { fromBase64 } from '../../protocol/base64.ts'
import { isInbox } from '../../protocol/channel.ts'
import { isObject } from '../../protocol/json.ts'
import type { Payload } from '../../protocol/message.ts'
import { rawElements, rawMember } from '../../protocol/raw-json.ts'
import type { Published } from '../../publish/publisher.ts'

export type UserAction = 'disconnect' | 'subscribe' | 'unsubscribe'

interface Method {
  readonly scope: Scope
  /** What it does to a user, for the record of such things. */
  readonly audit?: {
    readonly action: UserAction
    readonly on: (params: Params) => Readonly<Record<string, string>>
  }
  /** The result, as JSON. */
  readonly run: (call: ServerCall) => Promise<string>
}

/** What Centrifuge's server does and this one does not: the answer to each says so. */
const MISSING: Readonly<Record<string, string>> = {
  refresh: 'a connection is as good as its token: revoke it by POST /v1/users/{user}/revoke',
  history_remove: 'messages leave a log by the ttl and the max of its namespace only',
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
        audit: { action: 'disconnect', on: (params) => ({ user: text(params, 'user') }) },
        run: (call) => this.#disconnect(call),
      },
      subscribe: this.#standing('subscribe', true),
      unsubscribe: this.#standing('unsubscribe', false),
      channels: { scope: 'admin', run: (call) => this.#channels(call) },
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
    checkOffered(params, ['version', 'version_epoch', 'skip_history'])
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
    const why = 'the gateway ends all connections of a user, and clients come back by their own rules'
    checkOffered(params, ['client', 'session', 'whitelist', 'disconnect'], why)
    await this.#ports.disconnect(text(params, 'user'))
    return '{}'
  }

  /** With all sessions of the user, or with one that is named as clients see it. */
  #standing(action: 'subscribe' | 'unsubscribe', on: boolean): Method {
    return {
      scope: 'admin',
      audit: { action, on: (params) => ({ user: text(params, 'user'), channels: text(params, 'channel') }) },
      run: async ({ params }) => {
        checkOffered(params, ['info', 'b64info', 'data', 'b64data', 'expire_at', 'recover_since', 'override'])
        const channel = channelOf(params['channel'])
        if (isInbox(channel))
          throw new SluiceError('bad_request', 'each user is on his own inbox, and on no other')
        const named = ['session', 'client'].find((name) => isAsked(params[name]))
        const session = named === undefined ? undefined : text(params, named)
        await this.#ports.stand(text(params, 'user'), { channels: [channel], session }, on)
        return '{}'
      },
    }
  }

  /** By a pattern that is a name, or the beginning of one with `*` behind it. */
  async #channels({ params }: ServerCall): Promise<string> {
    const pattern = params['pattern'] === undefined ? '' : params['pattern']
    if (typeof pattern !== 'string' || /[*?[{]/.test(pattern.replace(/\*$/, '')))
      throw new SluiceError('bad_request', 'pattern is a name, or the beginning of one with * behind it')
    const isWhole = pattern !== '' && !pattern.endsWith('*')
    const wanted = internalPrefixOf(pattern.replace(/\*$/, ''))
    const counts = await this.#ports.occupied(wanted)
    const found = [...counts].filter(([channel]) => !isWhole || channel === wanted)
    return JSON.stringify({
      channels: Object.fromEntries(
        found.map(([channel, count]) => [centrifugeNameOf(channel), { num_clients: count }]),
      ),
    })
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
      if (name === 'batch' || this.methods[name]?.audit !== undefined)
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

/** Nothing is done in part: what is asked for and not offered is refused. */
function checkOffered(params: Params, unfit: readonly string[], why = 'the gateway does not offer it'): void {
  const asked = unfit.find((name) => isAsked(params[name]))
  if (asked !== undefined) throw new NotAvailable(`${asked}: ${why}`)
}

/** Libraries send what nobody has set as an empty value. */
function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}
