/**
 * What a subscribe of Centrifuge asks for, and how it is answered. Pure.
 *
 * Of the missed messages as many stand in the result as are in memory, up to a bound; the others follow as pushes, at the pace at which the
 * client reads. It handles both alike, and a thousand clients that come back do not make a node hold everything at once.
 */
import { ERROR } from './codes.ts'
import type { ErrorReply, Recovery, SubscribePush, SubscribeRequest, SubscribeResult } from './messages.ts'
import type { Position } from '../../protocol/position.ts'
import type { Start } from '../../session/welcome.ts'

/** Of `flag`: rather an error than a subscription that does not go on where it was. */
const REJECT_UNRECOVERED = 2

/** As many as Centrifuge's own server gives at once. */
export const RECOVERED_MAX = 300
/** One result is not to fill the buffer of a connection. */
export const RECOVERED_BYTES_MAX = 131_072

/** What is not offered is refused rather than left out. `undefined`: it can be asked for. */
export function unfitIn({ type = 0, tf }: SubscribeRequest): ErrorReply | undefined {
  if (type !== 0)
    return { ...ERROR.notAvailable, message: 'the gateway has subscriptions of type 0 (stream) only' }
  if (tf !== undefined) return { ...ERROR.badRequest, message: 'the gateway does not filter by tags (tf)' }
  return undefined
}

/** `undefined`: the client would rather not be subscribed. */
export function resultOf(
  request: Recovery & { readonly flag?: number },
  { position, recovered }: Start,
): SubscribeResult | undefined {
  const { recover = false, offset = 0, flag = 0 } = request
  if (recover && !recovered && (flag & REJECT_UNRECOVERED) !== 0) return undefined
  // Of a channel that keeps nothing, nothing can be recovered.
  if (position === undefined) return recover ? { was_recovering: true } : {}
  return {
    recoverable: true,
    positioned: true,
    epoch: position.epoch,
    // From its own place a client that was recovered walks on by the messages that follow.
    offset: recover && recovered ? offset : position.offset,
    ...(recover ? { was_recovering: true, recovered } : {}),
  }
}

/** Where a subscription of the server begins. */
export function placeIn(position: Position | undefined): SubscribePush {
  if (position === undefined) return {}
  return { recoverable: true, positioned: true, epoch: position.epoch, offset: position.offset }
}
