import { expect, it } from 'vitest'
import { RETRY_MS } from '../../../src/admission/gate.ts'
import { redirects, SENT_ON_MAX_MS, type Sight } from '../../../src/cluster/steering.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { ConfigInput } from '../../../src/config/schema.ts'
import { RETURN_WITHIN_MS } from '../../../src/node/movables.ts'
import { drainOptions } from '../../../src/node/options.ts'

/** How long a node whose clients have left waits for word of them. */
function returnMsOf(settings: ConfigInput = {}): number {
  const secrets: ConfigInput = {
    api: { keys: ['ops:admin:a-key-that-is-long-enough-for-this'] },
    auth: { jwtSecret: 'a-secret-for-tests-of-more-than-32-bytes' },
  }
  return drainOptions(loadConfig({ settings: { ...secrets, ...settings } })).returnMs
}

/** So often a stream is sent on where nothing speaks for letting it in. */
function turnsMost(): number {
  const node = { id: 'b', version: '1', region: 'eu', state: 'active', connections: 1 }
  const stays = { ...node, id: 'c', role: 'all', pressure: 0, degraded: [] }
  const sight = {
    self: node,
    others: [stays],
    target: undefined,
    leaving: new Set(['b']),
  } as unknown as Sight
  let turns = 0
  while (redirects(turns, false, sight)) turns++
  return turns
}

it('is no shorter than the longest way back that a stream may be sent, and two seconds for its connects', () => {
  const turns = turnsMost()
  expect(turns).toBeGreaterThan(1)
  const leastMs = RETURN_WITHIN_MS + turns * SENT_ON_MAX_MS + RETRY_MS.draining[1] + 2000
  expect(returnMsOf({ heartbeat: { retryMin: '50ms', retryMax: '300ms' } })).toBe(leastMs)
  expect(returnMsOf()).toBeGreaterThanOrEqual(leastMs)
})

it('is longer where streams are told to stay away for longer, and no longer than a client has for its move', () => {
  const short = returnMsOf({ heartbeat: { retryMax: '3s' } })
  expect(returnMsOf({ heartbeat: { retryMax: '13s' } })).toBe(short + 10_000)
  expect(returnMsOf({ heartbeat: { retryMax: '1m' }, drain: { grace: '20s' } })).toBe(20_000)
})
