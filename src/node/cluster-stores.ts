/**
 * The stores of a cluster: Redis, NATS and JetStream. Loaded only where the configuration names them. Part of the composition.
 */
import { MemoryAckStore } from '../acks/memory.ts'
import { MalformedNodes } from '../cluster/malformed-nodes.ts'
import type { RedisLink } from '../drivers/redis.ts'
import { createBackbone } from './backbone.ts'
import type { Base } from './base.ts'
import { durableParts } from './durable.ts'
import { PACKET_BYTES_AROUND } from './limits.ts'
import { openServers, startOf, type Servers } from './servers.ts'
import { askedMsOf, PRESENCE_TTL_MS, registryOptions } from './store-options.ts'
import type { Stores, StoresPorts } from './stores.ts'
import type { Trust } from './trust.ts'
import { RedisPresenceStore } from '../presence/redis.ts'
import { RedisRegistry } from '../registry/redis.ts'
import { LogByDelivery } from '../replay/by-delivery.ts'
import { RedisReplayLog } from '../replay/redis.ts'
import { RedisGrantStore } from '../webhooks/redis-grants.ts'
import { RedisWebhookStore } from '../webhooks/redis.ts'

export function clusterStores(base: Base, { listener, trust, switchboard }: StoresPorts): Stores {
  const { config, metrics } = base
  const servers = openServers(base, switchboard)
  const { redis, nats, succession } = servers
  const durable = durableParts(config, nats, { ...base, logReturned: () => switchboard.logReturned() })
  const backbone = createBackbone(base, {
    nats,
    republished: durable?.republished,
    listener,
    // The configuration does not pass without the secret.
    trust: trust as Trust,
    switchboard,
  })
  const replay = new RedisReplayLog(redis, {
    askedTtlMs: askedMsOf(config),
    keeps: () => servers.wholeness.keeps,
    succeeded: (outcome) => metrics.logSuccessions[outcome].inc(),
    ...(succession === undefined ? {} : { isHeir: (from, to) => succession.isHeir(from, to) }),
  })
  const log =
    durable === undefined ? replay : new LogByDelivery(replay, durable.log, durable.republished.applies)
  const acks = durable?.acks ?? new MemoryAckStore()
  const registry = createRegistry(base, redis)
  const presence = new RedisPresenceStore(redis, { ttlMs: PRESENCE_TTL_MS })
  const webhooks = new RedisWebhookStore(redis, { backlog: config.webhooks.backlog })
  return {
    ...{ log, registry, backbone, presence, acks, webhooks, nats },
    // One server carries out in order what comes over one connection.
    logBehindClaims: redis.single && config.namespaces['@'].delivery !== 'durable',
    grants: new RedisGrantStore(redis),
    probe: (payload) => backbone.probe(payload),
    becomeDeaf: (deaf) => backbone.becomeDeaf(deaf),
    payloadBytesMax: () => nats.maxPayloadBytes - PACKET_BYTES_AROUND,
    ...(durable === undefined ? {} : { durableTrouble: () => durable.trouble() }),
    async start() {
      await servers.start()
      // What is wrong is told by the streams themselves, once it has lasted for a moment.
      if (durable !== undefined) await startOf(durable.ready(), () => undefined)
      backbone.start()
    },
    endings: [
      { part: 'backbone', end: () => backbone.close() },
      // While there is a connection: what was acknowledged is written.
      { part: 'acknowledgements', end: () => acks.close() },
      { part: 'log of messages', end: () => log.close() },
      { part: 'NATS', end: () => nats.close() },
      { part: 'presence store', end: () => presence.close() },
      { part: 'registry', end: () => registry.close() },
      { part: 'Redis', end: () => closeRedis(servers) },
    ],
  }
}

function closeRedis({ wholeness, succession, redis }: Servers): void {
  wholeness.close()
  succession?.close()
  redis.close()
}

function createRegistry({ config, clock, log, metrics }: Base, redis: RedisLink): RedisRegistry {
  const malformed = new MalformedNodes({ log, count: metrics.malformedNodes })
  const options = {
    ...registryOptions(config),
    malformed: (names: readonly string[]) => malformed.found(names),
  }
  return new RedisRegistry(redis, options, clock)
}
