/**
 * Stock clients of another protocol in rooms in which something is published all the time, while nodes come and go: what each of them
 * misses, what it sees twice or out of order, and for how long it is away.
 */
import { pause } from './in-traffic.ts'
import { percentiles, type Rows } from './report.ts'

export const CALM_MS = 3000
const SETTLE_MS = 10_000

export interface StockClient {
  readonly room: string
  /** The numbers that it was shown, in that order. */
  readonly shown: number[]
  /** Of each time that it was away. */
  readonly gapsMs: number[]
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

export interface StockOutcome<Client extends StockClient> {
  readonly herd: readonly Client[]
  readonly back: number
  readonly expected: number
  readonly lost: number
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
  const published = new Map<string, number[]>()
  let number = 0
  const underWay = new Set<Promise<void>>()
  const publishing = setInterval(() => {
    const value = ++number
    const room = roomOf(value)
    const one = traffic
      .publish(room, value)
      .then(() => void published.set(room, [...(published.get(room) ?? []), value]))
    underWay.add(one)
    void one.finally(() => underWay.delete(one))
  }, 1000 / perSecond)
  await pause(CALM_MS)
  const told = await storm()
  await pause(CALM_MS)
  clearInterval(publishing)
  await Promise.all(underWay)
  await pause(SETTLE_MS)

  const findings = herd.map(({ room, shown }) => {
    const expected = published.get(room) ?? []
    const seen = new Set(shown)
    const lost = expected.filter((value) => !seen.has(value)).length
    const wrong = shown.filter((value, index) => index > 0 && value <= (shown[index - 1] as number)).length
    return { expected: expected.length, lost, wrong }
  })
  const sum = (pick: (finding: (typeof findings)[number]) => number): number =>
    findings.reduce((total, one) => total + pick(one), 0)
  const [expected, lost, wrong] = [
    sum((one) => one.expected),
    sum((one) => one.lost),
    sum((one) => one.wrong),
  ]
  const back = herd.filter((one) => one.isBack()).length
  const moved = herd.filter(({ gapsMs }) => gapsMs.length > 0)
  const rows: Rows = [
    ['clients', String(clients)],
    ['of these on a node that went', String(moved.length)],
    ['connected at the end', String(back)],
    ...told,
    ['deliveries expected', String(expected)],
    ['lost on the way', String(lost)],
    ['twice, or out of order', String(wrong)],
    ['gap p50 / p95 / p99 / max', percentiles(herd.flatMap(({ gapsMs }) => gapsMs))],
  ]
  return { herd, back, expected, lost, wrong, rows }
}
