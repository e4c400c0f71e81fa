/** How long a message takes from its publisher to its subscribers while the server is busy, in an open loop. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions, type Table } from './lib/bench.ts'
import { isHeld, LATE_MAX_MS, saturationOf } from './lib/saturation.ts'
import { inRounds, type BenchSession } from './lib/session.ts'
import type { RateOptions, RateReport } from './load/rate.ts'
import { ROOM, type PeerName } from './peers/terms.ts'

const SUBSCRIBERS = 100
/** The others are read so seldom that the load, which has one core for all of them, is not what everything waits for. */
const TIMED = 5
const OTHERS_READ_EVERY_MS = 20
const OPENING_AT_ONCE = 100
const WARM_UP = { door: 'websocket', audience: 'everyone', inFlight: 16, messages: 3000 }

const BURST = 10_000
/** Every server can do it. */
const COMMON_PER_SECOND = 1000
const SHARES = [0.5, 0.8, 0.95]
/** The last one is the load's own part: a delivery is late by what it was sent late, too. */
const COLUMNS: Readonly<Record<string, (report: RateReport) => number>> = {
  p50: ({ latenciesMicros }) => latenciesMicros.p50,
  p99: ({ latenciesMicros }) => latenciesMicros.p99,
  'p99.9': ({ latenciesMicros }) => latenciesMicros['p99.9'],
  'sent late, p99': ({ sentLateMicros }) => sentLateMicros,
}
const SECONDS = 2
const SECONDS_QUICK = 0.5
/** Before each probe at its rate: what came before is over then, and code for batches of such a size is compiled. */
const SETTLING_SHARE = 0.2
/** Of the pace of a burst, where the search for saturation begins. */
const FROM_SHARE = 0.7
/** A delivery that is so late says that a rate is not kept; the sooner that is known, the shorter is the queue. */
const GIVE_UP_MS = 250
/** What is still on its way when the last message was due came of a rate that is too high. */
const PATIENCE_MS = 60_000
/** A server that has so much of its core at work is what everybody waits for. */
const BUSY = 0.9

const FLOOR: PeerName = 'raw-uws'
const SATURATION = 'Saturation: the time from one message to the next'
const AT_ONCE = `${BURST} messages at once`
const COMMON = `At ${COMMON_PER_SECOND} messages a second`
const LOADS = [AT_ONCE, COMMON, ...SHARES.map(atFloors), ...SHARES.map(atOwn)]

function atFloors(share: number): string {
  return `At ${percent(share)} of the saturation of ${PEER_LABELS[FLOOR]}`
}

