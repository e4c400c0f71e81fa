/**
 * What Redis keeps for a logged message, beside its payload, and for a session: `node --import tsx bench/redis-memory.ts`. The factors of
 * docs/sizing.md come from here.
 */
import { systemClock } from '../src/clock.ts'
import { RedisLink } from '../src/drivers/redis.ts'
import { RedisRegistry } from '../src/registry/redis.ts'
import { RedisReplayLog } from '../src/replay/redis.ts'
import { RedisServer } from '../test/support/redis-server.ts'

const CHANNELS = 100
const MESSAGES = 200
const PAYLOAD_BYTES = 256
const SESSIONS = 10_000

const redis = await RedisServer.start()
const link = new RedisLink({
  urls: [redis.url],
  clock: systemClock,
  caught: (_wall, error) => console.error(error),
})
await link.ready(5000)

function usedBytes(): number {
  return Number(/used_memory:(\d+)/.exec(redis.command('info', 'memory'))?.[1])
}

async function kept(what: string, count: number, less: number, fill: () => Promise<void>): Promise<void> {
  const before = usedBytes()
  await fill()
  const each = (usedBytes() - before) / count - less
  console.log(`${what}: ${Math.round(each)} B each, of ${count}`)
}

const log = new RedisReplayLog(link)
await kept('a logged message, beside its payload', CHANNELS * MESSAGES, PAYLOAD_BYTES, async () => {
  const data = Buffer.alloc(PAYLOAD_BYTES, 'x')
  const policy = { max: 1000, ttlMs: 60_000, idempotencyMs: 60_000 }
  for (let n = 0; n < MESSAGES; n++) {
    await Promise.all(
      Array.from({ length: CHANNELS }, (_, c) =>
        log.append(`channel:${c}`, { data, binary: true, id: undefined, time: systemClock.now() }, policy),
      ),
    )
  }
})
const registry = new RedisRegistry(link, { nodeTtlMs: 60_000, sessionTtlMs: 60_000 }, systemClock)
await kept('a session', SESSIONS, 0, async () => {
  for (let n = 0; n < SESSIONS; n += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        registry.claim(`user-${n + i}`, `session-of-22-chars-${n + i}`, 'n1'),
      ),
    )
  }
})
link.close()
await redis.stop()
process.exit(0)
