/**
 * The states of a client. Pure: takes events, answers with the next state and what is to be done about it.
 *
 *   (idle) ── connect ──▶ (connecting) ── welcome ──▶ (connected) ── move ──▶ (moving) ── welcome ──▶ (connected)
 *                          ▲   │    ▲                   │     ▲                │  │  │
 *                     wake │   │ fail └──────── lose ───│─────│────────────────│──┘  │ supersede
 *                          │   ▼                        │     └───── fail ─────┘     ▼
 *                        (waiting) ◀─────── lose ───────┘                        (arriving) ── welcome ──▶ (connected)
 *                            ▲                                                       │
 *                            └──────────────────────── fail ─────────────────────────┘
 *   any ── close ──▶ (closed) ── connect ──▶ (connecting)
 *   any but closed ── refuse ──▶ (failed) ── connect ──▶ (connecting)
 *
 * Two links at the most: the *serving* one, which messages come from, and the *attempt*, which is to become it.
 * Kept in every state (test/property/client-machine.property.test.ts, by these numbers):
 *  M1 there is a serving socket in `connected` and `moving`, and in no other state
 *  M2 there is an attempt in `connecting`, `moving` and `arriving`, and in no other state
 *  M3 the client waits for a time to try again in `waiting`, and in no other state
 *  M4 an attempt is made only where there is none, and adopted only where there is one
 *  M5 a failed move is no disconnection: `moving` goes back to `connected`
 *  M6 `close` leads to `closed` from everywhere, and only `connect` leads out of it; `refuse` leads to `failed` from every other state,
 *     and only `connect` and `close` lead out of it
 *  M7 from every state but `idle`, `closed` and `failed`, some events that need no application lead to `connected`
 */

/**
 * `idle`: never connected. `connecting`: an attempt is made. `connected`: messages flow. `moving`: messages flow, and a second
 * connection is being opened that takes over. `arriving`: the gateway has already ended the old connection in favour of the
 * second one, whose welcome is on its way. `waiting`: for the time of the next attempt. `closed`: the application has closed.
 * `failed`: the gateway, or the token function, has refused for good, and nothing is tried until `connect` is called.
 */
export type State =
  'idle' | 'connecting' | 'connected' | 'moving' | 'arriving' | 'waiting' | 'closed' | 'failed'

/**
 * `connect`, `close`: the application says so. `refuse`: another attempt would end the same way. `welcome`, `fail`: what became
 * of the attempt.
 * `lose`: the serving socket is gone. `supersede`: it is gone because the attempt has taken the session over.
 * `move`: it is time to open the second connection. `wake`: it is time to try again.
 */
export type MachineEvent =
  'connect' | 'welcome' | 'fail' | 'lose' | 'supersede' | 'move' | 'wake' | 'close' | 'refuse'

/**
 * `dial`: make an attempt. `adopt`: the attempt becomes the serving socket, the former one is closed. `wait`: for the next attempt.
 * `remain`: stay with the serving socket and perhaps try to move again. `end`: close and forget everything.
 */
export type Action = 'none' | 'dial' | 'adopt' | 'wait' | 'remain' | 'end'

export type Step = readonly [next: State, action: Action]

const DIAL: Step = ['connecting', 'dial']
const ADOPT: Step = ['connected', 'adopt']
const WAIT: Step = ['waiting', 'wait']
const END: Step = ['closed', 'end']
const REFUSED: Step = ['failed', 'end']
/** What leads out of every state. */
const ENDS = { close: END, refuse: REFUSED }
const ATTEMPT = { welcome: ADOPT, fail: WAIT, ...ENDS }

/** An event that is not listed means nothing in that state. */
export const TABLE: Record<State, Partial<Record<MachineEvent, Step>>> = {
  idle: { connect: DIAL, ...ENDS },
  connecting: ATTEMPT,
  connected: { lose: WAIT, supersede: WAIT, move: ['moving', 'dial'], ...ENDS },
  moving: {
    welcome: ADOPT,
    fail: ['connected', 'remain'],
    lose: ['connecting', 'none'],
    supersede: ['arriving', 'none'],
    ...ENDS,
  },
  arriving: ATTEMPT,
  waiting: { connect: DIAL, wake: DIAL, ...ENDS },
  closed: { connect: DIAL },
  failed: { connect: DIAL, close: END },
}

/** Nothing happens any more, until the application says `connect`. */
export function isOver(state: State): boolean {
  return state === 'closed' || state === 'failed'
}
