/**
 * A fresh token on a connection that serves, when the gateway asks for one.
 */
import type { ConnectionManager } from './connection-manager.ts'
import { isLoggedOut, type ClientError } from './errors.ts'
import { errorOf } from './requests.ts'
import type { Later } from './retry.ts'
import type { Socket } from './socket.ts'
import type { Tokens } from './tokens.ts'

export interface ReauthenticatePorts {
  readonly tokens: Tokens
  readonly connection: ConnectionManager
  /** Tells the application. */
  complain(error: ClientError): void
  readonly later: Later
}

/** Again and again until it works or the gateway closes: then the next connection gets a fresh token. */
export function reauthenticate(socket: Socket, ports: ReauthenticatePorts, attempt = 0): void {
  const { tokens, connection } = ports
  const again = (): void =>
    ports.later(attempt, () => {
      if (socket === connection.socket) reauthenticate(socket, ports, attempt + 1)
    })
  const tokenFailed = (error: ClientError): void => {
    // Logged out: there is nothing to wait for.
    if (isLoggedOut(error.cause)) connection.dispatch('refuse', error)
    else {
      ports.complain(error)
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
      ports.complain(errorOf(reply))
      // Another user's: asking again changes nothing.
      if (reply.code !== 'forbidden') again()
    })
  }, tokenFailed)
}
