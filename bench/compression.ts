/** What `compressFrom` costs and saves: a table of four kilobytes to five hundred WebSockets. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { Child } from './lib/child.ts'
import { compiled } from './lib/compile.ts'
import { cpuMicros, LOAD_CORE, ownBytes, SERVER_CORE } from './lib/cores.ts'
import type { DeflateConnect } from './loops/deflate-load.ts'
import type { DeflateServer, DeflateStart } from './loops/deflate-server.ts'
import type { Ports } from './peers/terms.ts'

const SUBSCRIBERS = 500
const IDLE = 4000
const MESSAGES = 100
const MESSAGES_QUICK = 30
const WARM_UP = 10
const SERVERS: readonly DeflateServer[] = ['raw-uws', 'sluice']

interface Figures {
  readonly cpu: Rows
  readonly wire: Rows
  readonly memory: Rows
}

async function run({ quick, rounds, peers, check }: RunOptions): Promise<Outcome> {
  const messages = quick ? MESSAGES_QUICK : MESSAGES
  const figures: Figures = { cpu: new Rows(), wire: new Rows(), memory: new Rows() }
  for (let round = 1; round <= rounds; round++) {
    for (const compress of [false, true]) {
      for (const server of SERVERS) {
        if (!peers.includes(server)) continue
        process.stderr.write(`compression: round ${round} of ${rounds}, ${server}\n`)
        await measure({ server, compress }, messages, figures, check ? 0 : IDLE)
      }
    }
  }
  const per = 'delivery'
  return {
    arrangement:
      `${SUBSCRIBERS} WebSockets that offer \`permessage-deflate\` are subscribed to one channel; ${messages} messages of some 3.5 kB, tables in JSON ` +
      'with other figures each time, one after the other. The library compresses for each connection by itself; `compressFrom` is off by default.',
    tables: [
      { caption: 'CPU of the server', unit: 'µs', per, rows: figures.cpu.list },
      { caption: 'On the wire', unit: 'bytes', per, aside: true, rows: figures.wire.list },
      {
        caption: `Memory of ${IDLE} more that are idle, before it settles: compare with and without`,
        unit: 'bytes',
        per: 'connection',
        aside: true,
        rows: figures.memory.list,
      },
    ],
  }
}

async function measure(start: DeflateStart, messages: number, figures: Figures, idle: number): Promise<void> {
  const server = new Child({
    program: compiled('loops/deflate-server'),
    core: SERVER_CORE,
    nodeOptions: ['--expose-gc'],
    quiet: true,
  })
  const load = new Child({ program: compiled('loops/deflate-load'), core: LOAD_CORE })
  try {
    const { port } = await server.step<Ports>('start', start)
    const connect = (count: number): Promise<void> =>
      load.step('connect', { server: start.server, port, count } satisfies DeflateConnect)
    await connect(SUBSCRIBERS)
    await load.step('publish', WARM_UP)
    const before = cpuMicros(server.pid)
    const { deliveries, bytes } = await load.step<{ deliveries: number; bytes: number }>('publish', messages)
    const label = `${PEER_LABELS[start.server]}${start.compress ? ', compressed' : ''}`
    figures.cpu.add(label, (cpuMicros(server.pid) - before) / deliveries)
    figures.wire.add(label, bytes / deliveries)
    if (idle === 0) return
    await server.step('collect')
    const base = ownBytes(server.pid)
    await connect(idle)
    await server.step('collect')
    figures.memory.add(label, (ownBytes(server.pid) - base) / idle)
  } finally {
    await Promise.all([load.close(), server.close()])
  }
}

export const compression: Bench = {
  name: 'compression',
  title: 'Compression of WebSockets',
  peers: SERVERS,
  programs: ['loops/deflate-server', 'loops/deflate-load'],
  run,
}
