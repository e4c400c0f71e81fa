/** How long a message takes from its publisher to its subscribers while the server is busy, in an open loop. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PublishReport, Quantile, RateReport } from './load/publishing.ts'
import { ROOM } from './peers/terms.ts'

const SUBSCRIBERS = 100
const OPENING_AT_ONCE = 100
const SATURATING_MESSAGES = 20_000
const SATURATING_MESSAGES_QUICK = 5000
const IN_FLIGHT = 16
const SHARES = [0.5, 0.8, 0.95]
const QUANTILES: readonly Quantile[] = ['p50', 'p99', 'p99.9']
const SECONDS = 5
const SECONDS_QUICK = 1

async function run(options: RunOptions): Promise<Outcome> {
  const captions = SHARES.flatMap((share) => QUANTILES.map((quantile) => captionOf(share, quantile)))
  const tables = new Map(captions.map((caption) => [caption, new Rows()]))
  await inRounds(options, 'latency', async (peer, session) => {
    await session.load.step('connect', { count: SUBSCRIBERS, inFlight: OPENING_AT_ONCE, channel: ROOM })
    const messages = options.quick ? SATURATING_MESSAGES_QUICK : SATURATING_MESSAGES
    const publish = { door: 'websocket', audience: 'everyone', inFlight: IN_FLIGHT, messages }
    await session.load.step('publish', publish)
    const { value } = await session.measure<PublishReport>('publish', publish)
    const saturated = (messages * 1000) / value.elapsedMs
    for (const share of SHARES) {
      const perSecond = saturated * share
      const seconds = options.quick ? SECONDS_QUICK : SECONDS
      const report = await session.load.step<RateReport>('publishAtRate', {
        messages: Math.ceil(perSecond * seconds),
        perSecond,
      })
      for (const quantile of QUANTILES)
        tables.get(captionOf(share, quantile))?.add(PEER_LABELS[peer], report.latenciesMicros[quantile])
    }
  })
  return {
    arrangement:
      `${SUBSCRIBERS} WebSocket clients are subscribed to one channel. First as many messages a second as each server takes with ${IN_FLIGHT} in flight ` +
      'are found; then messages are published over a WebSocket at a share of that rate, each at its own moment, whether or not anybody ' +
      'keeps up. The time is taken from that moment to each delivery, so that what waits behind something late is late as well. The rates ' +
      "are each server's own: read a row beside its rate in the broadcast.",
    tables: captions.map((caption) => ({
      ...{ caption, unit: 'µs', per: 'delivery', aside: true },
      rows: tables.get(caption)?.list ?? [],
    })),
  }
}

function captionOf(share: number, quantile: Quantile): string {
  return `At ${share * 100} % of saturation, ${quantile}`
}

export const latency: Bench = {
  name: 'latency',
  title: 'Latency under load',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio'],
  aside: true,
  programs: [],
  run,
}
