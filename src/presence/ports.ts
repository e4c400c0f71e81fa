/**
 * What presence goes by, and what it needs of the node.
 */
import type { PresenceStore } from './store.ts'
import type { Clock } from '../clock.ts'
import type { ChannelEvent } from '../protocol/form.ts'

export interface PresenceOptions {
  /** How long a user may be away before it is told. Default: 2,000 ms. */
  readonly leaveDelayMs?: number
  /** How often each channel with subscribers here is read, to repair what was lost. Default: 30,000 ms. */
  readonly refreshMs?: number
}

export interface PresencePorts {
  readonly store: PresenceStore
  readonly nodeId: string
  readonly clock: Clock
  /** To all nodes; this node ignores what it hears of itself. */
  send(payload: Uint8Array): unknown
  /** To this node's subscribers of the channel. */
  tell(event: ChannelEvent): void
  /** Whether a user is in a channel on this node has changed, or what he says of himself. */
  changed(channel: string, user: string, present: boolean): void
  /** The ids of the nodes that are alive. Fails with `unavailable`. */
  liveNodes(): Promise<readonly string[]>
  failed(what: string, error: unknown): void
}
