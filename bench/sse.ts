/** What a message to many SSE streams of one channel costs the server, for each of them. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PublishReport } from './load/publishing.ts'
import { ROOM, type PeerName } from './peers/terms.ts'

const STREAMS = 5000
const STREAMS_QUICK = 1000
const OPENING_AT_ONCE = 100
const DELIVERIES = 1_000_000
const DELIVERIES_QUICK = 200_000
const WARM_UP_FRACTION = 0.2

interface Form {
  readonly inFlight: number
  readonly caption: string
  readonly sameBytes: boolean
}

const FORMS: readonly Form[] = [1, 16].flatMap((inFlight) => {
  const caption = inFlight === 1 ? 'One message at a time' : `${inFlight} messages in flight`
  return [
    { inFlight, caption, sameBytes: false },
    { inFlight, caption: `${caption}, as many bytes to each stream`, sameBytes: true },
  ]
})
/** What the tables with as many bytes compare; the longer payload is the floor's. */
const FLOOR: PeerName = 'raw-uws'
const SAME_BYTES_PEERS: readonly PeerName[] = [FLOOR, 'sluice']

async function run(options: RunOptions): Promise<Outcome> {
  const streams = options.quick ? STREAMS_QUICK : STREAMS
  const messages = (options.quick ? DELIVERIES_QUICK : DELIVERIES) / streams
  const figures = FORMS.map((form) => ({ form, rows: new Rows() }))
  await inRounds(options, 'sse', async (peer, session) => {
    await session.load.step('openStreams', { count: streams, inFlight: OPENING_AT_ONCE, channel: ROOM })
    for (const { form, rows } of figures) {
      if (form.sameBytes && !SAME_BYTES_PEERS.includes(peer)) continue
      const kind = form.sameBytes && peer === FLOOR ? 'sameStream' : 'text'
      const publish = { door: 'http', audience: 'everyone', inFlight: form.inFlight, kind }
      await session.load.step('publish', { ...publish, messages: messages * WARM_UP_FRACTION })
      const { value, cpuMicros } = await session.measure<PublishReport>('publish', { ...publish, messages })
      rows.add(peer === 'ws' ? 'node:http' : PEER_LABELS[peer], cpuMicros / value.deliveries)
    }
  })
  return {
    arrangement:
      `${streams} event streams of one channel, a payload has 128 bytes. Messages come in over HTTP. The floor is a loop over the ` +
      'responses of uWebSockets.js with one corked write for each; each event of Sluice also carries the cursor from which the stream can be resumed. ' +
      'In two tables raw uWebSockets.js is sent a payload that makes its events as long. Each stream must get each message exactly once.',
    tables: figures.map(({ form, rows }) => ({
      caption: form.caption,
      unit: 'µs',
      per: 'delivery',
      rows: rows.list,
    })),
  }
}

export const sse: Bench = {
  name: 'sse',
  title: 'Broadcast to event streams',
  peers: ['raw-uws', 'sluice', 'ws', 'nchan'],
  programs: [],
  run,
}
