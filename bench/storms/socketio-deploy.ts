/**
 * The rolling deploy, with Socket.IO 4: Redis Streams adapter, connection state recovery, each node closed by
 * `io.close()` on SIGTERM, in the same arrangement. Prints the same counts; there is no promise to break.
 *
 *   npm run storm -- socketio-deploy [--clients 3000] [--publishes 500] [--nodes 3]
 */
import { fileURLToPath } from 'node:url'
import { io, type Socket } from 'socket.io-client'
import { startHaProxy } from './parts/haproxy.ts'
import { percentiles, printTable, type StormOptions } from './parts/report.ts'
import { RedisServer } from '../../test/support/redis-server.ts'
import { freePorts, ServerProcess } from '../../test/support/server-process.ts'

const NODE = fileURLToPath(new URL('socketio-node.ts', import.meta.url))
const ROOMS = 100
const CALM_MS = 3000
const SETTLE_MS = 15_000
/** As a node of Sluice does: balancers lag. */
const DEREGISTER_MS = 1000

interface Client {
  readonly room: string
  readonly shown: number[]
  readonly gapsMs: number[]
  recovered: number
  socket: Socket
}

export async function socketioDeploy({
  clients = 3000,
  publishes = 500,
  nodes = 3,
}: StormOptions): Promise<boolean> {
  const redis = await RedisServer.start()
  const ports = await freePorts(nodes * 2)
  const start = (index: number): Promise<ServerProcess> =>
    ServerProcess.start({
      program: process.execPath,
      install: 'Node.js',
      args: ['--import', 'tsx', NODE],
      env: { PORT: String(ports[index]), REDIS_URL: redis.url },
      ready: 'the node is ready',
    })
  const running = new Map<number, ServerProcess>()
  for (let index = 0; index < nodes; index++) running.set(index, await start(index))
  const proxy = await startHaProxy(ports.map((port) => ({ port, apiPort: port })))
  const herd = await Promise.all(
    Array.from({ length: clients }, (_, index) => join(proxy.port, `room:${index % ROOMS}`)),
  )

  const published = new Map<string, Set<number>>()
  let number = 0
  let refused = 0
  const underWay = new Set<Promise<void>>()
  const publishing = setInterval(() => {
    for (let i = 0; i < publishes / 50; i++) {
      const one = publish(++number)
      underWay.add(one)
      void one.finally(() => underWay.delete(one))
    }
  }, 20)
  const publish = async (value: number): Promise<void> => {
    const room = `room:${value % ROOMS}`
    const targets = [...running.keys()]
    try {
      const port = ports[targets[value % targets.length] as number]
      const answer = await fetch(`http://127.0.0.1:${port}/publish`, {
        method: 'POST',
        body: JSON.stringify({ room, number: value }),
      })
      await answer.arrayBuffer()
    } catch (error) {
      // The node went meanwhile: what was not accepted does not count as published.
      if (!(error instanceof TypeError)) throw error
      refused++
      return
    }
    const numbers = published.get(room)
    if (numbers === undefined) published.set(room, new Set([value]))
    else numbers.add(value)
  }

  await pause(CALM_MS)
  const exits: (number | null)[] = []
  for (let index = 0; index < nodes; index++) {
    running.set(nodes + index, await start(nodes + index))
    await pause(DEREGISTER_MS)
    const old = running.get(index) as ServerProcess
    running.delete(index)
    exits.push(await old.stop())
    await pause(CALM_MS)
  }
  clearInterval(publishing)
  await Promise.all(underWay)
  await pause(SETTLE_MS)

  let expected = 0
  let lost = 0
  let twice = 0
  let outOfOrder = 0
  for (const { room, shown } of herd) {
    const numbers = published.get(room) ?? new Set<number>()
    const seen = new Set(shown)
    expected += numbers.size
    twice += shown.length - seen.size
    for (const value of numbers) if (!seen.has(value)) lost++
    for (const [index, value] of shown.entries())
      if (index > 0 && value < (shown[index - 1] as number)) outOfOrder++
  }
  printTable([
    ['clients', String(clients)],
    ['published', String([...published.values()].reduce((sum, { size }) => sum + size, 0))],
    ['publishes that found no node', String(refused)],
    ['deliveries expected', String(expected)],
    ['shown', String(herd.reduce((sum, { shown }) => sum + shown.length, 0))],
    ['lost', String(lost)],
    ['shown twice', String(twice)],
    ['out of order', String(outOfOrder)],
    ['reconnects that were recovered', String(herd.reduce((sum, { recovered }) => sum + recovered, 0))],
    ['gap p50 / p95 / p99 / max', percentiles(herd.flatMap(({ gapsMs }) => gapsMs))],
    ['exit codes', exits.join(', ')],
  ])
  for (const { socket } of herd) socket.close()
  await proxy.close()
  for (const process of running.values()) await process.kill()
  await redis.stop()
  return true
}

function join(port: number, room: string): Promise<Client> {
  return new Promise((resolve) => {
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      auth: { room },
      reconnectionDelay: 100,
      reconnectionDelayMax: 1000,
      forceNew: true,
    })
    const client: Client = { room, shown: [], gapsMs: [], recovered: 0, socket }
    let lostMs: number | undefined
    socket.on('message', (number: number) => client.shown.push(number))
    socket.on('disconnect', () => (lostMs = performance.now()))
    socket.on('joined', (recovered: boolean) => {
      if (lostMs !== undefined) client.gapsMs.push(performance.now() - lostMs)
      lostMs = undefined
      if (recovered) client.recovered++
      resolve(client)
    })
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
