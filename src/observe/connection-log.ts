/**
 * A line for the begin of each connection and one for its end: who it was, where, for how long, what it has carried, and
 * why it ended.
 *
 * Of a part of the users, where that is enough: of each of them either all connections are logged, on every node, or none.
 * And of no more than so many lines in a second: when a node dies everybody comes back at once, and what is written
 * there waits for whoever reads the log. How many were left out is a line of its own.
 */
import type { Account } from './account.ts'
import type { Log } from './log.ts'
import type { Ended } from '../errors.ts'
import { disconnectReason } from './metric-labels.ts'
import type { Came, SeenSession } from './witness.ts'
import type { Clock, Timer } from '../clock.ts'

export interface ConnectionLogOptions {
  /** The part of the users, from 0 to 1. */
  readonly share: number
  /** 0: no limit. */
  readonly linesPerSecond: number
}

export interface ConnectionLogPorts {
  readonly log: Pick<Log, 'info'> & { readonly level: string }
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
}

const WINDOW_MS = 1000
const SAYS_INFO: ReadonlySet<string> = new Set(['debug', 'info'])

export class ConnectionLog {
  readonly #options: ConnectionLogOptions
  readonly #ports: ConnectionLogPorts
  #lines = 0
  #begins = 0
  #ends = 0
  /** A second in which lines are counted; `undefined`: none is under way. */
  #window: Timer | undefined

  constructor(options: ConnectionLogOptions, ports: ConnectionLogPorts) {
    this.#options = options
    this.#ports = ports
  }

  began(session: SeenSession, { resume, client }: Came): number | undefined {
    const { log, clock } = this.#ports
    if (!SAYS_INFO.has(log.level) || !isOf(session.user, this.#options.share)) return undefined
    // A poll is over before anybody could read of its begin.
    if (session.connection.stays) {
      if (this.#room())
        log.info(
          { ...said(session), ...(client === undefined ? {} : { client }), resume },
          'a connection began',
        )
      else this.#begins++
    }
    return Math.round(clock.monotonicMs())
  }

  ended(session: SeenSession, account: Account | undefined, ended: Ended): void {
    if (account === undefined) return
    if (!this.#room()) {
      this.#ends++
      return
    }
    const { log, clock } = this.#ports
    const { code } = ended
    log.info(
      {
        ...said(session),
        forMs: Math.round(clock.monotonicMs()) - account.beganMs,
        messages: account.messages,
        bytesOut: account.bytesOut,
        frames: account.frames,
        bytesIn: account.bytesIn,
        why: disconnectReason(ended),
        ...(code === undefined ? {} : { code }),
      },
      'a connection ended',
    )
  }

  /** Logs what is still counted. Idempotent. */
  close(): void {
    this.#window?.cancel()
    this.#turn()
  }

  #room(): boolean {
    const { linesPerSecond } = this.#options
    if (linesPerSecond === 0) return true
    this.#window ??= this.#ports.clock.after(WINDOW_MS, () => this.#turn())
    return ++this.#lines <= linesPerSecond
  }

  #turn(): void {
    this.#window = undefined
    const [begins, ends] = [this.#begins, this.#ends]
    this.#lines = this.#begins = this.#ends = 0
    if (begins + ends === 0) return
    this.#ports.log.info(
      { begins, ends, linesPerSecond: this.#options.linesPerSecond },
      'lines of connections were left out: more began or ended in this second than log.connectionsPerSecond allows',
    )
  }
}

function said({ user, id, connection }: SeenSession): object {
  return { user, session: id, transport: connection.transport }
}

/** FNV-1a of 32 bits: even enough for a share, and the same on every node. */
function isOf(user: string, share: number): boolean {
  if (share >= 1) return true
  if (share <= 0) return false
  let hash = 0x811c9dc5
  for (let i = 0; i < user.length; i++) hash = Math.imul(hash ^ user.charCodeAt(i), 0x01000193)
  return (hash >>> 0) / 0x1_0000_0000 < share
}
