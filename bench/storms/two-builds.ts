/**
 * Nodes of an older build come to nodes of this one, and leave by SIGTERM or are killed, while all of them publish many messages in a
 * turn; then a new one comes to old ones and leaves. Counted: whether each client got every message once and in order, and what went
 * over NATS as one packet of several.
 *
 *   npm run storm -- two-builds --old FOLDER [--clients 4] [--publishes 600]
 *
 * `--clients`: at each node; `--publishes`: by each node. Without `--old` all run this build.
 */
import { Batches } from './parts/batches.ts'
import { Cluster, NEW, OLD } from './parts/cluster.ts'
import { pause } from './parts/in-traffic.ts'
import { Reader, type Differences } from './parts/reader.ts'
import { printTable, Promises, type StormOptions } from './parts/report.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { decodeSealed } from '../../src/protocol/sealed-packet.ts'
import { decodeSeveral } from '../../src/protocol/several-packet.ts'
import type { GatewayProcess } from '../../test/support/gateway-process.ts'

const CHANNELS = Array.from({ length: 4 }, (_, index) => `room:${index}`)
const ROUNDS = 4
/** Longer than the others take to read the table of nodes anew, and less than they take for one that is dead. */
const STAGE_MS = 5000
const SETTLE_MS = 60_000

/** What went over NATS for channels. */
interface OnWire {
  several: number
  inSeveral: number
  alone: number
}

class Stage {
  readonly readers: Reader[] = []
  readonly batches: Batches
  readonly #clients: number
  readonly #always: GatewayProcess
  #users = 0

  constructor(always: GatewayProcess, clients: number, perSecond: number) {
    this.#always = always
    this.#clients = clients
    const users = Array.from({ length: clients * 16 }, (_, index) => `user-${index}`)
    this.batches = new Batches({ channels: CHANNELS, users, perSecond })
  }

  /** Starts a node, and as soon as it serves it has clients and is published at. */
  async enter(node: GatewayProcess): Promise<{ stop(): Promise<void> }> {
    await node.start()
    const publishing = this.batches.at(node, this.#always)
    const names = Array.from({ length: this.#clients }, () => `user-${this.#users++}`)
    this.readers.push(...(await Promise.all(names.map((name) => Reader.join(node, name, CHANNELS)))))
    return publishing
  }
}

export async function twoBuilds({ clients = 4, publishes = 600, old }: StormOptions): Promise<boolean> {
  const drain = { deregisterDelay: '500ms' } as const
  const nodes = [NEW, NEW, OLD, OLD].map((version) => ({ node: { version }, drain }))
  const cluster = await Cluster.prepare({ nodes, plan: '1s', balanced: false, old })
  const wire = new NatsLink({ urls: [cluster.nats.url], name: 'wire' })
  try {
    const seen = await watchWire(wire)
    const [first, second, third, fourth] = cluster.nodes as [
      GatewayProcess,
      GatewayProcess,
      GatewayProcess,
      GatewayProcess,
    ]
    const stage = new Stage(first, clients, publishes)
    const publishing = [await stage.enter(first), await stage.enter(second)]
    await pause(STAGE_MS)
    const rows: [string, string][] = [['nodes of this build alone', wireText(seen)]]
    await comeAndGo(stage, third)
    rows.push(['an old one comes and goes', wireText(seen)])
    publishing.push(await stage.enter(third), await stage.enter(fourth))
    await pause(STAGE_MS)
    wireText(seen)
    await pause(STAGE_MS)
    rows.push(['old ones are there', wireText(seen)])
    await second.stop()
    await comeAndGo(stage, second)
    rows.push(['a new one comes and goes', wireText(seen)])
    await Promise.all(publishing.map((one) => one.stop()))
    return await verdict(stage, rows)
  } finally {
    await wire.close()
    await cluster.close()
  }
}

/** By SIGTERM, or killed, by turns. */
async function comeAndGo(stage: Stage, node: GatewayProcess): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const publishing = await stage.enter(node)
    await pause(STAGE_MS)
    await (round % 2 === 0 ? node.stop() : node.kill())
    await publishing.stop()
    await pause(STAGE_MS)
  }
}

async function verdict({ readers, batches }: Stage, rows: [string, string][]): Promise<boolean> {
  const untilMs = performance.now() + SETTLE_MS
  while (!readers.every((one) => one.upTo(batches.accepted)) && performance.now() < untilMs) await pause(100)
  const found: Differences = { expected: 0, lost: 0, twice: 0, disordered: 0, wrong: 0, resets: 0 }
  for (const reader of readers) reader.compare(batches.accepted, found)
  printTable([
    ['readers, of them to the end', `${readers.length}, ${readers.filter(({ open }) => open).length}`],
    ['published, requests repeated', `${batches.count}, ${batches.repeated}`],
    ...Object.entries(found).map(([name, count]) => [name, String(count)] as [string, string]),
    ...rows,
  ])
  for (const reader of readers) reader.close()
  const promises = new Promises()
  promises.keep('something was published', found.expected > 0, 'nothing')
  promises.none('message is lost', found.lost)
  promises.none('message comes twice', found.twice)
  promises.none('message comes out of order', found.disordered)
  promises.none('message is another one', found.wrong)
  promises.none('client is reset', found.resets)
  return promises.verdict()
}

async function watchWire(link: NatsLink): Promise<OnWire> {
  const seen: OnWire = { several: 0, inSeveral: 0, alone: 0 }
  link.start()
  link.subscribe('sluice.ch.>', {}, (_subject, bytes) => {
    const messages = decodeSeveral(decodeSealed(bytes)?.packet ?? Buffer.alloc(0))
    if (messages === undefined) return void seen.alone++
    seen.several++
    seen.inSeveral += messages.length
  })
  await link.flush()
  return seen
}

/** Since it was asked last. */
function wireText(seen: OnWire): string {
  const { several, inSeveral, alone } = seen
  Object.assign(seen, { several: 0, inSeveral: 0, alone: 0 })
  return `${inSeveral} messages in ${several} packets of several, ${alone} by themselves`
}
