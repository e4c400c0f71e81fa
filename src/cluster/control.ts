/**
 * What nodes tell one another beside messages. Typed here, carried as opaque bytes by the backbone. A node that does not
 * know a kind (it is older than the sender) ignores it.
 */
import type { Backbone, Sent } from '../backbone/backbone.ts'

export type ControlMessage =
  /** An operator ends a user's connections. */
  | { readonly kind: 'disconnect'; readonly user: string }
  /** A user's tokens issued up to a moment are revoked. */
  | { readonly kind: 'revoke'; readonly user: string; readonly beforeMs: number }
  /** A session is connected to the sender now, after so long without a connection: one of it here is stale. */
  | { readonly kind: 'takenOver'; readonly session: string; readonly detachedForMs: number }
  /** The sender to itself; see `canary.ts`. */
  | { readonly kind: 'canary'; readonly word: number }

export interface ControlSink {
  disconnect(user: string): void
  revoke(user: string, beforeMs: number): void
  takenOver(session: string, detachedForMs: number): void
  canary(word: number): void
}

/** `node` undefined: to all nodes, the sender included. */
export function tell(backbone: Backbone, node: string | undefined, message: ControlMessage): Sent {
  return backbone.control(node, Buffer.from(JSON.stringify(message)))
}

/** Answers whether the payload was a message of a known kind. */
export function hear(payload: Uint8Array, sink: ControlSink): boolean {
  const message = parse(payload)
  if (message === undefined) return false
  switch (message.kind) {
    case 'disconnect':
      sink.disconnect(message.user)
      return true
    case 'revoke':
      sink.revoke(message.user, message.beforeMs)
      return true
    case 'takenOver':
      sink.takenOver(message.session, message.detachedForMs)
      return true
    case 'canary':
      sink.canary(message.word)
      return true
  }
}

function parse(payload: Uint8Array): ControlMessage | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(payload).toString())
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, user, beforeMs, session, detachedForMs, word } = value as Record<string, unknown>
  if (kind === 'disconnect' && typeof user === 'string') return { kind, user }
  if (kind === 'revoke' && typeof user === 'string' && typeof beforeMs === 'number')
    return { kind, user, beforeMs }
  if (kind === 'takenOver' && typeof session === 'string')
    return { kind, session, detachedForMs: typeof detachedForMs === 'number' ? detachedForMs : 0 }
  if (kind === 'canary' && typeof word === 'number') return { kind, word }
  return undefined
}
