/** What a message to one user of five thousand costs the server, from the publish over HTTP to the user's WebSocket. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PublishReport } from './load/publishing.ts'

const USERS = 5000
const OPENING_AT_ONCE = 100
const MESSAGES = 40_000
const MESSAGES_QUICK = 15_000
const WARM_UP_MESSAGES = 10_000
const IN_FLIGHT = 32

async function run(options: RunOptions): Promise<Outcome> {
  const rows = new Rows()
  await inRounds(options, 'unicast', async (peer, session) => {
    await session.load.step('connect', { count: USERS, inFlight: OPENING_AT_ONCE })
    const publish = { door: 'http', audience: 'one', inFlight: IN_FLIGHT }
    await session.load.step('publish', { ...publish, messages: WARM_UP_MESSAGES })
    const messages = options.quick ? MESSAGES_QUICK : MESSAGES
    const { value, cpuMicros } = await session.measure<PublishReport>('publish', { ...publish, messages })
    rows.add(PEER_LABELS[peer], cpuMicros / value.deliveries)
  })
  return {
    arrangement:
      `${USERS} users hold one WebSocket each. Each message is an HTTP request that names one user, on ${IN_FLIGHT} keep-alive ` +
      'connections, a payload has 128 bytes; the cost is that of the request, the look-up, the delivery and the answer. ' +
      'Each message must reach its user, and only him, exactly once.',
    tables: [{ caption: 'Published over HTTP', unit: 'µs', per: 'message', rows: rows.list }],
  }
}

export const unicast: Bench = {
  name: 'unicast',
  title: 'A message to one user',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan'],
  programs: [],
  run,
}
