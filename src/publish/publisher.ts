/**
 * The one path of every message, behind three doors (HTTP, NATS, a client that may): check, append, send.
 * The log decides the order, so it comes first; the backbone may lose what it carries, and feeds repair from the log.
 */
import { normalPayload } from './payload.ts'
import { traced } from './traced.ts'
import { after, type Answer } from '../answer.ts'
import { isUserId, USER_RULE } from '../auth/identity.ts'
import type { Backbone, Sent } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import { CHANNEL_RULE, inboxOf, isChannel, isInbox, isInternalChannel } from '../protocol/channel.ts'
import { ID_RULE, isMessageId } from '../protocol/message-id.ts'
import type { EphemeralMessage, LoggedMessage, Message, NewMessage, Payload } from '../protocol/message.ts'
import { metadataFault, metadataOf, type GivenMetadata } from '../protocol/metadata.ts'
import type { Place, Registry } from '../registry/registry.ts'
import type { Appended, LogPolicy, ReplayLog } from '../replay/replay-log.ts'
import type { Span, Tracing } from '../tracing.ts'

export type Door = 'http' | 'nats' | 'client'

export type Delivery = 'ephemeral' | 'replay' | 'durable'

export interface PublishPolicy {
  readonly delivery: Delivery
  readonly log: LogPolicy
  readonly onLogFailure: 'refuse' | 'ephemeral'
}

export interface PublishRequest {
  readonly door: Door
  /** `internal`: a dialect has named the channel, which may be longer than clients of ours name them. */
  readonly target: { readonly channel: string; readonly internal?: true } | { readonly user: string }
  readonly payload: Payload
  /** The data was cut out of JSON that has been parsed. Absent: nobody has looked at it. */
  readonly parsed?: true
  /** Beside that, it is on one line, and valid UTF-8: the door has looked at all that it was cut out of. */
  readonly normal?: boolean
  readonly id: string | undefined
  /** The user whose client publishes. Absent: a backend does. */
  readonly from?: string
  /** As it came: the publisher looks at it. */
  readonly meta?: GivenMetadata | undefined
  /** The `traceparent` that came with it. */
  readonly trace?: string | undefined
}

export interface Published {
  /** Absent on an ephemeral channel, and where the log was away and the namespace says to go on without it. */
  readonly epoch?: string
  readonly offset?: number
  /** The `id` was published before; this is the position of that message. */
  readonly duplicate?: true
  /** What the backend has answered, as JSON, where the message was forwarded. */
  readonly answer?: string
  /** Not every node could be reached at once: some subscribers get it later, by repair from the log. */
  readonly degraded?: true
}

export interface PublisherMetrics {
  published(door: Door, delivery: Delivery, request: PublishRequest, published: Published): void
  duplicate(): void
  refused(error: SluiceError, request: PublishRequest): void
  /** `trace`: its span, where it has one. */
  appended(seconds: number, trace: string | undefined): void
  unicastNodes(count: number): void
  degraded(): void
}

export interface PublisherPorts {
  readonly log: ReplayLog
  readonly backbone: Backbone
  readonly registry: Registry
  readonly clock: Clock
  readonly metrics: PublisherMetrics
  policyOf(channel: string): PublishPolicy
  /** Absent: nothing is traced. */
  readonly tracing: Tracing | undefined
}

/** A message on its way into the log. */
interface Append {
  readonly channel: string
  readonly message: NewMessage
  readonly durable: boolean
  /** Where its user is. */
  readonly early: Answer<readonly Place[]> | undefined
  readonly span: Span | undefined
}

export class Publisher {
  readonly #ports: PublisherPorts
  readonly #payloadBytesMax: () => number
  readonly #jsonDepthMax: number

  /** `payloadBytesMax`: now; what carries messages may come to take less. */
  constructor(ports: PublisherPorts, payloadBytesMax: () => number, jsonDepthMax: number) {
    this.#ports = ports
    this.#payloadBytesMax = payloadBytesMax
    this.#jsonDepthMax = jsonDepthMax
  }

