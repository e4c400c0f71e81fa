/**
 * The namespaces of the configuration as each room takes them. Part of the composition.
 */
import type { NamespacePolicy, Namespaces } from './config/schema.ts'
import type { HubPolicy } from './hub/hub.ts'
import { namespaceOf } from './protocol/channel.ts'
import type { PublishPolicy } from './publish/publisher.ts'
import type { ClientPublish } from './session/ports.ts'

export interface ChannelPolicies {
  readonly hub: HubPolicy
  readonly publish: PublishPolicy
  readonly client: ClientPublish
}

/** The policies of a channel's namespace: the same object for all its channels. */
export function policiesByChannel(namespaces: Namespaces): (channel: string) => ChannelPolicies {
  const known = new Map(Object.entries(namespaces).map(([name, policy]) => [name, policiesOf(policy)]))
  const standard = policiesOf(namespaces['*'])
  return (channel) => known.get(namespaceOf(channel)) ?? standard
}

function policiesOf(policy: NamespacePolicy): ChannelPolicies {
  const { delivery, ttl, max, idempotency, onLogFailure, slowConsumer, clientPublish, presence } = policy
  return {
    hub: { logged: delivery !== 'ephemeral', slowConsumer, max },
    publish: { delivery, log: { ttlMs: ttl, max, idempotencyMs: idempotency }, onLogFailure },
    client: { clientPublish, presence, acknowledged: delivery === 'durable', max },
  }
}
