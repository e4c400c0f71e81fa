/**
 * The doors for backends that speak NATS.
 *
 *   sluice.publish.<channel>   a request here is a publish; `sluice.publish.@<user>` publishes to that user's inbox.
 *                              Payload: the data as JSON, or anything with the header `Sluice-Encoding: binary`.
 *                              `Nats-Msg-Id` is the idempotency id, `Sluice-Event` the event, `Sluice-Header-<name>` a header and
 *                              `Sluice-Exclude` the session that does not get it. The reply is the result that HTTP gives.
 *   sluice.subscribe.<user>    a request here puts a user on channels, one to sluice.unsubscribe.<user> takes him off: payload and reply
 *                              are those of HTTP.
 *   sluice.inbound.<channel>   a client's publish on a namespace with `clientPublish: forward` becomes a request here,
 *                              with the headers `Sluice-User` and, where there is one, `Nats-Msg-Id` and `Sluice-Event`. The backend
 *                              answers with a JSON object: empty, or with the position where it published, or with
 *                              `{"error":{"code","message"}}`, which the client is told.
 *
 * All nodes share the first ones as one queue group, so that each request is served once: a node that alone is not well leaves it
 * (`door-keeper.ts`).
 *
 * An answer is a publish with the gateway's permissions to a subject that the backend names. So one that is the gateway's own, or the
 * server's, is refused with the request: nobody may write there through us.
 */
import { normalPayload } from './payload.ts'
import type { Published, PublishRequest } from './publisher.ts'
import type { Answer } from '../answer.ts'
import { isUserId, USER_RULE } from '../auth/identity.ts'
import { asSluiceError, ERRORS, SluiceError } from '../errors.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import { isObject, JsonFault, parseJson } from '../protocol/json.ts'
import type { Payload } from '../protocol/message.ts'
import type { GivenMetadata } from '../protocol/metadata.ts'
import { onOneLine, rawMember } from '../protocol/raw-json.ts'
import { isPosition } from '../protocol/position.ts'
import type { StandingWish } from '../registry/registry.ts'
import { standingWishIn } from '../registry/standing.ts'
import { TRACEPARENT, type Tracing } from '../tracing.ts'

export type Headers = Readonly<Record<string, string>>

/** What a client's publish says. */
export interface ForwardedPublish {
  readonly channel: string
  readonly payload: Payload
  readonly id: string | undefined
  readonly event: string | undefined
}

/** A subscription; see `NatsSubscription`. */
interface Taking {
  drain(): Promise<void>
}

/** The part of a NATS connection that the doors use. */
export interface Requests {
  /** `reply` empty: nobody waits for an answer. */
  subscribe(
    subject: string,
    options: { readonly queue: string },
    handle: (subject: string, data: Buffer, reply: string, headers: Headers | undefined) => void,
  ): Taking
  publish(subject: string, bytes: Uint8Array): boolean
  /** Fails with `unavailable` where nobody answers in time. */
  request(
    subject: string,
    bytes: Uint8Array,
    timeoutMs: number,
    headers: Headers,
  ): Promise<{ readonly data: Uint8Array }>
}

export interface NatsIngressPorts {
  readonly requests: Requests
  /** Absent: nothing is traced. */
  readonly tracing: Tracing | undefined
  publish(request: PublishRequest): Answer<Published>
  /** Puts a user on channels, or takes him off. */
  stand(user: string, wish: StandingWish, on: boolean): Promise<object>
  /** A request whose answer was to go where only the gateway or the server writes: it was not carried out. */
  refused(reply: string): void
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
}

type Serve = (name: string, data: Buffer, headers: Headers) => Answer<object>

export interface NatsIngressOptions {
  /** The first token of the subjects. */
  readonly prefix: string
  readonly forwardTimeoutMs: number
  readonly jsonDepthMax: number
  /** As of what is published: a backend gets nothing that it could not publish. */
  readonly payloadBytesMax: () => number
}