  /**
   * Fails with `bad_request`, `limit_exceeded`, or `unavailable` (the log is away: the message may or may not be in it,
   * so repeat it with the same `id`). Answers at once, and throws, where log and registry are in memory.
   */
  publish(request: PublishRequest): Answer<Published> {
    const { tracing } = this.#ports
    if (tracing === undefined) return this.#publish(request, undefined)
    return traced(tracing, request, (trace) => this.#publish(request, trace))
  }

  #publish(request: PublishRequest, trace: string | undefined): Answer<Published> {
    try {
      const channel = channelOf(request.target)
      const message = this.#message(request, trace)
      const policy = this.#ports.policyOf(channel)
      if (policy.delivery !== 'ephemeral') return this.#append(request, channel, message, policy)
      return this.#done(request, policy, this.#send(ephemeral(channel, message), {}))
    } catch (error) {
      return this.#refused(error, request)
    }
  }

  /** Counts it, now or once it is done. */
  #done(
    request: PublishRequest,
    { delivery }: PublishPolicy,
    published: Answer<Published>,
  ): Answer<Published> {
    if (!(published instanceof Promise)) return this.#counted(request, delivery, published)
    return published.then(
      (done) => this.#counted(request, delivery, done),
      (error: unknown) => this.#refused(error, request),
    )
  }

  #counted(request: PublishRequest, delivery: Delivery, published: Published): Published {
    const { metrics } = this.#ports
    if (published.duplicate === true) metrics.duplicate()
    else metrics.published(request.door, delivery, request, published)
    if (published.degraded === true) metrics.degraded()
    return published
  }

  #refused(error: unknown, request: PublishRequest): never {
    if (error instanceof SluiceError) this.#ports.metrics.refused(error, request)
    throw error
  }

  #append(
    request: PublishRequest,
    channel: string,
    message: NewMessage,
    policy: PublishPolicy,
  ): Answer<Published> {
    const { clock, log, registry } = this.#ports
    const startedMs = clock.monotonicMs()
    const { trace } = message
    const span = trace === undefined ? undefined : this.#ports.tracing?.begin('append', trace, {})
    const appending = log.append(channel, message, policy.log)
    // In the same tick and in this order. A node claims a user before it reads the log, and here the log is written
    // before the user is looked up: so either the node's read sees the message, or the lookup sees the node.
    // The durable log is another server's than the registry: there the lookup waits for the append.
    const durable = policy.delivery === 'durable'
    const early = isInbox(channel) && !durable ? registry.locate(channel.slice(1)) : undefined
    const append: Append = { channel, message, durable, early, span }
    // In the memory of this process it takes no time that would be worth another look at the clock.
    if (!(appending instanceof Promise))
      return this.#done(request, policy, this.#appended(append, appending, 0))
    // Looked at above only where the append succeeds; a failure of both is one failure.
    if (early instanceof Promise) early.catch(() => undefined)
    const appended = (answer: Appended): Answer<Published> =>
      this.#appended(append, answer, (clock.monotonicMs() - startedMs) / 1000)
    const failed = (error: unknown): Answer<Published> => {
      span?.end({}, error)
      if (policy.onLogFailure === 'refuse' || !isUnavailable(error)) throw error
      return this.#send(ephemeral(channel, message), { degraded: true })
    }
    return appending.then(
      (answer) => this.#then(request, policy, appended, answer),
      (error: unknown) => this.#then(request, policy, failed, error),
    )
  }

  #appended(
    { channel, message, durable, early, span }: Append,
    answer: Appended,
    seconds: number,
  ): Answer<Published> {
    this.#ports.metrics.appended(seconds, message.trace)
    const { epoch, offset, duplicate } = answer
    span?.end({ 'sluice.epoch': epoch, 'sluice.offset': offset, 'sluice.duplicate': duplicate })
    if (duplicate) return { epoch, offset, duplicate: true }
    // The durable stream sends on what it has stored.
    if (durable && !isInbox(channel)) return { epoch, offset }
    return this.#deliver(logged(channel, message, answer, durable), early)
  }

  /** What follows upon an append, and is counted: in one promise, since there may be tens of thousands in a second. */
  #then<Value>(
    request: PublishRequest,
    policy: PublishPolicy,
    step: (value: Value) => Answer<Published>,
    value: Value,
  ): Answer<Published> {
    let published: Answer<Published>
    try {
      published = step(value)
    } catch (error) {
      return this.#refused(error, request)
    }
    return this.#done(request, policy, published)
  }

  /** It is in the log, so it is published; whoever should have had it at once, and cannot, gets it by repair. */
  #deliver(message: LoggedMessage, early: Answer<readonly Place[]> | undefined): Answer<Published> {
    const { epoch, offset } = message
    try {
      const sent = this.#send(message, { epoch, offset }, early)
      return sent instanceof Promise ? sent.catch((error: unknown) => late(message, error)) : sent
    } catch (error) {
      return late(message, error)
    }
  }

  #send(message: Message, published: Published, early?: Answer<readonly Place[]>): Answer<Published> {
    const { registry } = this.#ports
    if (!isInbox(message.channel)) return marked(this.#broadcast(message), published)
    return after(early ?? registry.locate(message.channel.slice(1)), (places) =>
      marked(this.#unicast(message, places), published),
    )
  }

  #broadcast(message: Message): Sent {
    const { backbone, tracing } = this.#ports
    if (message.trace === undefined) return backbone.broadcast(message)
    const span = tracing?.begin('send', message.trace, {})
    const sent = backbone.broadcast(message)
    span?.end({ 'sluice.sent': sent })
    return sent
  }

  /** Once to each node, however many connections it has of the user. */
  #unicast(message: Message, places: readonly Place[]): Sent {
    const { backbone, metrics } = this.#ports
    const nodes = nodesOf(places)
    metrics.unicastNodes(nodes.length)
    const { trace } = message
    const span = trace === undefined ? undefined : this.#ports.tracing?.begin('send', trace, {})
    let sent: Sent = 'sent'
    for (const node of nodes) if (backbone.unicast(node, message) === 'degraded') sent = 'degraded'
    span?.end({ 'sluice.sent': sent, 'sluice.nodes': nodes.length })
    return sent
  }

  /** Here and nowhere else: what every door's payload, id and metadata must be. */
  #message(
    { payload, parsed, normal, id, from, meta }: PublishRequest,
    trace: string | undefined,
  ): NewMessage {
    const rules = {
      bytesMax: this.#payloadBytesMax(),
      jsonDepthMax: this.#jsonDepthMax,
      parsed: parsed === true,
      normal: normal === true,
    }
    const { data, binary } = normalPayload(payload, rules)
    if (id !== undefined && !isMessageId(id)) throw new SluiceError('bad_request', `id must be ${ID_RULE}`)
    const fault = meta === undefined ? undefined : metadataFault(meta)
    if (fault !== undefined) throw new SluiceError('bad_request', fault)
    const time = this.#ports.clock.now()
    const message = { data, binary, id, time, from, meta: meta === undefined ? undefined : metadataOf(meta) }
    return trace === undefined ? message : { ...message, trace }
  }
}

