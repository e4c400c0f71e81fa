/**
 * The machinery of the benchmarks in its quick form: real servers, a real load, every message counted. What it says of times is
 * another matter, for which no test is quiet enough: `npm run bench:check`.
 */
import { cpus } from 'node:os'
import { beforeAll, describe, expect, it } from 'vitest'
import { encode } from '../../bench/encode.ts'
import type { Bench, Outcome } from '../../bench/lib/bench.ts'
import { compare } from '../../bench/lib/committed.ts'
import { compile, compileGateway } from '../../bench/lib/compile.ts'
import { readBases, readResult } from '../../bench/lib/document.ts'
import { tableLines } from '../../bench/lib/print.ts'
import { withPeer } from '../../bench/lib/session.ts'
import type { RateReport } from '../../bench/load/rate.ts'
import { ROOM } from '../../bench/peers/terms.ts'
import { publish } from '../../bench/publish.ts'

const PEERS = ['raw-uws', 'sluice'] as const

function quick(bench: Bench): Promise<Outcome> {
  return bench.run({ quick: true, rounds: 1, peers: PEERS, profile: false, check: true })
}

// The server has one core, the load another.
describe.skipIf(cpus().length < 2)('a quick run', () => {
  beforeAll(async () => {
    await compile(['load/main', 'loops/encode', ...PEERS.map((peer) => `peers/${peer}`)])
    await compileGateway()
  })

  it('of publishes has a figure for each server in each table, and a row that is committed for each', async () => {
    const outcome = await quick(publish)
    expect(outcome.tables.map(({ rows }) => rows.map(({ label }) => label))).toEqual(
      outcome.tables.map(() => ['raw uWebSockets.js', 'Sluice']),
    )
    for (const { rows } of outcome.tables)
      for (const { rounds } of rows)
        expect(rounds).toEqual([expect.toSatisfy((figure: number) => figure > 0)])
    for (const table of outcome.tables) expect(tableLines(table)).toHaveLength(4)
    const held = compare(outcome, readBases()[publish.name], readResult(publish)?.outcome)
    expect(held.map(({ what }) => what)).toEqual([
      'What it costs the server: Sluice',
      'With one subscriber: Sluice',
    ])
    expect(held.filter(({ verdict }) => verdict === 'NEW')).toEqual([])
  })

  it('of what runs without a server has its figures', async () => {
    const { tables } = await quick(encode)
    expect(tables.flatMap(({ rows }) => rows).filter(({ rounds }) => !((rounds[0] as number) > 0))).toEqual(
      [],
    )
    expect(tables[0]?.rows).toHaveLength(4)
  })

  it.each(PEERS)('of %s counts messages at a rate, also with those who read in turns', async (peer) => {
    await withPeer(peer, async ({ load }) => {
      await load.step('connect', { count: 6, inFlight: 6, channel: ROOM })
      await load.step('readInTurns', { atOnce: 2, everyMs: 5 })
      const report = await load.step<RateReport>('publishAtRate', {
        messages: 200,
        perSecond: 2000,
        timed: 2,
      })
      const { p50, p99 } = report.latenciesMicros
      expect(p50).toBeGreaterThan(0)
      expect(p99).toBeGreaterThanOrEqual(p50)
      // What was published before is none of the next ones.
      await load.step('publish', { door: 'websocket', audience: 'everyone', inFlight: 4, messages: 40 })
    })
  })

  it('fails where a message does not arrive', async () => {
    await withPeer('raw-uws', async ({ load }) => {
      await load.step('connect', { count: 2, inFlight: 2 })
      const nobody = { messages: 1, perSecond: 1000, patienceMs: 50 }
      await expect(load.step('publishAtRate', nobody)).rejects.toThrow('0 of 2 deliveries came in time')
    })
  })
})
