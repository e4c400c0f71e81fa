/**
 * The streams and polls that this node sends away: they leave their session behind, so each gets a number that its last
 * cursor carries to where it comes back. Pure.
 */
import { departureKey, departureSegment } from '../protocol/cursor.ts'
import { ownerTagOf } from '../session/session-id.ts'

/** Who was sent away longest ago is forgotten first. */
const REMEMBERED_MAX = 50_000

export class Departures {
  readonly #node: string
  #last = 0
  /** The number of each session that has not left yet. */
  readonly #leaving = new Map<string, number>()
  /** The session by what other nodes call it. */
  readonly #sessions = new Map<string, string>()

  constructor(node: string) {
    this.#node = node
  }

  asked(session: string): void {
    if (this.#leaving.has(session)) return
    this.#leaving.set(session, ++this.#last)
    this.#sessions.set(departureKey(this.#last, ownerTagOf(session)), session)
    if (this.#sessions.size <= REMEMBERED_MAX) return
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest)
      return
    }
  }

  left(session: string): void {
    this.#leaving.delete(session)
  }

  /** For the session's last cursor; `undefined`: it was not asked to go. */
  segmentOf(session: string): string | undefined {
    const number = this.#leaving.get(session)
    return number === undefined ? undefined : departureSegment({ node: this.#node, number, turns: 0 })
  }

  /** The session that another node means: one that was sent away, or one by its own id. */
  sessionOf(client: string): string {
    return this.#sessions.get(client) ?? client
  }

  /** Nobody is to go any more. Who has gone may still come back elsewhere. */
  over(): void {
    this.#leaving.clear()
  }
}
