/**
 * Messages at a rate, each at its own moment, and how late each of its deliveries is. The time is taken from the moment at which the message
 * was to be sent: what waits because others are late counts, as it does for whoever publishes (no coordinated omission).
 */
import type { Clients } from './clients.ts'
import { Tally } from './tally.ts'

export interface RateOptions {
  readonly messages: number
  /** Absent: all at the same moment. */
  readonly perSecond?: number
  /** Deliveries to so many of the clients, the first ones, are timed. Default: to all. All are counted. */
  readonly timed?: number
  /** It fails where not everybody has all of them so long after the last one was due. Default: it has the time of a step. */
  readonly patienceMs?: number
}

export interface RateReport {
  readonly latenciesMicros: Readonly<Record<Quantile, number>>
  /** Until the last delivery that is timed: less than was asked for where the server, or the load, did not keep up. */
  readonly perSecond: number
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

/** `send` is told how many messages were sent before, and how many are due. */
export function atRate(
  { messages, perSecond = Number.POSITIVE_INFINITY, timed, patienceMs }: RateOptions,
  clients: Pick<Clients, 'count' | 'received' | 'failed'>,
  first: number,
  send: (sent: number, due: number) => void,
): Promise<RateReport> {
  const timedClients = timed ?? clients.count
  const latenciesMs = new Float64Array(messages * timedClients)
  const expected = messages * clients.count
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
    const tally = new Tally(first, messages, {
      ...{ subscribers: clients.count, audience: 'everyone', failed },
      completed() {
        if (tally.deliveries < expected) return
        clearTimeout(overdue)
        resolve({
          latenciesMicros: quantilesOf(latenciesMs),
          perSecond: (messages * 1000) / (lastMs - startMs),
        })
      },
    })
    clients.received = (client, number) => {
      if (client < timedClients) {
        lastMs = performance.now()
        latenciesMs[taken++] = lastMs - dueMs(number - first)
      }
      tally.take(client, number)
    }
    if (patienceMs !== undefined) {
      const late = (): void => failed(`${tally.deliveries} of ${expected} deliveries came in time`)
      overdue = setTimeout(late, (perSecond === Infinity ? 0 : (messages * 1000) / perSecond) + patienceMs)
    }
    let sent = 0
    // A turn of the loop after the other: a timer is late by a millisecond, which is more than most deliveries take.
    const pump = (): void => {
      const nowMs = performance.now()
      let due = 0
      while (sent + due < messages && dueMs(sent + due) <= nowMs) due++
      if (due > 0) send(sent, due)
      sent += due
      if (sent < messages) setImmediate(pump)
    }
    pump()
  })
}
