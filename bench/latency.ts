/** How long a message takes from its publisher to its subscribers while the server is busy, in an open loop. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { saturationOf } from './lib/saturation.ts'
import { inRounds, type BenchSession } from './lib/session.ts'
import type { Quantile, RateReport } from './load/rate.ts'
import { ROOM } from './peers/terms.ts'

const SUBSCRIBERS = 100
/** The others are read so seldom that the load, which has one core for all of them, is not what everything waits for. */
const TIMED = 10
const OTHERS_READ_EVERY_MS = 20
const OPENING_AT_ONCE = 100
const WARM_UP = { door: 'websocket', audience: 'everyone', inFlight: 16, messages: 3000 }

const SHARES = [0.5, 0.8, 0.95]
/** Every server can do it, so that these rows are of the same rate. */
const COMMON_PER_SECOND = 1000
const QUANTILES: readonly Quantile[] = ['p50', 'p99', 'p99.9']
const SECONDS = 2
const SECONDS_QUICK = 0.5
const PROBE_SECONDS = 0.5
/** What is still on its way when the last message was due came of a rate that is too high, and is soon there: a search goes at most to the double. */
const PATIENCE_MS = 15_000

const COMMON = `At ${COMMON_PER_SECOND} messages a second`
const SATURATION = 'Saturation: the time from one message to the next'

async function run(options: RunOptions): Promise<Outcome> {
  const loads = [COMMON, ...SHARES.map(atShare)]
  const latencies = loads.flatMap((load) => QUANTILES.map((quantile) => `${load}, ${quantile}`))
  const tables = new Map([SATURATION, ...latencies].map((caption) => [caption, new Rows()]))
  const seconds = options.quick ? SECONDS_QUICK : SECONDS
  await inRounds(options, 'latency', async (peer, session) => {
    const add = (caption: string, figure: number): void => tables.get(caption)?.add(PEER_LABELS[peer], figure)
    await session.load.step('connect', { count: SUBSCRIBERS, inFlight: OPENING_AT_ONCE, channel: ROOM })
    await session.load.step('publish', WARM_UP)
    await session.load.step('readInTurns', { atOnce: TIMED, everyMs: OTHERS_READ_EVERY_MS })
    const saturated = await saturationOf(
      async (perSecond) => (await paced(session, perSecond, PROBE_SECONDS)).perSecond,
    )
    add(SATURATION, 1e6 / saturated)
    for (const load of loads) {
      const share = SHARES[loads.indexOf(load) - 1]
      const perSecond = share === undefined ? COMMON_PER_SECOND : saturated * share
      const { latenciesMicros } = await paced(session, perSecond, seconds)
      for (const quantile of QUANTILES) add(`${load}, ${quantile}`, latenciesMicros[quantile])
    }
  })
  return {
    arrangement: arrangement(seconds),
    tables: [...tables].map(([caption, rows]) => ({
      ...{ caption, unit: 'µs', per: caption === SATURATION ? 'message' : 'delivery', aside: true },
      rows: rows.list,
    })),
  }
}

function paced(session: BenchSession, perSecond: number, seconds: number): Promise<RateReport> {
  return session.load.step<RateReport>('publishAtRate', {
    ...{ messages: Math.ceil(perSecond * seconds), perSecond, timed: TIMED, patienceMs: PATIENCE_MS },
  })
}

function atShare(share: number): string {
  return `At ${share * 100} % of saturation`
}

function arrangement(seconds: number): string {
  return (
    `${SUBSCRIBERS} WebSocket clients are subscribed to one channel, a payload has 128 bytes. Messages are published over one more WebSocket, each at its own moment, ` +
    `whether or not anybody keeps up, for ${seconds} seconds at each rate. A delivery is late by the time since that moment, so that what waits behind ` +
    `something late is late as well. Deliveries to ${TIMED} of the clients are timed; the others read every ${OTHERS_READ_EVERY_MS} ms, so that the load, which is ` +
    'one process, is not what everybody waits for, and all are counted. Saturation is the highest rate that still came through at its pace for half a second, found by doubling ' +
    "and halving to a tenth. It is each server's own: read the shares beside it, and the rows at one rate for all beside each other."
  )
}

export const latency: Bench = {
  name: 'latency',
  title: 'Latency under load',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio'],
  aside: true,
  programs: [],
  run,
}
