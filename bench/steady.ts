/** A channel with ten thousand subscribers at an ordinary pace: what that takes of a core, and how late the last ones are. And a burst. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds, type BenchSession } from './lib/session.ts'
import type { RateOptions, RateReport } from './load/rate.ts'
import { ROOM } from './peers/terms.ts'

const SUBSCRIBERS = 10_000
const SUBSCRIBERS_QUICK = 2000
const OPENING_AT_ONCE = 100
const PER_SECOND = 10
const SECONDS = 10
const SECONDS_QUICK = 2
const BURST = 100

async function run(options: RunOptions): Promise<Outcome> {
  const subscribers = options.quick ? SUBSCRIBERS_QUICK : SUBSCRIBERS
  const rows = {
    cpu: new Rows(),
    p50: new Rows(),
    p99: new Rows(),
    burstCpu: new Rows(),
    burstP99: new Rows(),
  }
  await inRounds(options, 'steady', async (peer, session) => {
    const label = PEER_LABELS[peer]
    await session.load.step('connect', { count: subscribers, inFlight: OPENING_AT_ONCE, channel: ROOM })
    const pace = { messages: PER_SECOND * (options.quick ? SECONDS_QUICK : SECONDS), perSecond: PER_SECOND }
    await session.load.step('publishAtRate', { ...pace, messages: PER_SECOND })
    const even = await measured(session, pace, subscribers)
    rows.cpu.add(label, even.cpuMicros)
    rows.p50.add(label, even.latenciesMicros.p50)
    rows.p99.add(label, even.latenciesMicros.p99)
    const all = await measured(session, { messages: BURST }, subscribers)
    rows.burstCpu.add(label, all.cpuMicros)
    rows.burstP99.add(label, all.latenciesMicros.p99)
  })
  const paced = `${PER_SECOND} messages a second`
  const atOnce = `${BURST} messages at once`
  const each = { unit: 'µs', per: 'delivery' } as const
  return {
    arrangement:
      `${subscribers} WebSocket clients are subscribed to one channel, a payload has 128 bytes. First ${paced} are published over one more WebSocket, each ` +
      'at its moment; then a burst. A delivery is late by the time since that moment, and the core of the load, which reads them all, has its ' +
      'part in it: read the ratios.',
    tables: [
      { caption: `CPU, ${paced}`, ...each, rows: rows.cpu.list },
      { caption: `Late by, ${paced}, p50`, ...each, aside: true, rows: rows.p50.list },
      { caption: `Late by, ${paced}, p99`, ...each, aside: true, rows: rows.p99.list },
      { caption: `CPU, ${atOnce}`, ...each, rows: rows.burstCpu.list },
      { caption: `Late by, ${atOnce}, p99`, ...each, aside: true, rows: rows.burstP99.list },
    ],
  }
}

async function measured(
  session: BenchSession,
  rate: RateOptions,
  subscribers: number,
): Promise<Pick<RateReport, 'latenciesMicros'> & { readonly cpuMicros: number }> {
  const { value, cpuMicros } = await session.measure<RateReport>('publishAtRate', rate)
  return { latenciesMicros: value.latenciesMicros, cpuMicros: cpuMicros / (rate.messages * subscribers) }
}

export const steady: Bench = {
  name: 'steady',
  title: 'Ten thousand subscribers',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio'],
  programs: [],
  run,
}
