/**
 * A node is drained under stock clients of Pusher, half of them with our add-on: what each misses on its way, for how long it is away, and what
 * the app's backend and the other members are told meanwhile. Protocol 7 has no positions, so what is published while a client is on its way is
 * lost to who has no add-on: that is printed, and is no promise. Promised is that nothing else is lost, that everybody comes back by himself, in order, that with the
 * add-on nothing is lost, and that nobody is told of somebody who has gone.
 *
 *   npm run storm -- pusher-drain [--clients 200] [--publishes 50] [--plan 20s]
 */
import { Cluster } from './parts/cluster.ts'
import { pause } from './parts/in-traffic.ts'
import { percentiles, printTable, Promises, type StormOptions } from './parts/report.ts'
import { withSluice } from '../../src/client/pusher.ts'
import { HookReceiver } from '../../test/support/hook-receiver.ts'
import { APPS, backendOf, pusherJs, SHOP, type PusherJs } from '../../test/support/pusher.ts'
import type { StartedNode } from '../../test/support/start-node.ts'

const ROOMS = 20
const CALM_MS = 3000
const SETTLE_MS = 10_000
/** So long a close may be on its way to a client of a busy machine: what is published then is lost to it as well. */
const CLOSING_MS = 500

interface Span {
  readonly fromMs: number
  readonly toMs: number
}

interface Published extends Span {
  readonly value: number
}

interface Client {
  /** It has our add-on. */
  readonly repairs: boolean
  readonly room: string
  readonly pusher: PusherJs
  readonly shown: number[]
  /** From where it saw that it was closed to where it was on its channel again. */
  readonly gaps: Span[]
  readonly gone: string[]
}

export async function pusherDrain({
  clients = 200,
  publishes = 50,
  plan = '20s',
}: StormOptions): Promise<boolean> {
  const receiver = await HookReceiver.start()
  const events = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed']
  const settings = {
    dialects: { pusher: { apps: APPS } },
    // All clients of a storm have one address.
    admission: { perAddressPerSecond: 0 },
    webhooks: { targets: { shop: { url: `${receiver.url}/`, app: SHOP.id, events } } },
  }
  const cluster = await Cluster.prepare({ nodes: [settings, settings, settings], plan })
  for (const index of [0, 1]) await cluster.node(index).start()
  await pause(CALM_MS)
  const herd = await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      // Each room has both kinds.
      join(cluster.balancer.port, `user-${index}`, {
        room: `presence-room-${index % ROOMS}`,
        repairs: Math.floor(index / ROOMS) % 2 === 1,
      }),
    ),
  )
  const backend = backendOf(cluster.node(1) as unknown as StartedNode)
  const published = new Map<string, Published[]>()
  let number = 0
  const underWay = new Set<Promise<void>>()
  const publishing = setInterval(() => {
    const value = ++number
    const room = `presence-room-${value % ROOMS}`
    const fromMs = performance.now()
    const one = backend.trigger(room, 'tick', value).then(() => {
      const event = { value, fromMs, toMs: performance.now() }
      published.set(room, [...(published.get(room) ?? []), event])
    })
    underWay.add(one)
    void one.finally(() => underWay.delete(one))
  }, 1000 / publishes)

  await pause(CALM_MS)
  await cluster.node(2).start()
  await pause(CALM_MS)
  const startedMs = performance.now()
  const exit = await cluster.node(0).stop()
  const tookMs = performance.now() - startedMs
  await pause(CALM_MS)
  clearInterval(publishing)
  await Promise.all(underWay)
  await pause(SETTLE_MS)

  const findings = herd.map(({ room, shown, repairs, gaps }) => {
    const expected = published.get(room) ?? []
    const seen = new Set(shown)
    const missing = expected.filter(({ value }) => !seen.has(value))
    const lost = missing.length
    const unexplained = missing.filter((event) => !gaps.some((gap) => isIn(event, gap))).length
    const wrong = shown.filter((value, index) => index > 0 && value <= (shown[index - 1] as number)).length
    return {
      expected: expected.length,
      lost: repairs ? 0 : lost,
      lostWithAddOn: repairs ? lost : 0,
      unexplained,
      wrong,
    }
  })
  const sum = (pick: (finding: (typeof findings)[number]) => number): number =>
    findings.reduce((total, one) => total + pick(one), 0)
  const told = receiver.events('/').map(({ name }) => String(name))
  const ended = told.filter((name) => name === 'channel_vacated' || name === 'member_removed').length
  const goneTold = herd.reduce((total, { gone }) => total + gone.length, 0)
  const moved = herd.filter(({ gaps }) => gaps.length > 0)
  const gapsMs = herd.flatMap(({ gaps }) => gaps.map(({ fromMs, toMs }) => toMs - fromMs))
  const back = herd.filter(({ pusher }) => pusher.connection.state === 'connected').length
  printTable([
    ['clients', String(clients)],
    ['of these on the node that went', String(moved.length)],
    ['connected at the end', String(back)],
    ['the drain took', `${Math.round(tookMs)} ms, exit code ${exit}`],
    ['deliveries expected', String(sum(({ expected }) => expected))],
    ['lost on the way, without our add-on', String(sum(({ lost }) => lost))],
    ['of these not while it was away', String(sum(({ unexplained }) => unexplained))],
    ['lost on the way, with it', String(sum(({ lostWithAddOn }) => lostWithAddOn))],
    ['twice, or out of order', String(sum(({ wrong }) => wrong))],
    ['gap p50 / p95 / p99 / max', percentiles(gapsMs)],
    ['webhooks of channels and members that ended', String(ended)],
    ['member_removed told to clients', String(goneTold)],
  ])
  const promises = new Promises()
  promises.keep('everybody is connected again', back === clients, `${back} of ${clients}`)
  promises.none(
    'event lost while its client was not away',
    sum(({ unexplained }) => unexplained),
  )
  promises.none(
    'event lost with our add-on',
    sum(({ lostWithAddOn }) => lostWithAddOn),
  )
  promises.none(
    'event twice or out of order',
    sum(({ wrong }) => wrong),
  )
  promises.none('webhook of a channel or a member that has ended', ended)
  promises.none('client told of somebody who has gone', goneTold)
  for (const { pusher } of herd) pusher.disconnect()
  await cluster.close()
  await receiver.close()
  return promises.verdict()
}

function isIn(event: Span, gap: Span): boolean {
  return event.toMs >= gap.fromMs - CLOSING_MS && event.fromMs <= gap.toMs
}

function join(
  port: number,
  id: string,
  { room, repairs }: Pick<Client, 'room' | 'repairs'>,
): Promise<Client> {
  return new Promise((resolve) => {
    const pusher = pusherJs({ port }, { id })
    if (repairs) withSluice(pusher)
    const client: Client = { repairs, room, pusher, shown: [], gaps: [], gone: [] }
    const channel = pusher.subscribe(room)
    let lostMs: number | undefined
    channel.bind('tick', (value: number) => client.shown.push(value))
    channel.bind('pusher:member_removed', ({ id: gone }: { id: string }) => client.gone.push(gone))
    pusher.connection.bind('state_change', ({ previous }: { previous: string }) => {
      if (previous === 'connected') lostMs = performance.now()
    })
    channel.bind('pusher:subscription_succeeded', () => {
      if (lostMs !== undefined) client.gaps.push({ fromMs: lostMs, toMs: performance.now() })
      lostMs = undefined
      resolve(client)
    })
  })
}
