/** What a message from NATS costs a node that has subscribers and has not published it. */
import { Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { Child } from './lib/child.ts'
import { compiled } from './lib/compile.ts'
import { LOAD_CORE } from './lib/cores.ts'
import { inRounds } from './lib/session.ts'
import type { PublishReport } from './load/publishing.ts'
import { ROOM, type Ports } from './peers/terms.ts'

/** One after the other, of the same node: it is warm when the first of them is measured. */
const AUDIENCES = [1, 10, 100, 1000]
const OPENING_AT_ONCE = 100
const IN_FLIGHT = 32
const MESSAGES = 20_000
const MESSAGES_QUICK = 5000
/** To many subscribers fewer go. */
const DELIVERIES_MAX = 2_000_000
const WARM_UP_FRACTION = 0.5

async function run(options: RunOptions): Promise<Outcome> {
  const most = options.quick ? MESSAGES_QUICK : MESSAGES
  const rows = new Rows()
  await inRounds(options, 'hear', async (peer, session) => {
    const { load, ports } = session
    // The other node, on the load's core: what it costs to publish is not asked here.
    const talks = new Child({ program: compiled('peers/sluice'), core: LOAD_CORE, quiet: true })
    try {
      const { apiPort } = await talks.step<Ports>('start', ports.settings)
      await load.step('target', { peer, ports: { ...ports, apiPort } })
      const publish = { door: 'http', audience: 'everyone', inFlight: IN_FLIGHT }
      let there = 0
      for (const subscribers of AUDIENCES) {
        await load.step('connect', { count: subscribers - there, inFlight: OPENING_AT_ONCE, channel: ROOM })
        const messages = Math.min(most, DELIVERIES_MAX / subscribers)
        await load.step('publish', { ...publish, messages: there === 0 ? most : messages * WARM_UP_FRACTION })
        there = subscribers
        const { cpuMicros } = await session.measure<PublishReport>('publish', { ...publish, messages })
        rows.add(`${subscribers} subscribers`, cpuMicros / messages)
      }
    } finally {
      await talks.close()
    }
  })
  return {
    arrangement:
      'Two nodes over a nats-server and a redis-server. One takes publishes over HTTP, on the core of the load; the other has the subscribers, all of one channel, and a core to itself. ' +
      `Shown is what the other one spends on a message that it hears over NATS, its deliveries included, with ${IN_FLIGHT} in flight and a payload of 128 bytes. With one subscriber nearly all of it is the message: ` +
      'to wake for it, to read it, to see that it comes from a node, is in its place and that none is missing before it, and to make its frame. Where more come at once each costs less. ' +
      'A node without subscribers of a channel hears nothing of it.',
    tables: [
      {
        ...{ caption: 'What it costs the node that hears it', unit: 'µs', per: 'message' },
        subject: 'size',
        rows: rows.list,
      },
    ],
  }
}

export const hear: Bench = {
  name: 'hear',
  title: 'A message from another node',
  peers: ['sluice-cluster'],
  aside: true,
  programs: ['peers/sluice'],
  run,
}