const QUEUE = 'sluice'
/** The API of JetStream, its key-value buckets, the system's account. */
const SERVERS_OWN = '$'
const ID_HEADER = 'Nats-Msg-Id'
const ENCODING_HEADER = 'Sluice-Encoding'
const USER_HEADER = 'Sluice-User'
const EVENT_HEADER = 'Sluice-Event'
const EXCLUDE_HEADER = 'Sluice-Exclude'
/** Before the name of each header of the message. */
const HEADER_PREFIX = 'Sluice-Header-'
const DECODER = new TextDecoder('utf-8', { fatal: true })
export class NatsIngress {
  readonly #ports: NatsIngressPorts
  readonly #options: NatsIngressOptions
  #taking: readonly Taking[] | undefined
  /** Requests that were taken and are not answered yet. */
  readonly #underWay = new Set<Promise<void>>()

  constructor(options: NatsIngressOptions, ports: NatsIngressPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Takes requests from now on. Idempotent. */
  open(): void {
    if (this.#taking !== undefined) return
    this.#taking = [
      this.#take('publish', 'a publish over NATS', (...request) => this.#publish(...request)),
      this.#take('subscribe', 'a subscribe over NATS', (user, data) => this.#stand(user, data, true)),
      this.#take('unsubscribe', 'an unsubscribe over NATS', (user, data) => this.#stand(user, data, false)),
    ]
  }

  #take(verb: string, what: string, serve: Serve): Taking {
    const prefix = `${this.#options.prefix}.${verb}.`
    return this.#ports.requests.subscribe(`${prefix}>`, { queue: QUEUE }, (subject, data, reply, headers) => {
      // A view of what was read along with it, which it would keep in memory for as long as the message lives.
      const asked = [subject.slice(prefix.length), Buffer.from(data), headers ?? {}] as const
      const served = this.#answer(reply, what, () => serve(...asked))
        // Only the answer can fail, and whoever asked has chosen where it goes.
        .catch((error: unknown) => this.#ports.failed(`answering ${what}`, error))
        .finally(() => this.#underWay.delete(served))
      this.#underWay.add(served)
    })
  }

  /**
   * No more is taken. Resolves once all that was on its way here is answered: the server has given it to this node, and nobody
   * else would answer it. Idempotent.
   */
  async close(): Promise<void> {
    const taking = this.#taking ?? []
    this.#taking = undefined
    await Promise.all(taking.map((one) => one.drain()))
    await Promise.all(this.#underWay)
  }

  get isOpen(): boolean {
    return this.#taking !== undefined
  }

  /** Hands a client's publish to the backend. Fails with the backend's refusal, or `unavailable` where none answers. */
  async forward(user: string, publish: ForwardedPublish): Promise<Published> {
    const span = this.#ports.tracing?.begin('forward', undefined, {
      'messaging.system': 'sluice',
      'messaging.destination.name': publish.channel,
      'messaging.message.id': publish.id,
    })
    try {
      const published = await this.#ask(user, publish, span?.traceparent)
      span?.end()
      return published
    } catch (error) {
      span?.end(error instanceof SluiceError ? { 'error.type': error.code } : {}, error)
      throw error
    }
  }

  async #ask(
    user: string,
    { channel, payload, id, event }: ForwardedPublish,
    traceparent: string | undefined,
  ): Promise<Published> {
    const { payloadBytesMax, jsonDepthMax } = this.#options
    const answer = await this.#ports.requests.request(
      `${this.#options.prefix}.inbound.${channel}`,
      normalPayload(payload, { bytesMax: payloadBytesMax(), jsonDepthMax, parsed: true }).data,
      this.#options.forwardTimeoutMs,
      {
        // A header is one line of ASCII, and a user's id may be more than that.
        [USER_HEADER]: encodeURIComponent(user),
        ...(id === undefined ? {} : { [ID_HEADER]: encodeURIComponent(id) }),
        ...(event === undefined ? {} : { [EVENT_HEADER]: encodeURIComponent(event) }),
        ...(payload.binary ? { [ENCODING_HEADER]: 'binary' } : {}),
        ...(traceparent === undefined ? {} : { [TRACEPARENT]: traceparent }),
      },
    )
    return readAnswer(answer.data, jsonDepthMax)
  }

  async #answer(reply: string, what: string, serve: () => Answer<object>): Promise<void> {
    if (reply.startsWith(`${this.#options.prefix}.`) || reply.startsWith(SERVERS_OWN)) {
      this.#ports.refused(reply)
      return
    }
    let result: object
    try {
      result = await serve()
    } catch (thrown) {
      const error = asSluiceError(thrown)
      if (error.code === 'internal') this.#ports.failed(what, thrown)
      result = { error: { code: error.code, message: error.message } }
    }
    // Without a reply subject nobody wants to know.
    if (reply !== '') this.#ports.requests.publish(reply, Buffer.from(JSON.stringify(result)))
  }

  #publish(name: string, data: Buffer, headers: Headers): Answer<Published> {
    return this.#ports.publish({
      door: 'nats',
      target: name.startsWith('@') ? { user: name.slice(1) } : { channel: name },
      payload: payloadOf(data, headers),
      id: headers[ID_HEADER],
      meta: metadataIn(headers),
      trace: headers[TRACEPARENT],
    })
  }

  #stand(user: string, data: Buffer, on: boolean): Promise<object> {
    if (!isUserId(user)) throw new SluiceError('bad_request', `the user in the subject must be ${USER_RULE}`)
    return this.#ports.stand(user, wishIn(data, this.#options.jsonDepthMax), on)
  }
}

