/** What `sluice serve --workers N` brings: connects and deliveries in a second, what they cost, and who has the cores meanwhile. */
import { cpus } from 'node:os'
import { Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { Child } from './lib/child.ts'
import { COMMAND, compiled } from './lib/compile.ts'
import { cpuMicros, ownBytes, residentBytes } from './lib/cores.ts'
import { median } from './lib/statistics.ts'
import type { PublishReport } from './load/publishing.ts'
import type { WorkersStart, WorkersStarted } from './loops/workers-server.ts'
import { ROOM } from './peers/terms.ts'

const WORKERS = [1, 2] as const
const CONNECTIONS = 5000
const CONNECTIONS_QUICK = 1500
const OPENING_AT_ONCE = 200
const SUBSCRIBERS = 1000
const MESSAGES = 2000
const MESSAGES_QUICK = 300
const IN_FLIGHT = 16
/** Workers tell each other who is there, and allocate, for a moment after they have started. */
const SETTLED_MS = 4000

/** One table for how long it took, one for whose the processor time was. */
class Figures {
  readonly pace = new Rows()
  readonly cost = new Rows()
}

async function run({ quick, rounds }: RunOptions): Promise<Outcome> {
  const connects = new Figures()
  const deliveries = new Figures()
  const memory = new Rows()
  for (let round = 1; round <= rounds; round++) {
    for (const workers of WORKERS) {
      process.stderr.write(`workers: round ${round} of ${rounds}, ${workers}\n`)
      await withWorkers(workers, async (started, load) => {
        const label = workers === 1 ? '1 worker' : `${workers} workers`
        await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
        memory.add(`${label}: resident, each`, median(started.workers.map(residentBytes)))
        memory.add(`${label}: its own, each`, median(started.workers.map(ownBytes)))
        if (workers > 1) memory.add('the process that starts them: its own', ownBytes(started.parent))
        const measured = measuring(started, load, label)
        const count = quick ? CONNECTIONS_QUICK : CONNECTIONS
        await load.step('prepare', count)
        const wave = { count, inFlight: OPENING_AT_ONCE }
        await load.step('connect', wave)
        await load.step('disconnect')
        await measured(connects, async () => {
          await load.step('connect', wave)
          return count
        })
        await load.step('disconnect')
        await load.step('connect', { count: SUBSCRIBERS, inFlight: OPENING_AT_ONCE, channel: ROOM })
        const messages = quick ? MESSAGES_QUICK : MESSAGES
        const publish = { door: 'http', audience: 'everyone', inFlight: IN_FLIGHT }
        await load.step('publish', { ...publish, messages: Math.ceil(messages / 4) })
        await measured(deliveries, async () => {
          const report = await load.step<PublishReport>('publish', { ...publish, messages })
          return report.deliveries
        })
      })
    }
  }
  const subject = 'who'
  return {
    arrangement:
      `\`sluice serve --workers N\` on ${cpus().length} cores, which it shares with one process of load, one nats-server and one redis-server; nobody has a core of its own. ` +
      `${quick ? CONNECTIONS_QUICK : CONNECTIONS} clients connect, ${OPENING_AT_ONCE} at a time; then ${SUBSCRIBERS} are on one channel, which is published to over HTTP, at one worker, ` +
      `${IN_FLIGHT} in flight. How long it took is of everything together. Where the cores are idle they wait for the one process that is busy: the load, or a ` +
      'single worker. Memory is of workers that nobody is connected to.',
    tables: [
      {
        caption: 'A connect: how long it took',
        unit: 'µs',
        per: 'connect',
        subject,
        rows: connects.pace.list,
      },
      {
        caption: 'A connect: whose time it was',
        unit: 'µs',
        per: 'connect',
        subject,
        rows: connects.cost.list,
      },
      {
        caption: 'A delivery: how long it took',
        unit: 'µs',
        per: 'delivery',
        subject,
        rows: deliveries.pace.list,
      },
      {
        caption: 'A delivery: whose time it was',
        unit: 'µs',
        per: 'delivery',
        subject,
        rows: deliveries.cost.list,
      },
      { caption: 'Memory', unit: 'bytes', per: 'process', subject, rows: memory.list },
    ],
  }
}

/** `work` answers how many operations it was. */
function measuring(
  { workers, parent, pids }: WorkersStarted,
  load: Child,
  label: string,
): (into: Figures, work: () => Promise<number>) => Promise<void> {
  const groups: Readonly<Record<string, readonly number[]>> = {
    workers: [...new Set([...workers, parent])],
    NATS: [pids.nats],
    Redis: [pids.redis],
    'the load': [load.pid],
  }
  const spent = (): number[] =>
    Object.values(groups).map((all) => all.reduce((sum, pid) => sum + cpuMicros(pid), 0))
  return async (into, work) => {
    const before = spent()
    const beganMs = performance.now()
    const count = await work()
    const tookMicros = (performance.now() - beganMs) * 1000
    const after = spent()
    into.pace.add(label, tookMicros / count)
    let busyMicros = 0
    for (const [index, name] of Object.keys(groups).entries()) {
      const micros = (after[index] as number) - (before[index] as number)
      busyMicros += micros
      into.cost.add(`${label}: ${name}`, micros / count)
    }
    // Where the machine has other work, its is in here too.
    into.cost.add(`${label}: cores that were not ours`, (tookMicros * cpus().length - busyMicros) / count)
  }
}

export async function withWorkers(
  workers: number,
  use: (started: WorkersStarted, load: Child) => Promise<void>,
): Promise<void> {
  const server = new Child({ program: compiled('loops/workers-server') })
  const load = new Child({ program: compiled('load/main') })
  try {
    const file = compiled(`workers-${workers}`).replace(/\.mjs$/, '.json')
    const started = await server.step<WorkersStarted>('start', {
      ...{ workers, command: COMMAND, file },
    } satisfies WorkersStart)
    await load.step('target', { peer: 'sluice-cluster', ports: started })
    await use(started, load)
  } finally {
    await Promise.all([load.close(), server.close()])
  }
}

export const workers: Bench = {
  name: 'workers',
  title: 'Several workers',
  peers: ['sluice'],
  aside: true,
  programs: ['loops/workers-server'],
  run,
}
