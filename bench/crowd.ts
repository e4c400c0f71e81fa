/** More connections than one process may hold here: what each of them takes of two workers. */
import { Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { Child } from './lib/child.ts'
import { compiled } from './lib/compile.ts'
import { ownBytes } from './lib/cores.ts'
import type { WorkersStarted } from './loops/workers-server.ts'
import { ROOM } from './peers/terms.ts'
import { withWorkers } from './workers.ts'

const WORKERS = 2
/** Together; the first one is what the others are compared with. */
const CONNECTIONS = [10_000, 20_000, 30_000]
const CONNECTIONS_QUICK = [2000, 4000]
/** Of each of the two processes of load. */
const OPENING_AT_ONCE = 50
const WARM_UP_CONNECTIONS = 500
/** What was made while they connected and what a client has sent lately are let go, as far as that is without being asked to. */
const SETTLED_MS = 4000
/** On a machine that has other work. */
const STEP_TIMEOUT_MS = 180_000

async function run({ rounds, quick }: RunOptions): Promise<Outcome> {
  const sizes = quick ? CONNECTIONS_QUICK : CONNECTIONS
  const rows = new Rows()
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`crowd: round ${round} of ${rounds}\n`)
    await withWorkers(WORKERS, async (started, load) => {
      const second = new Child({ program: compiled('load/main'), stepTimeoutMs: STEP_TIMEOUT_MS })
      try {
        const origin = { from: '127.0.0.2', firstUser: 1_000_000 }
        await second.step('target', { peer: 'sluice-cluster', ports: started, origin })
        await fill(started, [load, second], sizes, rows)
      } finally {
        await second.close()
      }
    })
  }
  return {
    arrangement:
      'A process may have 20,000 files on this machine, so that no single one holds more connections. `sluice serve --workers 2` over a nats-server and a redis-server holds them ' +
      'together, from two processes of load with an address each. Memory is what both workers have of their own (Pss_Anon) over what they had without, a few seconds after ' +
      'the last one connected: nobody collects the garbage there, so it is more than that of idle connections.',
    tables: [
      {
        ...{ caption: 'By connections', unit: 'bytes', per: 'connection', subject: 'size' },
        rows: rows.list,
      },
    ],
  }
}

async function fill(
  { workers }: WorkersStarted,
  loads: readonly Child[],
  sizes: readonly number[],
  rows: Rows,
): Promise<void> {
  const own = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
    return workers.reduce((sum, pid) => sum + ownBytes(pid), 0)
  }
  const connect = async (count: number): Promise<void> => {
    const each = { count: count / loads.length, inFlight: OPENING_AT_ONCE, channel: ROOM }
    await Promise.all(loads.map((load) => load.step('connect', each)))
  }
  await connect(WARM_UP_CONNECTIONS)
  await Promise.all(loads.map((load) => load.step('disconnect')))
  const before = await own()
  let there = 0
  for (const size of sizes) {
    await connect(size - there)
    there = size
    rows.add(`${size} connections`, ((await own()) - before) / size)
  }
}

export const crowd: Bench = {
  name: 'crowd',
  title: 'Connections of two workers',
  peers: ['sluice'],
  aside: true,
  programs: ['loops/workers-server'],
  run,
}
