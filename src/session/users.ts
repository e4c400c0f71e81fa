/**
 * What operators do with a user, on whatever nodes he is connected: look, disconnect, revoke.
 */
import { takenOver } from './attempts.ts'
import type { Sessions } from './sessions.ts'
import { isRevoked } from '../auth/revocation.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import { tell, type ControlSink, type TakenOver } from '../cluster/control.ts'
import { Closing } from '../errors.ts'
import type { Place, Registry } from '../registry/registry.ts'

export interface UsersPorts {
  readonly registry: Registry
  readonly backbone: Backbone
  readonly sessions: Sessions
  readonly clock: Clock
  /** How long a revocation is remembered: longer than tokens live. */
  readonly revocationTtlMs: number
  revoked(): void
  /** A session that was here has gone to another node with a newer connection. */
  tookAway(): void
}

export class Users implements Pick<ControlSink, 'disconnect' | 'revoke' | 'givenUp'> {
  readonly #ports: UsersPorts

  constructor(ports: UsersPorts) {
    this.#ports = ports
  }

  /** The connected sessions. Fails with `unavailable`. */
  locate(user: string): Promise<readonly Place[]> {
    return this.#ports.registry.locate(user)
  }

  /** Ends every connection of a user; with a good token he may come back. Answers how many there were. Fails with `unavailable`. */
  async disconnectEverywhere(user: string): Promise<number> {
    const places = await this.#ports.registry.locate(user)
    tell(this.#ports.backbone, undefined, { kind: 'disconnect', user })
    return places.length
  }

  /**
   * From now on no token of the user is good that was issued until now; who is connected with one is closed with 4401.
   * Answers the moment, in milliseconds since 1970. Fails with `unavailable`.
   */
  async revokeEverywhere(user: string): Promise<number> {
    const { registry, backbone, clock, revocationTtlMs } = this.#ports
    const beforeMs = clock.now()
    // First where every new connection looks, then to those who are connected: nobody slips through between the two.
    await registry.revoke(user, beforeMs, revocationTtlMs)
    tell(backbone, undefined, { kind: 'revoke', user, beforeMs })
    return beforeMs
  }

  disconnect(user: string): void {
    this.#ports.sessions.endAll(
      new Closing('forbidden', 'forbidden', 'an operator has ended the connections of this user'),
      (session) => session.user === user,
    )
  }

  revoke(user: string, beforeMs: number): void {
    this.#ports.revoked()
    this.#ports.sessions.endAll(
      new Closing('unauthorized', 'unauthorized', 'the token has been revoked'),
      (session) => session.user === user && isRevoked(session.identity, beforeMs),
    )
    this.#ports.sessions.revokeAttempts(user, beforeMs)
  }

  /** `leaving`: answers whether the connection here is left to the client to close. */
  takenOver(taken: TakenOver, leaving: () => boolean): void {
    const { sessions } = this.#ports
    // Since then the client has come back here.
    if (sessions.overtake(taken) || leaving()) return
    if (sessions.end(taken.session, takenOver())) this.#ports.tookAway()
  }

  givenUp(session: string): void {
    void this.#ports.sessions.reclaim(session)
  }
}
