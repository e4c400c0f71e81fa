/** What a publish over HTTP costs the server where nobody listens, and where one does; and how fast a load generator of the trade gets its answers. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { PublishReport } from './load/publishing.ts'
import type { RequestReport } from './load/requests.ts'
import { ROOM } from './peers/terms.ts'

const CONNECTIONS = 32
/** Whole pieces. */
const REQUESTS = 60_000
const REQUESTS_QUICK = 15_000
const WARM_UP_REQUESTS = 10_000
/**
 * Nchan numbers what a channel gets within a second of the clock by 16 bits with a sign: from the 32,769th on nothing reaches anybody until the
 * next second begins. So there no two pieces begin in the same second, and two of them are fewer.
 */
const PIECE = 15_000
const SECOND_MS = 1000
const TO_ONE = { door: 'http', audience: 'everyone', inFlight: CONNECTIONS }

async function run(options: RunOptions): Promise<Outcome> {
  const cost = new Rows()
  const pace = new Rows()
  const toOne = new Rows()
  await inRounds(options, 'publish', async (peer, session) => {
    await session.load.step('request', { connections: CONNECTIONS, requests: WARM_UP_REQUESTS })
    const requests = options.quick ? REQUESTS_QUICK : REQUESTS
    const { value, cpuMicros } = await session.measure<RequestReport>('request', {
      connections: CONNECTIONS,
      requests,
    })
    cost.add(PEER_LABELS[peer], cpuMicros / requests)
    pace.add(PEER_LABELS[peer], (value.elapsedMs * 1000) / requests)
    await session.load.step('connect', { count: 1, inFlight: 1, channel: ROOM })
    const piece = async (messages: number): Promise<number> => {
      if (peer === 'nchan') await new Promise((resolve) => setTimeout(resolve, SECOND_MS))
      return (await session.measure<PublishReport>('publish', { ...TO_ONE, messages })).cpuMicros
    }
    await piece(WARM_UP_REQUESTS)
    let heardMicros = 0
    for (let sent = 0; sent < requests; sent += PIECE) heardMicros += await piece(PIECE)
    toOne.add(PEER_LABELS[peer], heardMicros / requests)
  })
  return {
    arrangement:
      `autocannon posts to one channel, to which nobody is subscribed, over ${CONNECTIONS} keep-alive connections, each of which waits for its answer; a ` +
      'payload has 128 bytes. Every answer must be a success, or the run fails. Beside the cost, how long autocannon took for each: where it is at ' +
      "work the whole time, that is autocannon's own pace. Then one WebSocket is subscribed, and a publish follows when it has an earlier one, " +
      `${CONNECTIONS} in flight, sent by a client that takes less of the other core, in pieces of ${PIECE}. With Nchan each piece begins a second after the one before: of more than ` +
      '32,768 messages to one channel within a second the others reach nobody there.',
    tables: [
      { caption: 'What it costs the server', unit: 'µs', per: 'request', rows: cost.list },
      { caption: 'With one subscriber', unit: 'µs', per: 'message', rows: toOne.list },
      {
        caption: 'How long a request took, at full speed',
        unit: 'µs',
        per: 'request',
        aside: true,
        rows: pace.list,
      },
    ],
  }
}

export const publish: Bench = {
  name: 'publish',
  title: 'Publishing over HTTP, without subscribers',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan'],
  programs: [],
  run,
}
