/** Whether a delivery, and a connection, costs the same whatever the size: of the audience, of the channels and the connections that a node has. */
import { Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PublishReport } from './load/publishing.ts'
import { ROOM } from './peers/terms.ts'

const OPENING_AT_ONCE = 100
const DELIVERIES = 1_000_000
const DELIVERIES_QUICK = 300_000
/** To a few subscribers fewer go: what is measured then is the request. */
const MESSAGES_MAX = 40_000
const WARM_UP_FRACTION = 0.2
const IN_FLIGHT = 16

interface Size {
  readonly label: string
  readonly subscribers: number
  readonly channelsBeside: number
}

const AUDIENCES: readonly Size[] = [1000, 1, 10, 100, 3000, 10_000].map((subscribers) => ({
  label: `${subscribers} subscribers`,
  subscribers,
  channelsBeside: 0,
}))
const CHANNELS: readonly Size[] = [0, 1, 10, 100].map((channelsBeside) => ({
  label: `${1 + 1000 * channelsBeside} channels`,
  subscribers: 1000,
  channelsBeside,
}))

const CONNECTIONS = [10_000, 1000, 3000, 15_000]
/** Enough for code to be compiled and tables to be there. */
const WARM_UP_CONNECTIONS = 500

/** What each of them holds, over the node without them. */
async function measureMemory(options: RunOptions): Promise<Rows> {
  const rows = new Rows()
  for (let round = 1; round <= options.rounds; round++) {
    for (const connections of options.quick ? CONNECTIONS.slice(0, 2) : CONNECTIONS) {
      const label = `${connections} connections`
      await inRounds({ ...options, rounds: 1 }, `size, ${label}`, async (_peer, session) => {
        await session.load.step('prepare', connections)
        const connect = { inFlight: OPENING_AT_ONCE, channel: ROOM }
        await session.load.step('connect', { ...connect, count: WARM_UP_CONNECTIONS })
        await session.load.step('disconnect')
        const before = await session.settledBytes()
        await session.load.step('connect', { ...connect, count: connections })
        rows.add(label, ((await session.settledBytes()) - before) / connections)
      })
    }
  }
  return rows
}

async function run(options: RunOptions): Promise<Outcome> {
  const deliveries = options.quick ? DELIVERIES_QUICK : DELIVERIES
  const measure = async (sizes: readonly Size[]): Promise<Rows> => {
    const rows = new Rows()
    for (let round = 1; round <= options.rounds; round++) {
      for (const { label, subscribers, channelsBeside } of sizes) {
        await inRounds({ ...options, rounds: 1 }, `size, ${label}`, async (_peer, session) => {
          await session.load.step('connect', {
            count: subscribers,
            inFlight: OPENING_AT_ONCE,
            channel: ROOM,
            channelsBeside,
          })
          const publish = { door: 'http', audience: 'everyone', inFlight: IN_FLIGHT }
          const messages = Math.min(Math.ceil(deliveries / subscribers), MESSAGES_MAX)
          await session.load.step('publish', { ...publish, messages: Math.ceil(messages * WARM_UP_FRACTION) })
          const { value, cpuMicros } = await session.measure<PublishReport>('publish', {
            ...publish,
            messages,
          })
          rows.add(label, cpuMicros / value.deliveries)
        })
      }
    }
    return rows
  }
  const audiences = await measure(AUDIENCES)
  const channels = await measure(CHANNELS)
  const memory = await measureMemory(options)
  return {
    arrangement:
      `One channel is published to over HTTP, ${IN_FLIGHT} messages in flight, a payload has 128 bytes. Its subscribers are more or fewer; or they ` +
      'are as many, and each of them is on other channels as well, which nobody publishes to. With few subscribers the cost of the request is shared by few. ' +
      'A connection has a session, its inbox and that channel; its memory is over that of the node without any, garbage collected. A process may have 20,000 files here, so its ' +
      'connections end at 15,000: two workers hold more, in the next section.',
    tables: [
      { caption: 'By subscribers', unit: 'µs', per: 'delivery', subject: 'size', rows: audiences.list },
      {
        caption: 'By channels of the node',
        unit: 'µs',
        per: 'delivery',
        subject: 'size',
        rows: channels.list,
      },
      { caption: 'By connections', unit: 'bytes', per: 'connection', subject: 'size', rows: memory.list },
    ],
  }
}

export const size: Bench = {
  name: 'size',
  title: 'Cost against size',
  peers: ['sluice'],
  aside: true,
  programs: [],
  run,
}
