import { RedisLink, type RedisLinkOptions } from '../../src/drivers/redis.ts'

/** Longer than any server here takes to start. */
export const REDIS_PATIENCE_MS = 20_000

/** A link that can be used. */
export async function openRedis(
  urls: readonly string[],
  options: Partial<RedisLinkOptions> = {},
): Promise<RedisLink> {
  // The machine that runs tests is busy: an answer may take longer here than anywhere else.
  const link = new RedisLink({ urls, hotTimeoutMs: 5_000, bulkTimeoutMs: 5_000, ...options })
  await link.ready(REDIS_PATIENCE_MS)
  return link
}
