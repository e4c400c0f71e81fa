/**
 * Who is in which channel on which node, where every node can read it. Each node writes of itself only, with a version
 * that says how far its writes have come: so a reader can tell what it knows better from what it has missed.
 *
 * Every implementation keeps (test/conformance/presence.suite.ts):
 *  S1 after `write` has resolved with `true`, `read` of any node shows the users put, each with the info put, without those
 *     removed, under the version written
 *  S2 a write is seen as a whole or not at all
 *  S3 a write that does not follow upon what the store holds of the node is refused with `false` and changes nothing;
 *     one with `after: 0` follows upon everything, and replaces it
 *  S4 what one node writes never changes what is read of another, and no channel shows in another's answers
 *  S5 a channel that nobody has read or written for `ttlMs` is forgotten as a whole; either makes it live on
 *  S6 after `sweep`, nothing is read of the nodes named
 *
 * Fails with `unavailable` when the store cannot be reached.
 */

import type { Info } from './info.ts'

/** Users with what they say of themselves. */
export type Users = ReadonlyMap<string, Info | undefined>

/** What one node says of one channel. */
export interface SnapshotPart {
  /** All changes of the node up to this version are in. */
  readonly version: number
  readonly users: Users
}

/** By the ids of the nodes. */
export type Snapshot = ReadonlyMap<string, SnapshotPart>

export interface StoreWrite {
  /** The version that the last write left behind; 0: whatever is there of this node is replaced. */
  readonly after: number
  /** Above `after`. */
  readonly version: number
  readonly put: Users
  readonly remove: readonly string[]
}

export interface PresenceStore {
  /** Answers whether it was done; where it was not, the store has lost something of this node. */
  write(channel: string, node: string, write: StoreWrite): Promise<boolean>
  read(channel: string): Promise<Snapshot>
  /** Removes what nodes that are gone have left behind. */
  sweep(channel: string, nodes: readonly string[]): Promise<void>
  /** Whether the store answers now. For health, never for control flow. */
  healthy(): boolean
  /** Idempotent. */
  close(): Promise<void>
}
