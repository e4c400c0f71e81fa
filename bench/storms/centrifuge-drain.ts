/**
 * A node is drained and another one killed under stock clients of Centrifuge (centrifuge-js), half of them in Protobuf. They have
 * positions and come back by themselves, so nobody misses anything or sees it twice, whichever way a node goes; for how long each was
 * away is printed.
 *
 *   npm run storm -- centrifuge-drain [--clients 200] [--publishes 50] [--plan 20s]
 */
import { Centrifuge } from 'centrifuge'
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf'
import { WebSocket } from 'ws'
import { Cluster } from './parts/cluster.ts'
import { pause } from './parts/in-traffic.ts'
import { printTable, Promises, type Rows, type StormOptions } from './parts/report.ts'
import { amongStockClients, CALM_MS, type StockClient } from './parts/stock-clients.ts'
import { tokenOf } from '../../test/support/gateway-process.ts'

const ROOMS = Array.from({ length: 20 }, (_, index) => `room:${index}`)
const PING = '5s'

export async function centrifugeDrain({
  clients = 200,
  publishes = 50,
  plan = '20s',
}: StormOptions): Promise<boolean> {
  const settings = {
    dialects: { centrifuge: {} },
    // As many as come back at once are missed by none.
    namespaces: { room: { max: 5000, ttl: '10m' } },
    // So that a client that was cut off without a word finds out within the storm.
    heartbeat: { ping: PING },
    // All clients of a storm have one address.
    admission: { perAddressPerSecond: 0 },
  } as const
  const cluster = await Cluster.prepare({ nodes: [settings, settings, settings], plan })
  for (const index of [0, 1]) await cluster.node(index).start()
  await pause(CALM_MS)
  // It stays.
  let publisher = 1
  const outcome = await amongStockClients(
    {
      ...{ rooms: ROOMS, clients, perSecond: publishes },
      join: (index, room) => join(cluster.balancer.port, index, room),
      async publish(channel, data) {
        const node = cluster.node(publisher)
        const answer = await node.api('POST', '/v1/publish', { channel, data })
        if (!answer.ok) throw new Error(`a publish was answered with ${answer.status}`)
      },
    },
    async (): Promise<Rows> => {
      await cluster.node(2).start()
      publisher = 2
      await pause(CALM_MS)
      const startedMs = performance.now()
      const exit = await cluster.node(0).stop()
      const drainMs = performance.now() - startedMs
      await cluster.node(0).start()
      await pause(CALM_MS)
      await cluster.node(1).kill()
      // Until balancer and clients have noticed.
      await pause(4 * CALM_MS)
      return [['the drain took', `${Math.round(drainMs)} ms, exit code ${exit}`]]
    },
  )
  const { herd, back, lost, wrong, rows } = outcome
  printTable(rows)
  const promises = new Promises()
  promises.keep('everybody is connected again', back === clients, `${back} of ${clients}`)
  promises.none('message lost', lost.length)
  promises.none('message twice or out of order', wrong)
  promises.none(
    'subscription that could not go on where it was',
    herd.reduce((sum, { resets }) => sum + resets, 0),
  )
  for (const one of herd) one.close()
  await cluster.close()
  return promises.verdict()
}

interface Client extends StockClient {
  resets: number
}

async function join(port: number, index: number, room: string): Promise<Client> {
  const inProtobuf = index % 2 === 1
  const Build = inProtobuf ? (ProtobufCentrifuge as unknown as typeof Centrifuge) : Centrifuge
  const centrifuge = new Build(`ws://127.0.0.1:${port}/connection/websocket`, {
    websocket: WebSocket,
    token: await tokenOf(`user-${index}`),
  })
  const read = (data: unknown): number =>
    Number(inProtobuf ? new TextDecoder().decode(data as Uint8Array) : data)
  const client: Client = {
    ...{ room, shown: [], gaps: [], resets: 0 },
    isBack: () => centrifuge.state === 'connected' && subscription.state === 'subscribed',
    close: () => centrifuge.disconnect(),
  }
  let lostMs: number | undefined
  const subscription = centrifuge.newSubscription(room)
  subscription.on('publication', ({ data }) => client.shown.push(read(data)))
  subscription.on('subscribing', () => (lostMs ??= performance.now()))
  subscription.on('subscribed', ({ wasRecovering, recovered }) => {
    if (wasRecovering && lostMs !== undefined) client.gaps.push({ fromMs: lostMs, toMs: performance.now() })
    if (wasRecovering && !recovered) client.resets++
    lostMs = undefined
  })
  subscription.subscribe()
  centrifuge.connect()
  await subscription.ready()
  return client
}