function atOwn(share: number): string {
  return `At ${percent(share)} of its own saturation`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

async function run(options: RunOptions): Promise<Outcome> {
  const byLoad = new Map(
    LOADS.map((load) => [
      load,
      Object.entries(COLUMNS).map(([column, of]) => ({ column, of, rows: new Rows() })),
    ]),
  )
  const saturation = new Rows()
  let floorPerSecond: number | undefined
  await inRounds(options, 'latency', async (peer, session) => {
    const label = PEER_LABELS[peer]
    const add = (load: string, report: RateReport): void => {
      for (const { rows, of } of byLoad.get(load) ?? []) rows.add(label, of(report))
    }
    await session.load.step('connect', { count: SUBSCRIBERS, inFlight: OPENING_AT_ONCE, channel: ROOM })
    await session.load.step('publish', WARM_UP)
    const { report } = await paced(session, { messages: BURST })
    add(AT_ONCE, report)
    await session.load.step('readInTurns', { atOnce: TIMED, everyMs: OTHERS_READ_EVERY_MS })
    const own = await saturated(session, report.perSecond * FROM_SHARE, secondsOf(options))
    saturation.add(label, 1e6 / own.perSecond)
    if (own.busy < BUSY)
      saturation.note(label, `its server was not the limit: ${percent(own.busy)} of a core`)
    // It goes first in each round.
    if (peer === FLOOR) floorPerSecond = own.perSecond
    const reports = new Map<number, RateReport>()
    for (const [load, perSecond] of ratesBelow(own.perSecond, floorPerSecond)) {
      const rate = { messages: Math.ceil(perSecond * secondsOf(options)), perSecond }
      const one = reports.get(perSecond) ?? (await paced(session, rate)).report
      reports.set(perSecond, one)
      add(load, one)
    }
  })
  const measure = { unit: 'µs', aside: true } as const
  const late = [...byLoad].flatMap(([group, columns]) =>
    columns.map(({ column, rows }): Table => ({
      ...{ ...measure, caption: `${group}, ${column}`, group, column, per: 'delivery' },
      // Not of those who did not keep it in every round.
      rows: rows.list.filter(({ rounds }) => rounds.length === options.rounds),
    })),
  )
  return {
    arrangement: arrangement(secondsOf(options)),
    tables: [
      { ...measure, caption: SATURATION, per: 'message', rows: saturation.list },
      ...late.filter(({ rows }) => rows.length > 0),
    ],
  }
}

function secondsOf({ quick }: RunOptions): number {
  return quick ? SECONDS_QUICK : SECONDS
}

/** Every load that has a rate which is kept. */
function ratesBelow(own: number, floor: number | undefined): readonly (readonly [string, number])[] {
  const all: readonly (readonly [string, number])[] = [
    [COMMON, COMMON_PER_SECOND],
    ...(floor === undefined ? [] : SHARES.map((share) => [atFloors(share), floor * share] as const)),
    ...SHARES.map((share) => [atOwn(share), own * share] as const),
  ]
  return all.filter(([, perSecond]) => perSecond <= own)
}

interface Saturation {
  readonly perSecond: number
  /** The server, as a share of its core, at the lowest rate that it did not keep. */
  readonly busy: number
}

async function saturated(session: BenchSession, fromPerSecond: number, seconds: number): Promise<Saturation> {
  const failed = new Map<number, number>()
  const perSecond = await saturationOf(fromPerSecond, async (asked) => {
    const rate = { perSecond: asked, giveUpMs: GIVE_UP_MS }
    await paced(session, { ...rate, messages: Math.ceil(asked * seconds * SETTLING_SHARE) })
    const { report, busy } = await paced(session, { ...rate, messages: Math.ceil(asked * seconds) })
    if (isHeld(report)) return true
    failed.set(asked, Math.max(busy, failed.get(asked) ?? 0))
    return false
  })
  // What failed once and was kept then is none of them.
  const lowest = Math.min(...[...failed.keys()].filter((asked) => asked > perSecond))
  return { perSecond, busy: failed.get(lowest) ?? 0 }
}

/** `busy`: the server, as a share of its core. */
async function paced(
  session: BenchSession,
  rate: RateOptions,
): Promise<{ readonly report: RateReport; readonly busy: number }> {
  const beganMs = performance.now()
  const { value, cpuMicros } = await session.measure<RateReport>('publishAtRate', {
    ...{ timed: TIMED, patienceMs: PATIENCE_MS, ...rate },
  })
  return { report: value, busy: cpuMicros / 1000 / (performance.now() - beganMs) }
}

function arrangement(seconds: number): string {
  return (
    `${SUBSCRIBERS} WebSocket clients are subscribed to one channel, a payload has 128 bytes. Messages are published over one more WebSocket, each at its own moment, ` +
    'whether or not anybody keeps up, and a delivery is late by the time since that moment, so that what waits behind ' +
    `something late is late as well (an open loop, without coordinated omission). First ${BURST} messages at once. Then the search for saturation: the highest rate at which 99 of 100 ` +
    `deliveries of ${seconds} seconds are no later than ${LATE_MAX_MS} ms, and those of the second half not later than those of the first, to 4 %. Then ${seconds} seconds at each rate. ` +
    `Read the shares of the saturation of ${PEER_LABELS[FLOOR]}, as those of ${COMMON_PER_SECOND} messages a second, beside each other: the same messages at the same pace. Who does not keep that pace has no row, ` +
    'because its figure would only say for how long it was tried. A share of its own saturation is another pace for each server: it shows how lateness grows as a server nears what it can do. ' +
    `Deliveries to ${TIMED} of the clients are timed; the others read every ${OTHERS_READ_EVERY_MS} ms, so that the load, which is one process, is not what everybody waits for (in the burst all read at once), and all are counted. ` +
    `Where a server was at work for less than ${percent(BUSY)} of its core at the lowest rate that it did not keep, it says so: then the load was the limit, or other work of the machine, and the server can do more. ` +
    'The last column is what the load itself was late by in sending: it is in the figures before it.'
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
