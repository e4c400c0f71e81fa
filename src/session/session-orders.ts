/**
 * What becomes of a session of which a backend wants something.
 */
import { endedByOperator } from './attempts.ts'
import type { Session } from './session.ts'
import type { SessionOrder } from '../cluster/session-order.ts'
import { expiringAt } from '../auth/identity.ts'
import { Closing } from '../errors.ts'

export function obeyOrder(
  session: Pick<Session, 'connection' | 'identity' | 'renew'>,
  order: SessionOrder,
  nowMs: number,
): void {
  if (order.kind === 'end') session.connection.end(endedByOperator(order.as))
  else if (order.atMs === undefined || order.atMs > nowMs)
    session.renew(expiringAt(session.identity, order.atMs))
  else
    session.connection.end(
      new Closing('unauthorized', 'unauthorized', 'a backend has called the connection expired'),
    )
}
