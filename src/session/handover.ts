/**
 * A client that was on another node until now: that node is told, because it may be waiting for just that.
 */
import type { HandoverPort } from './ports.ts'
import { ownerTagOf } from './session-id.ts'
import type { Replay } from '../hub/behind.ts'
import { departureKey, type Departure } from '../protocol/cursor.ts'
import type { Claimed } from '../registry/registry.ts'

export class Handover {
  readonly from: string
  /** The client, in the words of the node where it was. */
  readonly #client: string
  /** `undefined`: it has left its old session behind. */
  readonly #taken: { readonly claim: number; readonly detachedForMs: number } | undefined
  readonly #former: HandoverPort

  private constructor(from: string, client: string, taken: Claimed | undefined, former: HandoverPort) {
    this.from = from
    this.#client = client
    this.#taken = taken && { claim: taken.claim, detachedForMs: taken.detachedForMs ?? 0 }
    this.#former = former
  }

  /** `undefined`: the client was nowhere, or here. */
  static of(
    { session, node }: { readonly session: string; readonly node: string },
    claimed: Claimed,
    departure: Departure | undefined,
    former: HandoverPort,
  ): Handover | undefined {
    const { previousNode } = claimed
    if (previousNode !== undefined && previousNode !== node)
      return new Handover(previousNode, session, claimed, former)
    if (departure === undefined) return undefined
    const client = departureKey(departure.number, ownerTagOf(session))
    if (departure.node !== node) return new Handover(departure.node, client, undefined, former)
    // It was sent away from here, and the node stays.
    former.cameBackHere(client)
    return undefined
  }

  /** `recovered`: every channel goes on where it was. */
  announce(recovered: boolean): void {
    if (this.#taken === undefined) this.#former.cameBack(this.from, this.#client, recovered)
    else this.#former.tookOver(this.from, { session: this.#client, recovered, ...this.#taken })
  }

  /** Follows so many subscriptions; the former node is told once, after `announce`, of what they had to catch up on. */
  replayOf(subscriptions: number): Replay {
    let replayed = 0
    let left = subscriptions
    return {
      replayed: () => void replayed++,
      ended: () => {
        if (--left === 0 && replayed > 0) this.#former.replayed(this.from, this.#client, replayed)
      },
    }
  }
}
