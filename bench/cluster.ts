/** What NATS and Redis between the publisher and the subscribers add to the cost of a node, and what they cost themselves. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions, type Table } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PublishOptions, PublishReport } from './load/publishing.ts'
import { ROOM } from './peers/terms.ts'

const OPENING_AT_ONCE = 100
const WARM_UP_FRACTION = 0.25
/**
 * Where each message is a thousand deliveries, a run of seconds is of hundreds of them: not enough for the code of a message to be compiled, which
 * would then be most of what is measured. So users are sent messages of their own first.
 */
const WARM_UP_MESSAGES = 10_000
const LOGGED_WARM_UP = 240_000
const QUICK_FRACTION = 0.25

interface Form {
  /** Absent: only what it costs is shown, not how long it took. */
  readonly paceCaption?: string
  readonly caption: string
  readonly subscribers: number
  readonly messages: number
  /** How many are sent before those that are measured. Default: a quarter of them. */
  readonly warmUp?: number
  readonly per: 'delivery' | 'message'
  readonly publish: Omit<PublishOptions, 'messages'>
}

const FORMS: readonly Form[] = [
  {
    caption: 'Broadcast to 1000 subscribers, 16 in flight',
    subscribers: 1000,
    messages: 2400,
    per: 'delivery',
    publish: { door: 'http', audience: 'everyone', inFlight: 16 },
  },
  {
    caption: 'Broadcast to 1000 subscribers, one at a time',
    subscribers: 1000,
    messages: 800,
    per: 'delivery',
    publish: { door: 'http', audience: 'everyone', inFlight: 1 },
  },
  {
    caption: 'Broadcast to 10 subscribers, 32 in flight',
    subscribers: 10,
    messages: 20_000,
    per: 'message',
    publish: { door: 'http', audience: 'everyone', inFlight: 32 },
  },
  {
    caption: 'To one user of 1000, 32 in flight',
    subscribers: 1000,
    messages: 20_000,
    per: 'message',
    publish: { door: 'http', audience: 'one', inFlight: 32 },
  },
  {
    // Of 1,000,000 µs a second: how many messages one core puts into the log and sends.
    caption: 'Logged messages, 256 in flight over one WebSocket',
    paceCaption: 'The same, how long a message took',
    subscribers: 1,
    messages: 60_000,
    // Over NATS and Redis a message is of much more code, all of which is compiled only after so many.
    warmUp: LOGGED_WARM_UP,
    per: 'message',
    publish: { door: 'websocket', audience: 'everyone', inFlight: 256 },
  },
]

async function run(options: RunOptions): Promise<Outcome> {
  const figures = FORMS.map((form) => ({ form, rows: new Rows(), pace: new Rows() }))
  for (const { form, rows, pace } of figures) {
    await inRounds(options, 'cluster', async (peer, session) => {
      const everybody = form.publish.audience === 'everyone'
      await session.load.step('connect', {
        count: form.subscribers,
        inFlight: OPENING_AT_ONCE,
        ...(everybody ? { channel: ROOM } : {}),
      })
      const fraction = options.quick ? QUICK_FRACTION : 1
      const messages = form.messages * fraction
      const warmUp = (form.warmUp ?? form.messages * WARM_UP_FRACTION) * fraction
      if (form.per === 'delivery') {
        await session.load.step('publish', { ...form.publish, audience: 'one', messages: WARM_UP_MESSAGES })
      }
      await session.load.step('publish', { ...form.publish, messages: warmUp })
      const { value, cpuMicros, besideMicros } = await session.measure<PublishReport>('publish', {
        ...form.publish,
        messages,
      })
      const count = form.per === 'delivery' ? value.deliveries : messages
      rows.add(PEER_LABELS[peer], cpuMicros / count)
      pace.add(PEER_LABELS[peer], (value.elapsedMs * 1000) / messages)
      for (const [name, micros] of Object.entries(besideMicros))
        rows.add(`  ${name} beside it`, micros / count)
    })
  }
  return {
    arrangement:
      'One node, with everything in its own memory, and with a nats-server and a redis-server on the same machine: then each message is ' +
      'appended to a Redis stream, goes to NATS and comes back from it, as it does to any other node. What the two servers spend is shown beside it. ' +
      `Before a broadcast to 1000 is measured, users are sent ${WARM_UP_MESSAGES} messages of their own: else the compiling of code would be most of it. ` +
      `So before logged messages are measured ${LOGGED_WARM_UP} are sent: over NATS and Redis the first 60,000 of a process cost some 10 µs more each. ` +
      'A million divided by the microseconds of a message is how many a core takes in a second; a publisher that waits for none of them ' +
      'shows how many went through, with the load, NATS and Redis together on the other core.',
    tables: figures.flatMap(({ form, rows, pace }): Table[] => {
      const cost: Table = { caption: form.caption, unit: 'µs', per: form.per, rows: rows.list }
      if (form.paceCaption === undefined) return [cost]
      return [cost, { caption: form.paceCaption, unit: 'µs', per: 'message', aside: true, rows: pace.list }]
    }),
  }
}

export const cluster: Bench = {
  name: 'cluster',
  title: 'Through NATS and Redis',
  peers: ['sluice', 'sluice-cluster'],
  programs: [],
  run,
}
