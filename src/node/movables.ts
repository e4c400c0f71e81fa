/**
 * The clients of this node, as a drain moves them.
 */
import type { MoveReason, NodeDrainPorts } from './drain-ports.ts'
import type { Departures } from '../drain/departures.ts'
import type { Drain, Movable } from '../drain/drain.ts'
import { Closing } from '../errors.ts'
import type { Session } from '../session/session.ts'

/** How soon a stream that ends at its own moment may come back. */
export const RETURN_WITHIN_MS = 100

/** What moves them. */
export interface Mover {
  readonly reason: MoveReason
  readonly departures: Departures
  /** The drain itself; `undefined`: it has just begun. */
  drain(): Drain | undefined
  /** Where they are sent, where that is not their usual address. */
  elsewhere(): { readonly to?: string }
}

type Ports = Pick<NodeDrainPorts, 'sessions' | 'clock' | 'metrics'>

export function* movables(ports: Ports, mover: Mover): Iterable<Movable> {
  for (const session of ports.sessions.all()) {
    // Who is anywhere with his next request need not be asked where a part is moved.
    if (mover.reason === 'move' && !session.connection.stays) continue
    yield movable(session, ports, mover)
  }
}

export function movable(session: Session, { clock, metrics }: Ports, mover: Mover): Movable {
  const { id, movedFrom, connection } = session
  const { reason, departures } = mover
  const drain = mover.drain()
  return {
    id,
    transport: connection.transport,
    movedFrom,
    ask(delayMs, deadlineMs) {
      metrics.reconnectsAsked[reason].inc()
      if (session.move({ delayMs, deadlineMs, reason, ...mover.elsewhere() }) === 'asked') return
      // It ends at its moment, and the client comes back by itself.
      departures.asked(id)
      clock.after(delayMs, () => {
        // Where it was cancelled meanwhile he may as well stay.
        if (drain?.state !== 'cancelled') connection.end(goingAway(mover.elsewhere()))
      })
    },
    close(moved) {
      if (!moved) metrics.drainMoves.closed.inc()
      connection.end(
        moved
          ? new Closing('takenOver', 'forbidden', 'a newer connection has taken the session over')
          : goingAway(mover.elsewhere()),
      )
    },
  }
}

/** Each at its own moment: the drain has spread them, so a stream need not wait once more. */
function goingAway(elsewhere: { readonly to?: string }): Closing {
  return new Closing('goingAway', 'unavailable', 'the node is going away; come back elsewhere', {
    returnWithinMs: RETURN_WITHIN_MS,
    ...elsewhere,
  })
}
