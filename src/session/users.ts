/**
 * What backends and operators do with a user, on whatever nodes he is connected: look, disconnect, revoke, put on channels.
 */
import type { Answer } from '../answer.ts'
import { takenOver } from './attempts.ts'
import type { Sessions } from './sessions.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import {
  send,
  type ControlMessage,
  type ControlSink,
  type StandTerms as ControlTerms,
  type TakenOver,
} from '../cluster/control.ts'
import type { SessionOrder, Wording } from '../cluster/session-order.ts'
import { obeyOrder } from './session-orders.ts'
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

type Stood = { readonly sessions: number } & MaybeLate

/** What a backend says of the subscriptions that it makes. */
export interface StandTerms extends ControlTerms {
  /** Where those begin that do not begin with what comes next. */
  readonly from?: Readonly<Record<string, Position>>
}

/** Some of the sessions of a user, by their ids or the names by which others know them. */
export interface Which {
  /** What all of them are named. */
  readonly named: readonly string[]
  /** These not. */
  readonly but: readonly string[]
}

export class Users implements Pick<ControlSink, 'disconnect' | 'order' | 'revoke' | 'givenUp' | 'stand'> {
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
   * of it late. `as`: how they end where their protocols have codes for it. Fails with `unavailable`.
   */
  async disconnectEverywhere(user: string, as?: Wording): Promise<{ readonly count: number } & MaybeLate> {
    const { registry, rememberedMs } = this.#ports
    const places = await registry.locate(user)
    // First where nodes look that are not told.
    const claim = await registry.disconnect(user, rememberedMs)
    const wording = as === undefined ? {} : { as }
    return { count: places.length, ...this.#tell({ kind: 'disconnect', user, claim, ...wording }) }
  }

  /** Wants something of those connections of a user that are there now. Answers how many. Fails with `unavailable`. */
  async orderSome(
    user: string,
    { named, but }: Which,
    order: SessionOrder,
  ): Promise<{ readonly count: number } & MaybeLate> {
    const { registry, backbone } = this.#ports
    const places = (await registry.locate(user)).filter(
      ({ session }) =>
        named.every((one) => concerns(one, session)) && !but.some((one) => concerns(one, session)),
    )
    const sent = [...sessionsByNode(places)].map(([node, sessions]) =>
      send(backbone, node, { kind: 'order', sessions, order }),
    )
    return { count: places.length, ...this.#late(sent) }
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
   * how many are there. With an end (`untilMs`) it is for those that are there, and is not kept. Fails with `unavailable`, and
   * `limit_exceeded` for too many channels.
   */
  putOn(user: string, wish: StandingWish, terms: StandTerms = {}): Promise<Stood> {
    return this.#stand(user, wish, true, terms)
  }

  /** Ends the subscriptions of a user to channels, whoever has made them. Who may subscribe by himself may do so again. */
  takeOff(user: string, wish: StandingWish): Promise<Stood> {
    return this.#stand(user, wish, false)
  }

  async #stand(
    user: string,
    wish: StandingWish,
    on: boolean,
    { from: begins, ...terms }: StandTerms = {},
  ): Promise<Stood> {
    const { registry, backbone } = this.#ports
    const from = { ...(on ? await this.#headsOf(wish.channels) : {}), ...begins }
    // First where every new connection looks, then to those that are connected: none slips through between the two.
    if (!on) await registry.takeOff(user, wish)
    else if (terms.untilMs === undefined) await registry.putOn(user, wish)
    const places = (await registry.locate(user)).filter(({ session }) => concerns(wish.session, session))
    const { channels } = wish
    const sent = [...sessionsByNode(places)].map(([node, sessions]) =>
      send(backbone, node, { kind: 'stand', sessions, channels, on, from, ...terms }),
    )
    return { sessions: places.length, ...this.#late(sent) }
  }

  /** `sent`: to the nodes that it concerns. */
  #late(sent: readonly string[]): MaybeLate {
    const isLate = sent.includes('degraded') || (sent.length > 0 && this.#ports.someUnheard())
    return isLate ? { degraded: true } : {}
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

  disconnect(user: string, claim: number, as?: Wording): void {
    this.#ports.sessions.endUpTo(user, claim, as)
  }

  order(sessions: readonly string[], order: SessionOrder): void {
    const { clock } = this.#ports
    for (const id of sessions) {
      const session = this.#ports.sessions.get(id)
      if (session !== undefined) obeyOrder(session, order, clock.now())
    }
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
