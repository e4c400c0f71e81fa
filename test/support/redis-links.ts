import { patientMs } from './patience.ts'
import { RedisLink, type RedisLinkOptions } from '../../src/drivers/redis.ts'

/** Longer than any server here takes to start. */
export const REDIS_PATIENCE_MS = patientMs(30_000)

/** A link that can be used. */
export async function openRedis(
  urls: readonly string[],
  options: Partial<RedisLinkOptions> = {},
): Promise<RedisLink> {
  // The machine that runs tests is busy: an answer may take longer here than anywhere else.
  const link = new RedisLink({
    urls,
    hotTimeoutMs: patientMs(5_000),
    bulkTimeoutMs: patientMs(5_000),
    ...options,
  })
  await link.ready(REDIS_PATIENCE_MS)
  return link
}
