/** What a node is for whoever starts it: the command line, an application that embeds it, a test. */
import type { About } from '../errors.ts'
import type { FaultPlace } from '../observe/faults.ts'
import type { LogRoot } from '../observe/log.ts'

export interface Node {
  readonly id: string
  /** The public listener, once started: `http://host:port`. */
  readonly url: string
  readonly apiUrl: string
  readonly log: LogRoot
  /** Counts and logs a fault that was met outside of the node's own walls. */
  readonly caught: (place: FaultPlace, error: unknown, about?: About) => void
  /** Fails where an address is taken. */
  start(): Promise<void>
  /** Resolves when the node has stopped, for whatever reason. */
  readonly end: Promise<void>
  /**
   * Moves every client to another node, then stops, all of it by `drain.deadline`. Resolves when it has, or when somebody has
   * cancelled it and it stays.
   */
  drain(): Promise<void>
  /** Shows what the files of the certificates hold now to whoever connects from now on; by itself it looks every 10 s. */
  renewCertificates(): Promise<void>
  /** A drain that is under way sends everybody now, whatever the others take; without one nothing happens. */
  hurry(): void
  /** The nodes that were started with this one stop too: where nobody else is left, `drain` does not wait for anybody. */
  leaveWithOthers(): void
  /** Closes every client, spread over a moment, then stops within a few seconds, whatever hangs. Idempotent. */
  close(): Promise<void>
}
