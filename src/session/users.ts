/**
 * What backends and operators do with a user, on whatever nodes he is connected: look, disconnect, revoke, put on channels.
 */
import type { Answer } from '../answer.ts'
import { takenOver } from './attempts.ts'
import type { Sessions } from './sessions.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import { send, type ControlMessage, type ControlSink, type TakenOver } from '../cluster/control.ts'
import { concerns, type StandingChange } from './standing.ts'
import type { Position } from '../protocol/position.ts'
import type { Place, Registry, Standing, StandingWish } from '../registry/registry.ts'

export interface UsersPorts {
  readonly registry: Registry
  readonly backbone: Backbone
  readonly sessions: Sessions
  readonly clock: Clock
  /** How long a revocation and a disconnection are remembered: longer than tokens live. */
  readonly rememberedMs: number
  /** Where a channel begins that one is put on now; `undefined`: nowhere, or where the user was. Fails with `unavailable`. */
  headOf(channel: string): Promise<Position | undefined>
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

export class Users implements Pick<ControlSink, 'disconnect' | 'revoke' | 'givenUp' | 'stand'> {
  readonly #ports: UsersPorts

  constructor(ports: UsersPorts) {
    this.#ports = ports
  }

  /** The connected sessions. Fails with `unavailable`. */
  locate(user: string): Answer<readonly Place[]> {
    return this.#ports.registry.locate(user)
  }

  /** What backends have put the user on. Fails with `unavailable`. */
  standing(user: string): Promise<readonly Standing[]> {
    return this.#ports.registry.standing(user)
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

  /**
   * Puts every session of a user on channels, whatever their tokens say: those that are there, and all that come until `takeOff`. Answers
   * how many are there. Fails with `unavailable`, and `limit_exceeded` for too many channels.
   */
  putOn(user: string, wish: StandingWish): Promise<{ readonly sessions: number } & MaybeLate> {
    return this.#stand(user, wish, true)
  }

  /** Ends the subscriptions of a user to channels, whoever has made them. Who may subscribe by himself may do so again. */
  takeOff(user: string, wish: StandingWish): Promise<{ readonly sessions: number } & MaybeLate> {
    return this.#stand(user, wish, false)
  }

  async #stand(user: string, wish: StandingWish, on: boolean): Promise<{ sessions: number } & MaybeLate> {
    const { registry, backbone } = this.#ports
    const from = on ? await this.#headsOf(wish.channels) : {}
    // First where every new connection looks, then to those that are connected: none slips through between the two.
    await (on ? registry.putOn(user, wish) : registry.takeOff(user, wish))
    const places = (await registry.locate(user)).filter(({ session }) => concerns(wish.session, session))
    const { channels } = wish
    const sent = [...sessionsByNode(places)].map(([node, sessions]) =>
      send(backbone, node, { kind: 'stand', sessions, channels, on, from }),
    )
    const isLate = sent.includes('degraded') || (sent.length > 0 && this.#ports.someUnheard())
    return { sessions: places.length, ...(isLate ? { degraded: true } : {}) }
  }

  /** What is published once the backend has its answer is behind these, wherever the sessions are by then. */
  async #headsOf(channels: readonly string[]): Promise<Readonly<Record<string, Position>>> {
    const heads = await Promise.all(channels.map((channel) => this.#ports.headOf(channel)))
    const found = channels.flatMap((channel, index): [string, Position][] => {
      const head = heads[index]
      return head === undefined ? [] : [[channel, { epoch: head.epoch, offset: head.offset }]]
    })
    return Object.fromEntries(found)
  }

  stand(sessions: readonly string[], change: StandingChange): void {
    this.#ports.sessions.stand(sessions, change)
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

function sessionsByNode(places: readonly Place[]): ReadonlyMap<string, string[]> {
  const byNode = new Map<string, string[]>()
  for (const { session, node } of places) byNode.set(node, [...(byNode.get(node) ?? []), session])
  return byNode
}
