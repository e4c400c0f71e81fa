/**
 * A fresh token on a connection that serves, when the gateway asks for one.
 */
import type { ConnectionManager } from './connection-manager.ts'
import { isLoggedOut, type ClientError } from './errors.ts'
import { errorOf } from './requests.ts'
import type { Later } from './retry.ts'
import type { Socket } from './socket.ts'
import type { Tokens } from './tokens.ts'

/**
 * Again and again until it works or the gateway closes: then the next connection gets a fresh token. `complain` tells the application.
 */
export function reauthenticate(
  socket: Socket,
  tokens: Tokens,
  connection: ConnectionManager,
  complain: (error: ClientError) => void,
  later: Later,
  attempt = 0,
): void {
  const again = (): void =>
    later(attempt, () => {
      if (socket === connection.socket)
        reauthenticate(socket, tokens, connection, complain, later, attempt + 1)
    })
  const tokenFailed = (error: ClientError): void => {
    // Logged out: there is nothing to wait for.
    if (isLoggedOut(error.cause)) connection.dispatch('refuse', error)
    else {
      complain(error)
      again()
    }
  }
  tokens.renew().then((token) => {
    // There is none and never was: the gateway will say what it thinks of that.
    if (token === undefined) return
    socket.token = token
    socket.ask({ type: 'auth', token }, (reply) => {
      if (reply.type === 'authenticated') {
        tokens.expiresAtMs = reply.expiresAt
        connection.ticket = reply.ticket
      }
      if (reply.type !== 'error') return
      complain(errorOf(reply))
      // Another user's: asking again changes nothing.
      if (reply.code !== 'forbidden') again()
    })
  }, tokenFailed)
}
