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
import { printTable, Promises, type Rows, type StormOptions } from './parts/report.ts'
import { amongStockClients, CALM_MS, type Span, type StockClient } from './parts/stock-clients.ts'
import { withSluice } from '../../src/client/pusher.ts'
import { HookReceiver } from '../../test/support/hook-receiver.ts'
import { APPS, backendOf, pusherJs, SHOP } from '../../test/support/pusher.ts'
import type { StartedNode } from '../../test/support/start-node.ts'

const ROOMS = Array.from({ length: 20 }, (_, index) => `presence-room-${index}`)
/** So long a close may be on its way to a client of a busy machine: what is published then is lost to it as well. */
const CLOSING_MS = 500

interface Client extends StockClient {
  /** It has our add-on. */
  readonly repairs: boolean
  /** Members of whom it was told that they have gone. */
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
  const backend = backendOf(cluster.node(1) as unknown as StartedNode)
  const outcome = await amongStockClients(
    {
      ...{ rooms: ROOMS, clients, perSecond: publishes },
      // Each room has both kinds.
      join: (index, room) =>
        join(cluster.balancer.port, `user-${index}`, {
          ...{ room, repairs: Math.floor(index / ROOMS.length) % 2 === 1 },
        }),
      publish: (room, value) => backend.trigger(room, 'tick', value),
    },
    async (): Promise<Rows> => {
      await cluster.node(2).start()
      await pause(CALM_MS)
      const startedMs = performance.now()
      const exit = await cluster.node(0).stop()
      return [['the drain took', `${Math.round(performance.now() - startedMs)} ms, exit code ${exit}`]]
    },
  )
  const { herd, back, lost, wrong, rows } = outcome
  const lostWithAddOn = lost.filter(({ client }) => client.repairs).length
  const unexplained = lost.filter(
    ({ client, number }) => !client.gaps.some((gap) => isIn(number, gap)),
  ).length
  const told = receiver.events('/').map(({ name }) => String(name))
  const ended = told.filter((name) => name === 'channel_vacated' || name === 'member_removed').length
  const goneTold = herd.reduce((total, { gone }) => total + gone.length, 0)
  printTable([
    ...rows,
    ['lost by who has our add-on', String(lostWithAddOn)],
    ['lost by who was not away', String(unexplained)],
    ['webhooks of channels and members that ended', String(ended)],
    ['member_removed told to clients', String(goneTold)],
  ])
  const promises = new Promises()
  promises.keep('everybody is connected again', back === clients, `${back} of ${clients}`)
  promises.none('event lost while its client was not away', unexplained)
  promises.none('event lost with our add-on', lostWithAddOn)
  promises.none('event twice or out of order', wrong)
  promises.none('webhook of a channel or a member that has ended', ended)
  promises.none('client told of somebody who has gone', goneTold)
  for (const one of herd) one.close()
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
    const client: Client = {
      ...{ repairs, room, shown: [], gaps: [], gone: [] },
      isBack: () => pusher.connection.state === 'connected',
      close: () => pusher.disconnect(),
    }
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
