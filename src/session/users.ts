/**
 * What operators do with a user, on whatever nodes he is connected: look, disconnect, revoke.
 */
import type { Answer } from '../answer.ts'
import { takenOver } from './attempts.ts'
import type { Sessions } from './sessions.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import { send, type ControlMessage, type ControlSink, type TakenOver } from '../cluster/control.ts'
import type { Place, Registry } from '../registry/registry.ts'

export interface UsersPorts {
  readonly registry: Registry
  readonly backbone: Backbone
  readonly sessions: Sessions
  readonly clock: Clock
  /** How long a revocation and a disconnection are remembered: longer than tokens live. */
  readonly rememberedMs: number
  /** Whether some node does not hear what is told to all. */
  someUnheard(): boolean
  revoked(): void
  /** A session that was here has gone to another node with a newer connection. */
  tookAway(): void
}

/** Some node may not have been told, and finds it in the registry, which it looks into by itself. */
export interface MaybeLate {
  readonly degraded?: true
}

export class Users implements Pick<ControlSink, 'disconnect' | 'revoke' | 'givenUp'> {
  readonly #ports: UsersPorts

  constructor(ports: UsersPorts) {
    this.#ports = ports
  }

  /** The connected sessions. Fails with `unavailable`. */
  locate(user: string): Answer<readonly Place[]> {
    return this.#ports.registry.locate(user)
  }

  /**
   * Ends every connection of a user; with a good token he may come back. Answers how many there were, and whether a node may hear
   * of it late. Fails with `unavailable`.
   */
  async disconnectEverywhere(user: string): Promise<{ readonly count: number } & MaybeLate> {
    const { registry, rememberedMs } = this.#ports
    const places = await registry.locate(user)
    // First where nodes look that are not told.
    const claim = await registry.disconnect(user, rememberedMs)
    return { count: places.length, ...this.#tell({ kind: 'disconnect', user, claim }) }
  }

  /**
   * From now on no token of the user is good that was issued until now; who is connected with one is closed with 4401.
   * Answers the moment, in milliseconds since 1970, and whether a node may hear of it late. Fails with `unavailable`.
   */
  async revokeEverywhere(user: string): Promise<{ readonly beforeMs: number } & MaybeLate> {
    const { registry, clock, rememberedMs } = this.#ports
    const beforeMs = clock.now()
    // First where every new connection looks, then to those who are connected: nobody slips through between the two.
    await registry.revoke(user, beforeMs, rememberedMs)
    return { beforeMs, ...this.#tell({ kind: 'revoke', user, beforeMs }) }
  }

  disconnect(user: string, claim: number): void {
    this.#ports.sessions.endUpTo(user, claim)
  }

  revoke(user: string, beforeMs: number): void {
    this.#ports.revoked()
    this.#ports.sessions.revoke(user, beforeMs)
  }

  #tell(message: ControlMessage): MaybeLate {
    const sent = send(this.#ports.backbone, undefined, message)
    return sent === 'degraded' || this.#ports.someUnheard() ? { degraded: true } : {}
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
