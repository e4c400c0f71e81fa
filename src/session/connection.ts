/**
 * A client's link as a session sees it: an outlet for messages that also takes frames and can be ended.
 */
import type { Closing } from '../errors.ts'
import type { Outlet } from '../hub/outlet.ts'
import type { HistoryLines } from '../protocol/encode.ts'
import type { ServerFrame } from '../protocol/frames.ts'
import type { Session } from './session.ts'
import type { Account } from '../observe/account.ts'

export interface Connection extends Outlet {
  /** The client speaks too, and can open its next connection before it leaves this one; else the end of this one sends it elsewhere. */
  readonly speaks: boolean
  /** The client has gone or was closed; everything that is sent from here on goes nowhere. */
  readonly closed: boolean
  /** The session that this connection now holds. Called once, before `welcome` is sent. `account`: to be kept, and handed back at the end. */
  attach(session: Session, account: Account | undefined): void
  send(frame: ServerFrame | HistoryLines): void
  /** Ends the connection with the reason, in the way of the transport. Idempotent. */
  end(closing: Closing): void
}
