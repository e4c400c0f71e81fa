import { describe, expect, it } from 'vitest'
import { probesOf } from '../../../src/drivers/vanished-peers.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { edgeOptions, goneMs } from '../../../src/node/options.ts'

describe('who is noticed to have vanished', () => {
  it.each([
    ['8s', '2s'],
    ['8s', '20s'],
    ['60s', '20s'],
    ['60s', '1s'],
    ['960s', '15m'],
  ])('within an idle timeout of %s, with a comment on a stream every %s', (idleTimeout, sse) => {
    const config = loadConfig({
      settings: {
        heartbeat: { idleTimeout, sse, ping: '1s' },
        auth: { jwtSecret: 'x'.repeat(32) },
        api: { keys: [`tests:publish:${'k'.repeat(20)}`] },
      },
    })
    const idleMs = config.heartbeat.idleTimeout
    // A stream: a comment is sent in time, and from then on it has to be acknowledged.
    expect(edgeOptions(config).sseHeartbeatMs + goneMs(config)).toBeLessThanOrEqual(idleMs)
    // Nobody is cut off for a short silence of the network.
    expect(goneMs(config)).toBeGreaterThanOrEqual(idleMs / 2)
    // A poll that waits: it is asked in time, and the question after the limit is the last one.
    const { afterSeconds, everySeconds } = probesOf(goneMs(config))
    expect(afterSeconds * 1000).toBeLessThan(goneMs(config))
    expect(goneMs(config) + everySeconds * 1000).toBeLessThanOrEqual(idleMs)
  })
})
