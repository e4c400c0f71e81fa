/**
 * The claims of this node on sessions in the registry, from the first word to the release. A claim takes the session from
 * whatever node had it, and that node is not told before the new connection serves; so whoever gives a claim up, or is
 * overtaken, tells the nodes before, which nobody else knows of.
 */
import { isOvertaken, type Attempt, type Attempts } from './attempts.ts'
import type { SessionPorts } from './ports.ts'
import type { Session } from './session.ts'
import type { Answer } from '../answer.ts'
import type { TakenOver } from '../cluster/control.ts'
import type { Claimed } from '../registry/registry.ts'

type ClaimPorts = Pick<SessionPorts, 'nodeId' | 'registry' | 'former' | 'failed'>

export class Claims {
  readonly #ports: ClaimPorts
  readonly #attempts: Attempts
  /** By session: the nodes from which a connection took it that did not come to serve, while an older one still does here. */
  readonly #before = new Map<string, ReadonlySet<string>>()

  constructor(ports: ClaimPorts, attempts: Attempts) {
    this.#ports = ports
    this.#attempts = attempts
  }

  claim(attempt: Attempt, session: string): Answer<Claimed> {
    const { registry, nodeId } = this.#ports
    const claiming = registry.claim(attempt.user, session, nodeId)
    return claiming instanceof Promise
      ? claiming.then((claimed) => this.#noted(attempt, claimed))
      : this.#noted(attempt, claiming)
  }

  #noted(attempt: Attempt, claimed: Claimed): Claimed {
    const { nodeId } = this.#ports
    attempt.claim = claimed.claim
    const { previousNode } = claimed
    if (previousNode !== undefined && previousNode !== nodeId) attempt.before.add(previousNode)
    return claimed
  }

  /** The attempt has become a session. `told`: the node that is told already. */
  served(attempt: Attempt, session: Session, told: string | undefined): void {
    const { id } = session
    const taken = takenBy(session)
    this.#attempts.end(attempt)
    this.#attempts.overtake(taken)
    for (const node of [...attempt.before, ...this.#take(id)])
      if (node !== told) this.#ports.former.tookOver(node, taken)
  }

  /** The attempt has failed. `serving`: an older or newer connection of the session is here. */
  gaveUp(attempt: Attempt, session: string, serving: boolean): void {
    this.#attempts.end(attempt)
    if (isOvertaken(attempt)) {
      for (const node of attempt.before) this.#ports.former.tookOver(node, attempt.overtakenBy)
    }
    if (this.#attempts.inherit(session, attempt.before)) return
    if (!serving) return this.#release(attempt.user, session, attempt.before)
    this.#before.set(session, new Set([...attempt.before, ...this.#take(session)]))
    if (isOvertaken(attempt)) return
    // By this claim the registry has the session here, where an older one may serve than there: who finds that tells this node.
    for (const node of attempt.before) this.#ports.former.gaveUp(node, session)
  }

  /** The connection of a session has gone. */
  left({ user, id }: Session): void {
    const before = this.#take(id)
    // Whoever is on the way to it here has claimed it, or is about to.
    if (!this.#attempts.inherit(id, before)) this.#release(user, id, before)
  }

  #take(session: string): ReadonlySet<string> {
    const before = this.#before.get(session) ?? NO_NODES
    this.#before.delete(session)
    return before
  }

  #release(user: string, session: string, before: ReadonlySet<string>): void {
    const { registry, nodeId, former } = this.#ports
    registry.release(user, session, nodeId).then(
      () => {
        for (const node of before) former.gaveUp(node, session)
      },
      // The entry ends with its time to live instead, and who has the session connected enters it again.
      (error: unknown) => this.#ports.failed('releasing a session in the registry', error),
    )
  }
}

const NO_NODES: ReadonlySet<string> = new Set()

/** As other nodes are told of who has a session now. */
export function takenBy({ id, claim }: Session): TakenOver {
  return { session: id, claim, detachedForMs: 0, recovered: true }
}
