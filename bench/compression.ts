/** What `compressFrom` costs and saves: a table of four kilobytes to five hundred WebSockets. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { Child } from './lib/child.ts'
import { compiled } from './lib/compile.ts'
import { LOAD_CORE, SERVER_CORE } from './lib/cores.ts'
import { BenchSession } from './lib/session.ts'
import type { DeflateConnect, DeflateReport } from './loops/deflate-load.ts'
import type { DeflateServer, DeflateStart } from './loops/deflate-server.ts'
import type { Ports } from './peers/terms.ts'

const SUBSCRIBERS = 500
const IDLE = 4000
const MESSAGES = 100
const MESSAGES_QUICK = 30
const WARM_UP = 10
const SERVERS: readonly DeflateServer[] = ['raw-uws', 'sluice']

/** One table with compression, and one without: each with its own floor. */
class Figures {
  readonly cpu = new Rows()
  readonly wire = new Rows()
  readonly memory = new Rows()
}

async function run({ quick, rounds, peers, check }: RunOptions): Promise<Outcome> {
  const messages = quick ? MESSAGES_QUICK : MESSAGES
  const plain = new Figures()
  const compressed = new Figures()
  for (let round = 1; round <= rounds; round++) {
    for (const compress of [false, true]) {
      for (const server of SERVERS) {
        if (!peers.includes(server)) continue
        process.stderr.write(`compression: round ${round} of ${rounds}, ${server}\n`)
        await measure({ server, compress }, messages, compress ? compressed : plain, check ? 0 : IDLE)
      }
    }
  }
  const both = [
    ['not compressed', plain],
    ['compressed', compressed],
  ] as const
  const wire = { unit: 'bytes', per: 'delivery', aside: true } as const
  const memory = { unit: 'bytes', per: 'connection', aside: true } as const
  return {
    arrangement:
      `${SUBSCRIBERS} WebSockets that offer \`permessage-deflate\` are subscribed to one channel; ${messages} messages of some 3.5 kB, tables in JSON ` +
      'with other figures each time, one after the other. The library compresses for each connection by itself, with one compressor that all share; raw uWebSockets.js has ' +
      `the same setting. \`compressFrom\` is off by default, and of a whole node. Then ${IDLE} more clients connect and are silent, and their memory is taken as that of idle connections: read what compression adds to it.`,
    tables: [
      ...both.map(([how, { cpu }]) => ({
        ...({ caption: `CPU of the server, ${how}`, unit: 'µs', per: 'delivery' } as const),
        rows: cpu.list,
      })),
      ...both.map(
        ([
          how,
          {
            wire: { list },
          },
        ]) => ({ caption: `On the wire, ${how}`, ...wire, rows: list }),
      ),
      ...both.map(
        ([
          how,
          {
            memory: { list },
          },
        ]) => ({
          ...{ caption: `An idle connection, ${how}`, ...memory },
          rows: list,
        }),
      ),
    ],
  }
}

async function measure(start: DeflateStart, messages: number, figures: Figures, idle: number): Promise<void> {
  const server = new Child({ program: compiled('loops/deflate-server'), core: SERVER_CORE, quiet: true })
  const load = new Child({ program: compiled('loops/deflate-load'), core: LOAD_CORE })
  try {
    const ports = await server.step<Ports>('start', start)
    const session = new BenchSession(server, load, ports)
    const connect = (count: number): Promise<void> =>
      load.step('connect', { server: start.server, port: ports.port, count } satisfies DeflateConnect)
    await connect(SUBSCRIBERS)
    await load.step('publish', WARM_UP)
    const { value, cpuMicros } = await session.measure<DeflateReport>('publish', messages)
    const label = PEER_LABELS[start.server]
    figures.cpu.add(label, cpuMicros / value.deliveries)
    figures.wire.add(label, value.bytes / value.deliveries)
    if (idle === 0) return
    const base = await session.settledBytes()
    await connect(idle)
    figures.memory.add(label, ((await session.settledBytes()) - base) / idle)
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
