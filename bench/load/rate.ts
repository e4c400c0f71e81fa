/**
 * Messages at a rate, each at its own moment, and how late each of its deliveries is. The time is taken from the moment at which the message
 * was to be sent: what waits because others are late counts, as it does for whoever publishes (no coordinated omission).
 */
import { isChosen, type Clients } from './clients.ts'
import { Tally } from './tally.ts'

export interface RateOptions {
  readonly messages: number
  /** Absent: all at the same moment. */
  readonly perSecond?: number
  /** Deliveries to so many of the clients, `isChosen`, are timed. Default: to all. All are counted. */
  readonly timed?: number
  /** It fails where not everybody has all of them so long after the last one was due. Default: it has the time of a step. */
  readonly patienceMs?: number
  /** Where a delivery is later than this, nothing more is sent: who asks whether a rate is kept knows enough. Default: it goes on. */
  readonly giveUpMs?: number
}

export interface RateReport {
  readonly latenciesMicros: Readonly<Record<Quantile, number>>
  /** Medians of the deliveries that came first, and of those that came then: what only grows is no rate that is kept. */
  readonly halvesMicros: readonly [first: number, second: number]
  /** Until the last delivery that is timed: less than was asked for where the server, or the load, did not keep up. */
  readonly perSecond: number
  /** 99 of 100 messages were sent no later than this after they were due: what the load itself is late by. */
  readonly sentLateMicros: number
  readonly gaveUp: boolean
}

const QUANTILES = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 } as const
export type Quantile = keyof typeof QUANTILES

/** Exact, of all of them. */
export function quantilesOf(latenciesMs: Float64Array): Record<Quantile, number> {
  latenciesMs.sort()
  const at = (share: number): number =>
    (latenciesMs[Math.min(Math.floor(share * latenciesMs.length), latenciesMs.length - 1)] as number) * 1000
  return { p50: at(QUANTILES.p50), p99: at(QUANTILES.p99), 'p99.9': at(QUANTILES['p99.9']) }
}

/** Of what arrived in this order. */
function reportOf(
  arrivedMs: Float64Array,
  sentLateMs: Float64Array,
): Pick<RateReport, 'halvesMicros' | 'latenciesMicros' | 'sentLateMicros'> {
  const middle = arrivedMs.length >> 1
  const medianOf = (from: number, to?: number): number => quantilesOf(arrivedMs.slice(from, to)).p50
  return {
    halvesMicros: [medianOf(0, middle), medianOf(middle)],
    latenciesMicros: quantilesOf(arrivedMs),
    sentLateMicros: quantilesOf(sentLateMs).p99,
  }
}

/** `send` is told how many messages were sent before, and how many are due. */
export function atRate(
  { messages, perSecond = Number.POSITIVE_INFINITY, timed, patienceMs, giveUpMs = Infinity }: RateOptions,
  clients: Pick<Clients, 'count' | 'received' | 'failed'>,
  first: number,
  send: (sent: number, due: number) => void,
): Promise<RateReport> {
  const timedClients = timed ?? clients.count
  const latenciesMs = new Float64Array(messages * timedClients)
  const sentLateMs = new Float64Array(messages)
  return new Promise((resolve, reject) => {
    let overdue: NodeJS.Timeout | undefined
    const failed = (problem: string): void => {
      clearTimeout(overdue)
      reject(new Error(problem))
    }
    clients.failed = failed
    const startMs = performance.now()
    const dueMs = (index: number): number => startMs + (index * 1000) / perSecond
    let lastMs = startMs
    let taken = 0
    let sent = 0
    let wanted = messages
    const finish = (): void => {
      if (sent < wanted || tally.deliveries < wanted * clients.count) return
      clearTimeout(overdue)
      resolve({
        ...reportOf(latenciesMs.subarray(0, taken), sentLateMs.subarray(0, wanted)),
        perSecond: (wanted * 1000) / (lastMs - startMs),
        gaveUp: wanted < messages,
      })
    }
    const tally = new Tally(first, messages, {
      ...{ subscribers: clients.count, audience: 'everyone', failed },
      completed: finish,
    })
    clients.received = (client, number) => {
      if (isChosen(client, timedClients, clients.count)) {
        lastMs = performance.now()
        const lateMs = lastMs - dueMs(number - first)
        latenciesMs[taken++] = lateMs
        if (lateMs > giveUpMs) wanted = Math.min(wanted, sent)
      }
      tally.take(client, number)
    }
    if (patienceMs !== undefined) {
      const late = (): void =>
        failed(`${tally.deliveries} of ${wanted * clients.count} deliveries came in time`)
      overdue = setTimeout(late, (perSecond === Infinity ? 0 : (messages * 1000) / perSecond) + patienceMs)
    }
    // A turn of the loop after the other: a timer is late by a millisecond, which is more than most deliveries take.
    const pump = (): void => {
      const nowMs = performance.now()
      let due = 0
      for (; sent + due < wanted && dueMs(sent + due) <= nowMs; due++)
        sentLateMs[sent + due] = nowMs - dueMs(sent + due)
      const from = sent
      sent += due
      if (due > 0) send(from, due)
      if (sent < wanted) setImmediate(pump)
    }
    pump()
  })
}