/** Fails with `bad_request`. */
function wishIn(data: Buffer, jsonDepthMax: number): StandingWish {
  try {
    const value = parseJson(DECODER.decode(data), jsonDepthMax)
    if (isObject(value)) return standingWishIn(value)
  } catch (error) {
    // `TypeError`: it is not UTF-8.
    if (!(error instanceof JsonFault || error instanceof TypeError)) throw error
  }
  throw new SluiceError('bad_request', 'the payload must be a JSON object, such as {"channels":["news"]}')
}

function metadataIn(headers: Headers): GivenMetadata {
  const named = Object.entries(headers).filter(([name]) => name.startsWith(HEADER_PREFIX))
  return {
    event: headers[EVENT_HEADER],
    headers:
      named.length === 0
        ? undefined
        : Object.fromEntries(named.map(([name, value]) => [name.slice(HEADER_PREFIX.length), value])),
    exclude: headers[EXCLUDE_HEADER],
  }
}

function payloadOf(data: Buffer, headers: Headers): Payload {
  const encoding = headers[ENCODING_HEADER]
  if (encoding === 'binary') return { data, binary: true }
  if (encoding !== undefined) {
    throw new SluiceError('bad_request', `${ENCODING_HEADER} must be binary, or be left out for JSON`)
  }
  return { data, binary: false }
}

/** What a backend answers is checked: it is not one of ours. */
function readAnswer(bytes: Uint8Array, jsonDepthMax: number): Published {
  const answer = parsed(bytes, jsonDepthMax)
  const { error, epoch, offset } = answer
  if (error !== undefined) {
    const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as Record<
      string,
      unknown
    >
    throw new SluiceError(
      typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'bad_request',
      typeof message === 'string' ? message.slice(0, 1000) : 'the backend has refused it',
    )
  }
  // As it came: what is parsed and printed again is not the same.
  const data = 'data' in answer ? rawMember(DECODER.decode(bytes), 'data') : undefined
  return {
    ...(data === undefined ? {} : { answer: onOneLine(data) }),
    ...(isPosition({ epoch, offset }) ? { epoch: epoch as string, offset: offset as number } : {}),
    ...(answer['duplicate'] === true ? { duplicate: true } : {}),
  }
}

function parsed(bytes: Uint8Array, jsonDepthMax: number): Record<string, unknown> {
  if (bytes.length === 0) return {}
  try {
    const value = parseJson(DECODER.decode(bytes), jsonDepthMax)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Told below, like any other answer that is none.
  }
  throw new SluiceError('unavailable', 'the backend has answered with something that is no JSON object')
}
