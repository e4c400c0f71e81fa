/**
 * The API that backends with a library of Centrifuge call (`cent`, `gocent`, `phpcent` …): a method by name, and a JSON object in and out.
 *
 * What cannot be done as it was asked for is refused, never done in part: a library that is told `{}` goes on.
 */
import { ERROR, errorOf } from './codes.ts'
import { json } from './encoding.ts'
import { PRESENCE_RESULT } from './fields.ts'
import { JsonPieces } from './json.ts'
import { historyOf } from './history.ts'
import { centrifugeNameOf, internalPrefixOf } from './names.ts'
import { membersIn, statsOf } from './member.ts'
import { publicationOf } from './publication.ts'
import type {
  Method,
  ServerApiOptions,
  ServerApiPorts,
  ServerCall,
  ServerCaller,
  ServerLine,
} from './server-api-ports.ts'
import {
  bytesOf,
  channelOf,
  checkOffered,
  errorIn,
  list,
  NotAvailable,
  number,
  optionalText,
  position,
  UnknownChannel,
  type Params,
} from './server-params.ts'
import { userMethods } from './server-users.ts'
import { asSluiceError, SluiceError } from '../../errors.ts'
import { isInbox } from '../../protocol/channel.ts'
import { isObject } from '../../protocol/json.ts'
import type { Members } from '../../presence/info.ts'
import type { Payload } from '../../protocol/message.ts'
import { rawElements, rawMember } from '../../protocol/raw-json.ts'
import type { Published } from '../../publish/publisher.ts'

export class ServerApi {
  readonly #ports: ServerApiPorts
  readonly #options: ServerApiOptions
  readonly methods: Readonly<Record<string, Method>>

  constructor(ports: ServerApiPorts, options: ServerApiOptions) {
    this.#ports = ports
    this.#options = options
    this.methods = {
      publish: { scope: 'publish', run: (call) => this.#publish(call) },
      broadcast: { scope: 'publish', run: (call) => this.#broadcast(call) },
      history: { scope: 'history', run: (call) => this.#history(call) },
      presence: { scope: 'history', run: (call) => this.#presence(call) },
      presence_stats: { scope: 'history', run: (call) => this.#presenceStats(call) },
      history_remove: { scope: 'admin', run: (call) => this.#historyRemove(call) },
      ...userMethods(ports, options),
      channels: { scope: 'admin', run: (call) => this.#channels(call) },
      info: { scope: 'admin', run: () => this.#info() },
      batch: { scope: 'publish', run: (call) => this.#batch(call) },
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

  /**
   * Commands of libraries that name the method in the body (`gocent` up to 3): an object on each line, one after the other, and an
   * answer on each line. Fails with `bad_request` where a line is none, and then with nothing done.
   */
  async answerLines(lines: readonly ServerLine[], caller: ServerCaller): Promise<string> {
    this.#checkCount(lines.length, 'commands')
    const replies: string[] = []
    for (const { method, params, raw } of lines) {
      const reply = await this.answer(method, { caller, params, raw })
      const audit = Object.hasOwn(this.methods, method) ? this.methods[method]?.audit : undefined
      if (audit !== undefined && reply.startsWith('{"result"')) caller.acted(audit.action, audit.on(params))
      replies.push(reply)
    }
    return replies.join('\n')
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
    const channel = channelOf(name, this.#options)
    caller.checkChannel(channel)
    checkOffered(params, ['version', 'version_epoch', 'skip_history'])
    const id = optionalText(params, 'idempotency_key')
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
    const channel = channelOf(params['channel'], this.#options)
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

  async #historyRemove({ caller, params }: ServerCall): Promise<string> {
    const channel = channelOf(params['channel'], this.#options)
    caller.checkChannel(channel)
    if (this.#ports.logOf(channel) === undefined)
      throw new NotAvailable('the channel keeps no messages: its namespace is ephemeral')
    await this.#ports.forget(channel)
    return '{}'
  }

  async #presence(call: ServerCall): Promise<string> {
    const pieces = new JsonPieces()
    pieces.message(PRESENCE_RESULT, { presence: membersIn(await this.#members(call)) })
    return pieces.finish().toString()
  }

  async #presenceStats(call: ServerCall): Promise<string> {
    return JSON.stringify(statsOf((await this.#members(call)).keys()))
  }

  #members({ caller, params }: ServerCall): Promise<Members> {
    const channel = channelOf(params['channel'], this.#options)
    caller.checkChannel(channel)
    const members = this.#ports.members(channel)
    if (members === undefined) throw new NotAvailable('the namespace of the channel does not keep presence')
    return members
  }

  /** By a pattern that is a name, or the beginning of one with `*` behind it. */
  async #channels({ caller, params }: ServerCall): Promise<string> {
    const pattern = params['pattern'] ?? ''
    if (typeof pattern !== 'string' || /[*?[{]/.test(pattern.replace(/\*$/, '')))
      throw new SluiceError('bad_request', 'pattern is a name, or the beginning of one with * behind it')
    const isWhole = pattern !== '' && !pattern.endsWith('*')
    const wanted = internalPrefixOf(pattern.replace(/\*$/, ''))
    const counts = await this.#ports.occupied(wanted)
    const found = [...counts].filter(
      ([channel]) => (!isWhole || channel === wanted) && caller.maySee(channel),
    )
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
      if (name === 'batch') throw new NotAvailable('a batch is no part of a batch')
      const result = await this.#run(name, { caller, params, raw: rawMember(raw, name) as string })
      const audit = this.methods[name]?.audit
      if (audit !== undefined) caller.acted(audit.action, audit.on(params))
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

class Unrecoverable extends Error {}

/** Fails with what was thrown where it is a fault of the gateway: that is not to be told as an answer. */
function failure(thrown: unknown): ReturnType<typeof errorIn> {
  if (thrown instanceof NotAvailable) return errorIn({ ...ERROR.notAvailable, message: thrown.message })
  if (thrown instanceof UnknownChannel) return errorIn(ERROR.unknownChannel)
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

function payloadOf(params: Params, raw: string): Payload {
  const bytes = bytesOf(params, 'b64data')
  if (bytes !== undefined) return { data: bytes, binary: true }
  const { data } = params
  if (data === undefined || data === null) throw new SluiceError('bad_request', 'data is missing')
  return { data: Buffer.from(rawMember(raw, 'data') as string), binary: false }
}
