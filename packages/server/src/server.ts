import { randomUUID } from 'node:crypto'
import type { components, paths } from './api-types.ts'
import { Caller, type Asked } from './caller.ts'
import { SluiceError } from './errors.ts'
import {
  Item,
  requestsOf,
  type BatchMessage,
  type BatchResult,
  type MessageOptions,
  type Outcome,
  type Position,
  type Published,
  type Request,
} from './messages.ts'
import type { BackoffOptions } from './retry.ts'
import { signToken, type TokenOptions } from './tokens.ts'

type Schemas = components['schemas']
type Answer<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method] extends {
  responses: { 200: { content: { 'application/json': infer Body } } }
}
  ? Body
  : never

export interface SluiceServerOptions {
  /** Of the second listener of a gateway, or of a balancer before several: `http://127.0.0.1:8081`. */
  readonly url: string
  /** One of its API keys. */
  readonly key: string
  /** Its `auth.jwtSecret`: for `token` alone. */
  readonly secret?: string | undefined
  /**
   * How long a call tries: what the gateway or the network cannot do now is repeated until then. Default: 30,000 ms. Keep it below `idempotency` of the
   * namespaces (2 minutes), after which a repeat is published again.
   */
  readonly deadlineMs?: number
  /** How long one attempt may take. Default: 10,000 ms. */
  readonly timeoutMs?: number
  /** Pauses between attempts, exponential with full jitter, behind what `Retry-After` says. Default: 100 ms, at most 5,000 ms. */
  readonly backoff?: BackoffOptions
  /** So many messages at most are one request. Default: 1000, as `limits.publishBatch`. */
  readonly batchMax?: number
  /** Default: the platform's, which keeps connections open. */
  readonly fetch?: typeof globalThis.fetch
}

export interface CallOptions {
  /** Gives up; what became of the request is unknown then. */
  readonly signal?: AbortSignal
  /** Another one than that of the server. */
  readonly deadlineMs?: number
}

export type PublishOptions = MessageOptions & CallOptions

export interface StandingOptions extends CallOptions {
  /** Of the sessions of the user this one alone. */
  readonly session?: string
}

export type Standing = Answer<'/v1/users/{user}/subscribe', 'post'>

export interface HistoryMessage {
  readonly channel: string
  /** Any JSON value, or a `Uint8Array` for a binary message. */
  readonly data: unknown
  readonly position: Position
  readonly time: number
  readonly id: string | undefined
  /** The user whose client has published it; `undefined`: a backend has. */
  readonly from: string | undefined
  readonly event: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
}

export interface History {
  /** Oldest first. */
  readonly messages: readonly HistoryMessage[]
  /** The end of the log: while the last message is before it, there are more. */
  readonly head: Position
  /** Why the messages after the position are not all there; there are none then. */
  readonly reset: Schemas['Messages']['reset']
}

export interface HistoryOptions extends CallOptions {
  /** The newest ones, or those after a position. */
  readonly last?: number
  readonly after?: Position
  /** At most so many. Default: 100. */
  readonly limit?: number
}

/** So much of a body at most, so that it is below `limits.requestBody` (4 MiB) with room. */
const REQUEST_BYTES_MAX = 1_048_576

/** A gateway, as a backend sees it. It holds nothing: there is nothing to close. */
export class SluiceServer {
  readonly #caller: Caller
  readonly #secret: string | undefined
  readonly #deadlineMs: number
  readonly #batchMax: number

  constructor(options: SluiceServerOptions) {
    const { url, key, secret, deadlineMs = 30_000, timeoutMs = 10_000, batchMax = 1000 } = options
    const { backoff = { baseMs: 100, maxMs: 5000 }, fetch = globalThis.fetch } = options
    if (!/^https?:\/\/./.test(url))
      throw new TypeError('`url` is to be that of the second listener: http://127.0.0.1:8081')
    if (typeof key !== 'string' || key === '')
      throw new TypeError('`key` is to be one of the API keys of the gateway')
    this.#caller = new Caller({ url, key, timeoutMs, backoff, fetch })
    this.#secret = secret
    this.#deadlineMs = deadlineMs
    this.#batchMax = batchMax
  }

