/** What it costs the server to let a client in: the upgrade, the token, the session, the inbox and the welcome. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'

const CONNECTIONS = 5000
const CONNECTIONS_QUICK = 2000
const OPENING_AT_ONCE = 100
/** The first wave finds code that is not compiled yet; those after it do not. */
const WARM_WAVES = 3

async function run(options: RunOptions): Promise<Outcome> {
  const connections = options.quick ? CONNECTIONS_QUICK : CONNECTIONS
  const cold = new Rows()
  const warm = new Rows()
  const leaving = new Rows()
  await inRounds(options, 'connect-storm', async (peer, session) => {
    const label = PEER_LABELS[peer]
    await session.load.step('prepare', connections)
    const wave = async (): Promise<{ readonly arriving: number; readonly departing: number }> => {
      const arrived = await session.measure('connect', { count: connections, inFlight: OPENING_AT_ONCE })
      const departed = await session.measure('disconnect')
      return {
        arriving: arrived.cpuMicros / connections,
        departing: departed.cpuMicros / connections,
      }
    }
    cold.add(label, (await wave()).arriving)
    const waves = []
    for (let i = 0; i < WARM_WAVES; i++) waves.push(await wave())
    warm.add(label, mean(waves.map(({ arriving }) => arriving)))
    leaving.add(label, mean(waves.map(({ departing }) => departing)))
  })
  return {
    arrangement:
      `${connections} WebSocket clients connect, ${OPENING_AT_ONCE} at a time, and leave together. A connect is the upgrade, the first frame ` +
      'and the answer to it. Sluice checks an HS256 token, claims the user in the registry, opens the inbox and makes a session; ' +
      'the others believe the name that they are told.',
    tables: [
      { caption: 'Connects of a warm server', unit: 'µs', per: 'connect', rows: warm.list },
      { caption: 'The first connects of a process', unit: 'µs', per: 'connect', rows: cold.list },
      { caption: 'Departures', unit: 'µs', per: 'departure', rows: leaving.list },
    ],
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export const connectStorm: Bench = {
  name: 'connect-storm',
  title: 'Connects',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan'],
  programs: [],
  run,
}
