/**
 * The one path of every message, behind three doors (HTTP, NATS, a client that may): check, append, send.
 * The log decides the order, so it comes first; the backbone may lose what it carries, and feeds repair from the log.
 */
import { normalPayload } from './payload.ts'
import { isUserId, USER_RULE } from '../auth/identity.ts'
import type { Backbone, Sent } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import { CHANNEL_RULE, inboxOf, isChannel, isInbox } from '../protocol/channel.ts'
import { ID_RULE, isMessageId } from '../protocol/message-id.ts'
import type { Message, NewMessage, Payload } from '../protocol/message.ts'
import { metadataFault, metadataOf, type GivenMetadata } from '../protocol/metadata.ts'
import type { Place, Registry } from '../registry/registry.ts'
import type { LogPolicy, ReplayLog } from '../replay/replay-log.ts'

export type Door = 'http' | 'nats' | 'client'

export type Delivery = 'ephemeral' | 'replay' | 'durable'

export interface PublishPolicy {
  readonly delivery: Delivery
  readonly log: LogPolicy
  readonly onLogFailure: 'refuse' | 'ephemeral'
}

export interface PublishRequest {
  readonly door: Door
  readonly target: { readonly channel: string } | { readonly user: string }
  readonly payload: Payload
  /** The data was cut out of JSON that has been parsed. Absent: nobody has looked at it. */
  readonly parsed?: true
  readonly id: string | undefined
  /** The user whose client publishes. Absent: a backend does. */
  readonly from?: string
  /** As it came: the publisher looks at it. */
  readonly meta?: GivenMetadata
}

export interface Published {
  /** Absent on an ephemeral channel, and where the log was away and the namespace says to go on without it. */
  readonly epoch?: string
  readonly offset?: number
  /** The `id` was published before; this is the position of that message. */
  readonly duplicate?: true
  /** Not every node could be reached at once: some subscribers get it later, by repair from the log. */
  readonly degraded?: true
}

export interface PublisherMetrics {
  published(door: Door, delivery: Delivery): void
  duplicate(): void
  refused(error: SluiceError, request: PublishRequest): void
  appended(seconds: number): void
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
   * so repeat it with the same `id`).
   */
  async publish(request: PublishRequest): Promise<Published> {
    try {
      const channel = channelOf(request.target)
      const message = this.#message(request)
      const policy = this.#ports.policyOf(channel)
      const published =
        policy.delivery === 'ephemeral'
          ? await this.#send({ kind: 'ephemeral', channel, ...message }, {})
          : await this.#append(channel, message, policy)
      if (published.duplicate === true) this.#ports.metrics.duplicate()
      else this.#ports.metrics.published(request.door, policy.delivery)
      if (published.degraded === true) this.#ports.metrics.degraded()
      return published
    } catch (error) {
      if (error instanceof SluiceError) this.#ports.metrics.refused(error, request)
      throw error
    }
  }

  async #append(channel: string, message: NewMessage, policy: PublishPolicy): Promise<Published> {
    const startedMs = this.#ports.clock.monotonicMs()
    const appending = this.#ports.log.append(channel, message, policy.log)
    // In the same tick and in this order. A node claims a user before it reads the log, and here the log is written
    // before the user is looked up: so either the node's read sees the message, or the lookup sees the node.
    // The durable log is another server's than the registry: there the lookup waits for the append.
    const durable = policy.delivery === 'durable'
    const locate = (): Promise<readonly Place[]> => this.#ports.registry.locate(channel.slice(1))
    const early = isInbox(channel) && !durable ? locate() : undefined
    // Awaited below only where the append succeeds; a failure of both is one failure.
    early?.catch(() => undefined)
    let appended
    try {
      appended = await appending
    } catch (error) {
      if (policy.onLogFailure === 'refuse' || !(error instanceof SluiceError) || error.code !== 'unavailable')
        throw error
      return this.#send({ kind: 'ephemeral', channel, ...message }, { degraded: true })
    }
    this.#ports.metrics.appended((this.#ports.clock.monotonicMs() - startedMs) / 1000)
    const { epoch, offset, previous, duplicate } = appended
    if (duplicate) return { epoch, offset, duplicate: true }
    const logged: Message = {
      kind: 'logged',
      channel,
      ...message,
      epoch,
      offset,
      previous,
      ack: policy.delivery === 'durable',
    }
    // The durable stream sends on what it has stored.
    if (durable && !isInbox(channel)) return { epoch, offset }
    try {
      return isInbox(channel)
        ? this.#unicast(logged, await (early ?? locate()), { epoch, offset })
        : this.#sent(this.#ports.backbone.broadcast(logged), { epoch, offset })
    } catch (error) {
      // It is in the log, so it is published; whoever should have had it at once gets it by repair.
      if (error instanceof SluiceError && error.code === 'unavailable')
        return { epoch, offset, degraded: true }
      throw error
    }
  }

  async #send(message: Message, published: Published): Promise<Published> {
    return isInbox(message.channel)
      ? this.#unicast(message, await this.#ports.registry.locate(message.channel.slice(1)), published)
      : this.#sent(this.#ports.backbone.broadcast(message), published)
  }

  #unicast(message: Message, places: readonly { readonly node: string }[], published: Published): Published {
    const nodes = new Set<string>()
    for (const place of places) nodes.add(place.node)
    this.#ports.metrics.unicastNodes(nodes.size)
    let sent: Sent = 'sent'
    for (const node of nodes)
      if (this.#ports.backbone.unicast(node, message) === 'degraded') sent = 'degraded'
    return this.#sent(sent, published)
  }

  #sent(sent: Sent, published: Published): Published {
    return sent === 'degraded' ? { ...published, degraded: true } : published
  }

  /** Here and nowhere else: what every door's payload, id and metadata must be. */
  #message({ payload, parsed, id, from, meta }: PublishRequest): NewMessage {
    const rules = {
      bytesMax: this.#payloadBytesMax(),
      jsonDepthMax: this.#jsonDepthMax,
      parsed: parsed === true,
    }
    const { data, binary } = normalPayload(payload, rules)
    if (id !== undefined && !isMessageId(id)) throw new SluiceError('bad_request', `id must be ${ID_RULE}`)
    const fault = meta === undefined ? undefined : metadataFault(meta)
    if (fault !== undefined) throw new SluiceError('bad_request', fault)
    const time = this.#ports.clock.now()
    return { data, binary, id, time, from, meta: meta === undefined ? undefined : metadataOf(meta) }
  }
}

function channelOf(target: PublishRequest['target']): string {
  if ('channel' in target) {
    if (isChannel(target.channel)) return target.channel
    throw new SluiceError('bad_request', `channel is not valid: ${CHANNEL_RULE}`)
  }
  if (isUserId(target.user)) return inboxOf(target.user)
  throw new SluiceError('bad_request', `user must be ${USER_RULE}`)
}
