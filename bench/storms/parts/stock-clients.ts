/**
 * Stock clients of another protocol in rooms in which something is published all the time, while nodes come and go: what each of them
 * misses, what it sees twice or out of order, and for how long it is away.
 */
import { pause } from './in-traffic.ts'
import { percentiles, type Rows } from './report.ts'

export const CALM_MS = 3000
const SETTLE_MS = 10_000

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** From when it was asked for to when it was accepted. */
export interface PublishedNumber extends Span {
  readonly value: number
}

export interface StockClient {
  readonly room: string
  /** The numbers that it was shown, in that order. */
  readonly shown: number[]
  /** Each time that it was away, from where it saw so to where it was on its channel again. */
  readonly gaps: Span[]
  isBack(): boolean
  close(): void
}

export interface StockTraffic<Client extends StockClient> {
  readonly rooms: readonly string[]
  readonly clients: number
  readonly perSecond: number
  join(index: number, room: string): Promise<Client>
  /** Answers once the number is published for good. */
  publish(room: string, number: number): Promise<unknown>
}

export interface Missed<Client extends StockClient> {
  readonly client: Client
  readonly number: PublishedNumber
}

export interface StockOutcome<Client extends StockClient> {
  readonly herd: readonly Client[]
  readonly back: number
  readonly lost: readonly Missed<Client>[]
  /** Twice, or out of order. */
  readonly wrong: number
  readonly rows: Rows
}

export async function amongStockClients<Client extends StockClient>(
  traffic: StockTraffic<Client>,
  storm: () => Promise<Rows>,
): Promise<StockOutcome<Client>> {
  const { rooms, clients, perSecond } = traffic
  const roomOf = (index: number): string => rooms[index % rooms.length] as string
  const herd = await Promise.all(
    Array.from({ length: clients }, (_, index) => traffic.join(index, roomOf(index))),
  )
  const published = new Map<string, PublishedNumber[]>()
  let number = 0
  const underWay = new Set<Promise<void>>()
  const publishing = setInterval(() => {
    const value = ++number
    const room = roomOf(value)
    const fromMs = performance.now()
    const one = traffic.publish(room, value).then(() => {
      const accepted = { value, fromMs, toMs: performance.now() }
      published.set(room, [...(published.get(room) ?? []), accepted])
    })
    underWay.add(one)
    void one.finally(() => underWay.delete(one))
  }, 1000 / perSecond)
  await pause(CALM_MS)
  const told = await storm()
  await pause(CALM_MS)
  clearInterval(publishing)
  await Promise.all(underWay)
  await pause(SETTLE_MS)

  const expectedBy = ({ room }: Client): readonly PublishedNumber[] => published.get(room) ?? []
  const lost = herd.flatMap((client) => {
    const seen = new Set(client.shown)
    const missed = expectedBy(client).filter(({ value }) => !seen.has(value))
    return missed.map((one): Missed<Client> => ({ client, number: one }))
  })
  const wrong = herd.flatMap(({ shown }) =>
    shown.filter((value, index) => index > 0 && value <= (shown[index - 1] as number)),
  ).length
  const back = herd.filter((one) => one.isBack()).length
  const moved = herd.filter(({ gaps }) => gaps.length > 0)
  const gapsMs = herd.flatMap(({ gaps }) => gaps.map(({ fromMs, toMs }) => toMs - fromMs))
  const rows: Rows = [
    ['clients', String(clients)],
    ['of these on a node that went', String(moved.length)],
    ['connected at the end', String(back)],
    ...told,
    ['deliveries expected', String(herd.reduce((sum, client) => sum + expectedBy(client).length, 0))],
    ['lost on the way', String(lost.length)],
    ['twice, or out of order', String(wrong)],
    ['gap p50 / p95 / p99 / max', percentiles(gapsMs)],
  ]
  return { herd, back, lost, wrong, rows }
}
