/** The head of docs/benchmarks.md: a line for each table that compares with raw uWebSockets.js, its ratios and nothing else. Pure. */
import { PEER_LABELS, type Table } from './bench.ts'
import { ratioOf } from './print.ts'
import type { Result } from './results.ts'
import type { PeerName } from '../peers/terms.ts'

const COLUMNS: readonly PeerName[] = ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan']

/** By `title/caption`: shorter words than those of the page, which speaks of one thing at a time. What is not here has the page's. */
const WORDS: Readonly<Record<string, string>> = {
  'Broadcast to WebSockets/Published over a WebSocket, 16 in flight': 'to 1000 WebSockets, 16 in flight',
  'Broadcast to WebSockets/Published over a WebSocket, 16 in flight, as many bytes to each subscriber':
    'the same, as many bytes to each',
  'Broadcast to WebSockets/Published over a WebSocket, one at a time': 'to 1000 WebSockets, one at a time',
  'Broadcast to WebSockets/Published over HTTP, 16 in flight': 'published over HTTP, 16 in flight',
  'Broadcast to WebSockets/Published over HTTP, one at a time': 'published over HTTP, one at a time',
  'Publishing over HTTP, without subscribers/What it costs the server': 'nobody listens',
  'Publishing over HTTP, without subscribers/With one subscriber': 'with one subscriber',
  'Idle connections/Over the base, for each connection': 'for each connection',
  'Idle connections/The base: the process before them': 'the process before them',
}

/** Shown though no run is held to them. */
const ASIDE: readonly string[] = [
  'Ten thousand subscribers/Late by, 10 messages a second, p99',
  'Ten thousand subscribers/Late by, 100 messages at once, p99',
  'Latency under load/Saturation: the time from one message to the next',
  'Latency under load/10000 messages at once, p99',
  'Latency under load/At 1000 messages a second, p50',
  'Latency under load/At 1000 messages a second, p99',
  'Latency under load/At 50 % of the saturation of raw uWebSockets.js, p99',
]

/** Empty where there is nothing to show. */
export function glanceSection(results: readonly Result[]): string {
  const lines = results.flatMap((result) =>
    result.outcome.tables.filter((table) => isShown(result, table)).map((table) => lineOf(result, table)),
  )
  if (lines.length === 0) return ''
  const head = ['work', 'what', ...COLUMNS.map((peer) => PEER_LABELS[peer])]
  const rule = head.map((_, column) => (column < 2 ? '---' : '---:'))
  const rows = [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  return `## Results at a glance

CPU time of the server, its memory, or how late a message is, each as a multiple of what raw uWebSockets.js has for the same in the same
rounds: less is better. A dash was not measured. Behind each link are the figures themselves, and what was done; what
NATS and Redis add to a node is shown [beside a node alone](#${anchorOf('Through NATS and Redis')}).

${rows.join('\n')}
`
}

function isShown({ title }: Result, { caption, rows, aside }: Table): boolean {
  const known =
    rows[0]?.label === PEER_LABELS['raw-uws'] && rows.some(({ label }) => label === PEER_LABELS.sluice)
  return known && (aside !== true || ASIDE.includes(`${title}/${caption}`))
}

function lineOf({ title }: Result, { caption, unit, per, aside, rows }: Table): string[] {
  const time = aside !== true ? 'CPU' : per === 'delivery' ? 'lateness' : 'pace'
  const what = unit === 'bytes' ? 'memory' : time
  const ratios = COLUMNS.map((peer) => {
    const row = rows.find(({ label }) => label === PEER_LABELS[peer])
    return row === undefined ? '–' : `${ratioOf(row, rows).toFixed(2)} ×`
  })
  const words = WORDS[`${title}/${caption}`] ?? inSentence(caption)
  return [`[${title}](#${anchorOf(title)}): ${words}`, what, ...ratios]
}

/** `JSON` and `CPU` stay as they are. */
function inSentence(caption: string): string {
  return /^\p{Lu}\p{Lu}/u.test(caption) ? caption : `${caption.slice(0, 1).toLowerCase()}${caption.slice(1)}`
}

/** As GitHub and the site name a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number} -]/gu, '')
    .replaceAll(' ', '-')
}
