/** What a message to a thousand WebSockets of one channel costs the server, for each of them. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PayloadKind } from './load/payload.ts'
import type { PublishOptions, PublishReport } from './load/publishing.ts'
import { ROOM, type PeerName } from './peers/terms.ts'

const SUBSCRIBERS = 1000
const OPENING_AT_ONCE = 100

interface Form {
  readonly door: PublishOptions['door']
  readonly inFlight: number
  readonly caption: string
  /** A run of some seconds. */
  readonly messages: number
  readonly peers: readonly PeerName[]
  /** What a server is sent in place of a short text. */
  readonly kinds?: Readonly<Partial<Record<PeerName, PayloadKind>>>
}

const OVER_WEBSOCKETS: readonly PeerName[] = ['raw-uws', 'sluice', 'ws', 'socketio']
const WITH_API: readonly PeerName[] = ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan']
const FORMS: readonly Form[] = [
  {
    door: 'websocket',
    inFlight: 16,
    caption: 'Published over a WebSocket, 16 in flight',
    messages: 4800,
    peers: OVER_WEBSOCKETS,
  },
  {
    door: 'websocket',
    inFlight: 16,
    caption: 'Published over a WebSocket, 16 in flight, as many bytes to each subscriber',
    messages: 4800,
    peers: ['raw-uws', 'sluice'],
    kinds: { 'raw-uws': 'sameBytes' },
  },
  {
    door: 'websocket',
    inFlight: 1,
    caption: 'Published over a WebSocket, one at a time',
    messages: 800,
    peers: OVER_WEBSOCKETS,
  },
  {
    door: 'http',
    inFlight: 16,
    caption: 'Published over HTTP, 16 in flight',
    messages: 2400,
    peers: WITH_API,
  },
  {
    door: 'http',
    inFlight: 1,
    caption: 'Published over HTTP, one at a time',
    messages: 800,
    peers: WITH_API,
  },
]

/** ws and Socket.IO take ten times as long under load; they get by with fewer messages. */
const FRACTION: Readonly<Partial<Record<PeerName, number>>> = { ws: 0.25, socketio: 0.25 }
const WARM_UP_FRACTION = 0.25
const QUICK_FRACTION = 0.25

async function run(options: RunOptions): Promise<Outcome> {
  const figures = FORMS.map((form) => ({ form, rows: new Rows() }))
  await inRounds(options, 'broadcast', async (peer, session) => {
    await session.load.step('connect', { count: SUBSCRIBERS, inFlight: OPENING_AT_ONCE, channel: ROOM })
    for (const { form, rows } of figures) {
      if (!form.peers.includes(peer)) continue
      const messages = Math.round(
        form.messages * (FRACTION[peer] ?? 1) * (options.quick ? QUICK_FRACTION : 1),
      )
      const kind = form.kinds?.[peer]
      const publish = { door: form.door, audience: 'everyone', inFlight: form.inFlight, kind }
      await session.load.step('publish', { ...publish, messages: Math.round(messages * WARM_UP_FRACTION) })
      const { value, cpuMicros } = await session.measure<PublishReport>('publish', { ...publish, messages })
      rows.add(PEER_LABELS[peer], cpuMicros / value.deliveries)
    }
  })
  return {
    arrangement:
      `${SUBSCRIBERS} WebSocket clients are subscribed to one channel, a payload has 128 bytes. Messages come in as \`publish\` frames of ` +
      'one more WebSocket, or over HTTP on keep-alive connections; the next one follows when every subscriber has an ' +
      'earlier one. Each subscriber must get each message exactly once, or the run fails. In one table raw uWebSockets.js is sent a payload that is as long ' +
      'as what subscribers of Sluice get, with channel, offset and time.',
    tables: figures.map(({ form, rows }) => ({
      caption: form.caption,
      unit: 'µs',
      per: 'delivery',
      rows: rows.list,
    })),
  }
}

export const broadcast: Bench = {
  name: 'broadcast',
  title: 'Broadcast to WebSockets',
  peers: WITH_API,
  programs: [],
  run,
}