  /**
   * Publishes a JSON value, or bytes (`Uint8Array`), to a channel. Repeated with the same `id`, which is drawn where none is given, until it is
   * answered or the deadline is over: on a channel with a log it is published once. Rejects with a `SluiceError`.
   */
  publish(channel: string, data: unknown, options?: PublishOptions): Promise<Published> {
    return this.#one({ channel, data }, options)
  }

  /** Publishes to a user's inbox. */
  send(user: string, data: unknown, options?: PublishOptions): Promise<Published> {
    return this.#one({ user, data }, options)
  }

  async #one(
    target: { readonly channel?: string; readonly user?: string; readonly data: unknown },
    { signal, deadlineMs, ...message }: PublishOptions = {},
  ): Promise<Published> {
    const item = new Item({ ...target, ...message } as BatchMessage, randomUUID())
    const asked = this.#asked('POST', '/v1/publish', {
      ...(signal && { signal }),
      ...(deadlineMs && { deadlineMs }),
    })
    item.take((await this.#caller.ask({ ...asked, body: item.json() })) as Schemas['Result'])
    const outcome = item.result as Outcome
    if (outcome.error !== undefined) throw outcome.error
    return outcome
  }

  /**
   * Publishes many, in as few requests as the gateway takes, and answers what became of each in order: where one is refused, the others are
   * published. What may work later is repeated by itself, behind those that went through: messages of one channel keep their order only where
   * none of them had to be. Rejects with a `SluiceError` where the gateway takes none of it (a wrong key, nobody there).
   */
  async publishBatch(messages: readonly BatchMessage[], options: CallOptions = {}): Promise<BatchResult[]> {
    const items = messages.map((message) => new Item(message, randomUUID()))
    const asked = this.#asked('POST', '/v1/publish', options)
    let left: readonly Item[] = items
    for (let attempt = 0; left.length > 0; attempt++) {
      await this.#round(left, items, asked)
      left = left.filter((item) => !item.isDone)
      const [refusal] = left.map((item) => item.refusal)
      if (refusal === undefined) break
      try {
        await this.#caller.pause(attempt, refusal, asked)
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        // Each keeps its own refusal: the time is over.
        break
      }
    }
    return items.map((item) => item.result)
  }

  /** Each request once; what is too much for one is halved. */
  async #round(left: readonly Item[], all: readonly Item[], asked: Asked): Promise<void> {
    const limits = { messages: this.#batchMax, bytes: REQUEST_BYTES_MAX }
    const requests: Request[] = requestsOf(left, limits)
    for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
      const { items, body } = request
      try {
        const results = (await this.#caller.ask({ ...asked, body })) as readonly Schemas['Result'][]
        items.forEach((item, index) => item.take(results[index] ?? { results: [] }))
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        if (error.status === 413 && items.length > 1) {
          // The gateway takes less than was thought: it says how much for people only.
          requests.unshift(...requestsOf(items, { ...limits, messages: Math.ceil(countOf(items) / 2) }))
          continue
        }
        const isFirst = all.every((item) => !item.isAnswered)
        if (isFirst) throw error
        for (const item of [...items, ...requests.flatMap((later) => later.items)]) item.fail(error)
        return
      }
    }
  }

  /** A token for a client, with what it may do. Throws a `TypeError` for what the gateway would not take. */
  token(options: TokenOptions): string {
    return signToken(this.#secret, options, Date.now())
  }

  /** What the log of a channel has. */
  async history(channel: string, options: HistoryOptions = {}): Promise<History> {
    const { last, after, limit } = options
    const query = new URLSearchParams()
    if (after !== undefined) query.set('after', `${after.epoch}:${after.offset}`)
    else query.set('last', String(last ?? limit ?? 100))
    if (limit !== undefined) query.set('limit', String(limit))
    const path = `/v1/channels/${encodeURIComponent(channel)}/messages?${query.toString()}`
    const { messages, head, reset } = (await this.#get(path, options)) as Schemas['Messages']
    return {
      messages: messages.map(({ channel: name, offset, data, encoding, time, id, from, event, headers }) => ({
        channel: name,
        data: encoding === undefined ? data : new Uint8Array(Buffer.from(data as string, 'base64')),
        position: { epoch: head.epoch, offset },
        ...{ time, id, from, event, headers },
      })),
      ...{ head, reset },
    }
  }

  /** Where the log of a channel is, how many are subscribed, and who is present. */
  channel(channel: string, options?: CallOptions): Promise<Schemas['Channel']> {
    return this.#get(`/v1/channels/${encodeURIComponent(channel)}`, options) as Promise<Schemas['Channel']>
  }

  /** The sessions of a user, and their nodes; none where he is not connected. */
  whereIs(user: string, options?: CallOptions): Promise<Schemas['User']> {
    return this.#get(`/v1/users/${named(user)}`, options) as Promise<Schemas['User']>
  }

  /** Ends the connections of a user; with a good token he may come back. */
  disconnect(
    user: string,
    options: CallOptions = {},
  ): Promise<Answer<'/v1/users/{user}/sessions', 'delete'>> {
    const asked = this.#asked('DELETE', `/v1/users/${named(user)}/sessions`, options)
    return this.#caller.ask(asked) as Promise<Answer<'/v1/users/{user}/sessions', 'delete'>>
  }

  /** Refuses the tokens of a user that were issued until now, and ends the connections that were made with them. */
  revoke(user: string, options: CallOptions = {}): Promise<Answer<'/v1/users/{user}/revoke', 'post'>> {
    const asked = this.#asked('POST', `/v1/users/${named(user)}/revoke`, options)
    return this.#caller.ask(asked) as Promise<Answer<'/v1/users/{user}/revoke', 'post'>>
  }

  /**
   * Puts a user on channels, whatever the token says: with every session that is there and that comes, or with one alone. Answers with how many
   * there were.
   */
  subscribe(user: string, channels: readonly string[], options?: StandingOptions): Promise<Standing> {
    return this.#stand(user, 'subscribe', channels, options)
  }

  /** Takes a user off channels, whoever has put him there. */
  unsubscribe(user: string, channels: readonly string[], options?: StandingOptions): Promise<Standing> {
    return this.#stand(user, 'unsubscribe', channels, options)
  }

  /** What backends have put a user on. */
  channelsOf(user: string, options?: CallOptions): Promise<Answer<'/v1/users/{user}/channels', 'get'>> {
    const path = `/v1/users/${named(user)}/channels`
    return this.#get(path, options) as Promise<Answer<'/v1/users/{user}/channels', 'get'>>
  }

  #stand(
    user: string,
    what: 'subscribe' | 'unsubscribe',
    channels: readonly string[],
    { session, ...options }: StandingOptions = {},
  ): Promise<Standing> {
    const body = JSON.stringify({ channels, session })
    const asked = this.#asked('POST', `/v1/users/${named(user)}/${what}`, options)
    return this.#caller.ask({ ...asked, body }) as Promise<Standing>
  }

  #get(path: string, options: CallOptions = {}): Promise<unknown> {
    return this.#caller.ask(this.#asked('GET', path, options))
  }

  #asked(
    method: Asked['method'],
    path: string,
    { signal, deadlineMs = this.#deadlineMs }: CallOptions,
  ): Asked {
    return { method, path, signal, deadlineAtMs: Date.now() + deadlineMs }
  }
}

function countOf(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + item.count, 0)
}

/** In a path these are the folder above and the folder itself, however they are encoded. */
function named(user: string): string {
  if (/^\.{1,2}$/.test(user)) throw new TypeError(`a user who is called ${user} cannot be named in a path`)
  return encodeURIComponent(user)
}
