/** What a delivery costs where messages are not short texts: much JSON to read, or 16 kB. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PayloadKind } from './load/payload.ts'
import type { PublishReport } from './load/publishing.ts'
import { ROOM } from './peers/terms.ts'

const SUBSCRIBERS = 100
const OPENING_AT_ONCE = 100
const IN_FLIGHT = 16

interface Form {
  readonly caption: string
  readonly kind: PayloadKind
  readonly messages: number
}

const FORMS: readonly Form[] = [
  { caption: 'JSON of 4 kB', kind: 'json', messages: 4000 },
  { caption: 'A text of 16 kB', kind: 'large', messages: 2000 },
]
const WARM_UP_FRACTION = 0.25
const QUICK_FRACTION = 0.25

async function run(options: RunOptions): Promise<Outcome> {
  const figures = FORMS.map((form) => ({ form, rows: new Rows() }))
  await inRounds(options, 'payloads', async (peer, session) => {
    await session.load.step('connect', { count: SUBSCRIBERS, inFlight: OPENING_AT_ONCE, channel: ROOM })
    for (const { form, rows } of figures) {
      const messages = Math.round(form.messages * (options.quick ? QUICK_FRACTION : 1))
      const publish = { door: 'http', audience: 'everyone', inFlight: IN_FLIGHT, kind: form.kind }
      await session.load.step('publish', { ...publish, messages: Math.round(messages * WARM_UP_FRACTION) })
      const { value, cpuMicros } = await session.measure<PublishReport>('publish', { ...publish, messages })
      rows.add(PEER_LABELS[peer], cpuMicros / value.deliveries)
    }
  })
  return {
    arrangement:
      `${SUBSCRIBERS} WebSocket clients are subscribed to one channel, which is published to over HTTP, ${IN_FLIGHT} messages in flight: an array of 40 small ` +
      'objects, or a text of 16,000 bytes. raw uWebSockets.js, ws and Socket.IO parse the payload and write it again.',
    tables: figures.map(({ form, rows }) => ({
      caption: form.caption,
      unit: 'µs',
      per: 'delivery',
      rows: rows.list,
    })),
  }
}

export const payloads: Bench = {
  name: 'payloads',
  title: 'Longer payloads',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan'],
  programs: [],
  run,
}
