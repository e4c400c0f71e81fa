/** What a publish over HTTP costs the server where nobody listens, and how fast a load generator of the trade gets its answers. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import type { RequestReport } from './load/requests.ts'

const CONNECTIONS = 32
const REQUESTS = 60_000
const REQUESTS_QUICK = 15_000
const WARM_UP_REQUESTS = 10_000

async function run(options: RunOptions): Promise<Outcome> {
  const cost = new Rows()
  const pace = new Rows()
  await inRounds(options, 'publish', async (peer, session) => {
    await session.load.step('request', { connections: CONNECTIONS, requests: WARM_UP_REQUESTS })
    const requests = options.quick ? REQUESTS_QUICK : REQUESTS
    const { value, cpuMicros } = await session.measure<RequestReport>('request', {
      connections: CONNECTIONS,
      requests,
    })
    cost.add(PEER_LABELS[peer], cpuMicros / requests)
    pace.add(PEER_LABELS[peer], (value.elapsedMs * 1000) / requests)
  })
  return {
    arrangement:
      `autocannon posts to one channel, to which nobody is subscribed, over ${CONNECTIONS} keep-alive connections, each of which waits for its answer; a ` +
      'payload has 128 bytes. Every answer must be a success, or the run fails. Beside the cost, how long autocannon took for each: where it is at ' +
      "work the whole time, that is autocannon's own pace.",
    tables: [
      { caption: 'What it costs the server', unit: 'µs', per: 'request', rows: cost.list },
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
