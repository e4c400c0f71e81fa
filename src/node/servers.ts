/**
 * The links to Redis and NATS, with what the log says of them. Part of the composition.
 */
import { NatsLink } from '../drivers/nats.ts'
import { RedisLink } from '../drivers/redis.ts'
import { readTlsFiles } from '../drivers/tls-files.ts'
import { SluiceError } from '../errors.ts'
import type { Base } from './base.ts'
import { payloadMisfit } from './limits.ts'
import { NATS_PREFIX } from './nats-prefix.ts'
import type { Switchboard } from './switchboard.ts'
import type { LogRoot } from '../observe/log.ts'
import { SuccessionWatch } from '../replay/succession-watch.ts'
import { WholenessWatch } from '../replay/wholeness-watch.ts'

/** Longer than a restart of a server takes that is being updated at the same time. */
const READY_TIMEOUT_MS = 5000
const RESTART_KEEPS = 'a restart of Redis with its files resets nobody: it has on disk what it confirms'
const RESTART_LOSES = 'after a restart of Redis each channel is reset: it may lose messages'

export interface Servers {
  readonly redis: RedisLink
  readonly nats: NatsLink
  readonly wholeness: WholenessWatch
  /** Of a Redis Cluster. */
  readonly succession: SuccessionWatch | undefined
  /** Resolves once both answer, or it is clear that one does not now. */
  start(): Promise<void>
}

export function openServers(base: Base, switchboard: Switchboard): Servers {
  const { log, outages } = base
  const redis = openRedis(base, switchboard)
  const nats = openNats(base)
  const wholeness = watchWholeness(base, redis)
  const succession =
    redis.kind === 'cluster' ? new SuccessionWatch({ link: redis, clock: base.clock }) : undefined
  const redisStarts = async (): Promise<void> => {
    await redis.ready(READY_TIMEOUT_MS)
    await Promise.all([warnOfSplitBrain(redis, log), wholeness.look(), succession?.look()])
  }
  return {
    redis,
    nats,
    wholeness,
    succession,
    async start() {
      nats.start()
      await Promise.all([
        startOf(redisStarts(), (reason) => outages.away('Redis', reason)),
        startOf(nats.flush(READY_TIMEOUT_MS), (reason) => outages.away('NATS', reason)),
      ])
    },
  }
}

function openRedis({ config, clock, outages, caught }: Base, switchboard: Switchboard): RedisLink {
  const redis = new RedisLink({
    urls: config.redis.url,
    ...(config.redis.tls === undefined ? {} : { tls: readTlsFiles(config.redis.tls) }),
    sentinel: config.redis.sentinel,
    clock,
    caught,
  })
  redis.watch({
    connected() {
      outages.back('Redis')
      switchboard.storesReturned()
    },
    disconnected: (reason) => outages.away('Redis', reason),
  })
  return redis
}

function openNats({ config, id, log, outages, mistakes, caught }: Base): NatsLink {
  const { url: urls, ...access } = config.nats
  const name = `sluice-${id}`
  const nats = new NatsLink({ urls, name, inboxPrefix: `${NATS_PREFIX}.reply`, ...access, caught })
  nats.watch({
    connected() {
      outages.back('NATS')
      const narrow = payloadMisfit(config.limits.payload, nats.maxPayloadBytes)
      if (narrow !== undefined) log.warn({}, narrow)
    },
    disconnected: (reason) => outages.away('NATS', reason),
    slowConsumer: (subject) =>
      mistakes.warn('NATS has dropped messages: this node reads too slowly', { subject }),
    lameDuck: (server) => log.info({ server }, 'a NATS server is going away'),
    // A client chooses what is subscribed to, and with it what an account does not allow.
    refused: (reason) => mistakes.warn('NATS refuses something', { reason }),
  })
  return nats
}

function watchWholeness({ clock, log, outages }: Base, redis: RedisLink): WholenessWatch {
  return new WholenessWatch({
    link: redis,
    clock,
    failed: (error) => outages.failed('a look at what Redis keeps', error),
    changed: (why) =>
      log.info(why === undefined ? {} : { why }, why === undefined ? RESTART_KEEPS : RESTART_LOSES),
  })
}

/** A part that is away at the start is no reason to stay away too: what does not need it works. */
export async function startOf(started: Promise<void>, away: (reason: string) => void): Promise<void> {
  try {
    await started
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    away(error.message)
  }
}

/** A primary that goes on alone confirms what is lost when Sentinels have put another in its place. */
async function warnOfSplitBrain(redis: RedisLink, log: LogRoot): Promise<void> {
  const replicas = await redis.replicasToWrite()
  const advice =
    'set min-replicas-to-write 1 and min-replicas-max-lag on all Redis servers, with two replicas'
  if (replicas === 'untold') {
    log.warn({}, `Redis does not tell whether it takes writes without replicas (CONFIG GET); ${advice}`)
  } else if (replicas === 0) {
    log.warn({}, `Redis takes writes that no replica has: they are lost when Sentinels replace it; ${advice}`)
  }
}