/** Each once. Most users are at one. */
function nodesOf(places: readonly Place[]): readonly string[] {
  const nodes = places.map(({ node }) => node)
  return nodes.length < 2 ? nodes : [...new Set(nodes)]
}

function ephemeral(channel: string, message: NewMessage): EphemeralMessage {
  const { data, binary, id, time, from, meta, trace } = message
  const sent: EphemeralMessage = { kind: 'ephemeral', channel, data, binary, id, time, from, meta }
  return trace === undefined ? sent : { ...sent, trace }
}

function logged(channel: string, message: NewMessage, at: Appended, ack: boolean): LoggedMessage {
  const { data, binary, id, time, from, meta, trace } = message
  const { epoch, offset, previous } = at
  const kind = 'logged'
  const sent = { kind, channel, data, binary, id, time, from, meta, epoch, offset, previous, ack } as const
  return trace === undefined ? sent : { ...sent, trace }
}

function marked(sent: Sent, published: Published): Published {
  return sent === 'degraded' ? { ...published, degraded: true } : published
}

function late({ epoch, offset }: LoggedMessage, error: unknown): Published {
  if (isUnavailable(error)) return { epoch, offset, degraded: true }
  throw error
}

function isUnavailable(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'unavailable'
}

function channelOf(target: PublishRequest['target']): string {
  if ('channel' in target) {
    const { channel, internal } = target
    if (internal === true ? isInternalChannel(channel) : isChannel(channel)) return channel
    throw new SluiceError('bad_request', `channel is not valid: ${CHANNEL_RULE}`)
  }
  if (isUserId(target.user)) return inboxOf(target.user)
  throw new SluiceError('bad_request', `user must be ${USER_RULE}`)
}
