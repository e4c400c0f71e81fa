/** What a connected client costs that neither sends nor receives: memory over that of the server without it. */
import { PEER_LABELS, Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { inRounds } from './lib/session.ts'
import { ROOM } from './peers/terms.ts'

const CONNECTIONS = 10_000
const CONNECTIONS_QUICK = 3000
const OPENING_AT_ONCE = 100
/** Few enough to leave no room for the others, and often enough that code is compiled: what a compiler leaves behind is no connection's. */
const WARM_UP_CONNECTIONS = 500
const WARM_UP_ROUNDS = 8

async function run(options: RunOptions): Promise<Outcome> {
  const connections = options.quick ? CONNECTIONS_QUICK : CONNECTIONS
  const rows = new Rows()
  const bases = new Rows()
  await inRounds(options, 'idle-memory', async (peer, session) => {
    await session.load.step('prepare', connections)
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      await session.load.step('connect', {
        count: WARM_UP_CONNECTIONS,
        inFlight: OPENING_AT_ONCE,
        channel: ROOM,
      })
      await session.load.step('disconnect')
    }
    const base = await session.settledBytes()
    bases.add(PEER_LABELS[peer], session.residentBytes)
    await session.load.step('connect', { count: connections, inFlight: OPENING_AT_ONCE, channel: ROOM })
    const full = await session.settledBytes()
    rows.add(PEER_LABELS[peer], (full - base) / connections)
  })
  return {
    arrangement:
      `${connections} WebSocket clients connect, say who they are, subscribe to one channel, and are silent. Its own memory (Pss_Anon; pages of the program are shared) is taken before and after, each time ` +
      'when the garbage is collected as V8 does it in an idle process and the figure no longer moves; without V8’s room for young objects, which grows ' +
      'and shrinks with what was made lately and not with connections. A client of Sluice has a checked token, a session that can be ' +
      'resumed, its inbox, and that channel; the others have an entry in a table of users, and the channel. The base is all resident memory (VmRSS), that of the program and its ' +
      `libraries included, once ${WARM_UP_CONNECTIONS} first connections have come and gone, ${WARM_UP_ROUNDS} times.`,
    tables: [
      { caption: 'Over the base, for each connection', unit: 'bytes', per: 'connection', rows: rows.list },
      {
        caption: 'The base: the process before them',
        unit: 'bytes',
        per: 'process',
        rows: bases.list,
      },
    ],
  }
}

export const idleMemory: Bench = {
  name: 'idle-memory',
  title: 'Idle connections',
  peers: ['raw-uws', 'sluice', 'ws', 'socketio', 'nchan'],
  programs: [],
  run,
}
