/**
 * The namespaces of the configuration as each room takes them. Part of the composition.
 */
import type { Config, NamespacePolicy } from '../config/schema.ts'
import type { HubPolicy } from '../hub/ports.ts'
import { Apps } from '../dialect/pusher/apps.ts'
import { isCacheChannel } from '../dialect/pusher/channel.ts'
import { isInbox, namespaceOf } from '../protocol/channel.ts'
import type { PublishPolicy } from '../publish/publisher.ts'
import type { ClientPublish } from '../session/ports.ts'

export interface ChannelPolicies {
  readonly hub: HubPolicy
  readonly publish: PublishPolicy
  readonly client: ClientPublish
}

/** The policies of a channel's namespace: the same object for all its channels, or for all of a kind. */
export function policiesByChannel({
  namespaces,
  durable,
  dialects,
}: Pick<Config, 'namespaces' | 'durable' | 'dialects'>): (channel: string) => ChannelPolicies {
  const of = (policy: NamespacePolicy): ChannelPolicies => policiesOf(policy, durable.maxAge)
  const known = new Map(Object.entries(namespaces).map(([name, policy]) => [name, of(policy)]))
  const standard = of(namespaces['*'])
  const cached = new Map<string, ChannelPolicies>()
  for (const { prefix } of new Apps(dialects.pusher?.apps ?? []).all()) {
    const name = namespaceOf(prefix)
    cached.set(name, of(cachedPolicy(namespaces[name] ?? namespaces['*'], dialects.pusher?.cacheTtl ?? 0)))
  }
  const plain = (channel: string): ChannelPolicies => known.get(namespaceOf(channel)) ?? standard
  if (cached.size === 0) return plain
  return (channel) => (isCacheChannel(channel) && cached.get(namespaceOf(channel))) || plain(channel)
}

/** Whether a client of Centrifuge may speak of a channel: of a name with a namespace (`chat:1`), whether there is one of that name. */
export function knownChannels({
  namespaces,
  dialects,
}: Pick<Config, 'namespaces' | 'dialects'>): (channel: string) => boolean {
  const named = new Set(Object.keys(namespaces).filter((name) => name !== '*' && name !== '@'))
  const setting = dialects.centrifuge?.unknownNamespaces ?? 'auto'
  if (setting === true || (setting === 'auto' && named.size === 0)) return () => true
  return (channel) => isInbox(channel) || !channel.includes(':') || named.has(namespaceOf(channel))
}

/** A cache channel keeps its last event, whatever the others of its namespace keep. */
function cachedPolicy(policy: NamespacePolicy, cacheTtlMs: number): NamespacePolicy {
  const delivery = policy.delivery === 'ephemeral' ? 'replay' : policy.delivery
  return { ...policy, delivery, ttl: Math.max(policy.ttl, cacheTtlMs) }
}

function policiesOf(policy: NamespacePolicy, durableMaxAgeMs: number): ChannelPolicies {
  const { delivery, ttl, max, idempotency, onLogFailure, slowConsumer, clientPublish, presence } = policy
  const durable = delivery === 'durable'
  return {
    hub: {
      logged: delivery !== 'ephemeral',
      slowConsumer,
      // The durable stream has no bound by channel, but one by age.
      max,
      ttlMs: durable ? durableMaxAgeMs : ttl,
    },
    // Where there is no durable stream, a log has to keep a message for as long.
    publish: {
      delivery,
      log: { ttlMs: durable ? durableMaxAgeMs : ttl, max, idempotencyMs: idempotency },
      onLogFailure,
    },
    client: { clientPublish, presence, acknowledged: durable, max },
  }
}
