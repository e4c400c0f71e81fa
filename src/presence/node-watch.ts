/**
 * Which of the nodes that presence has heard of are gone. Pure: it is given what the table of live nodes shows.
 */

/**
 * A table that has just been lost is empty until every node has entered it again: only a node that is missing so many
 * times in a row is gone.
 */
const GONE_AFTER = 2
/** Then it is forgotten; whatever it left behind has been swept. */
const FORGOTTEN_AFTER = 1_000

export class NodeWatch {
  /** How many times in a row a node was missing. */
  readonly #missing = new Map<string, number>()

  /** The store knows of the node. */
  met(node: string): void {
    if (!this.#missing.has(node)) this.#missing.set(node, 0)
  }

  /** The node itself has spoken, so it is not gone. */
  heard(node: string): void {
    this.#missing.set(node, 0)
  }

  /** Nobody is on it any more, by its own word. */
  left(node: string): void {
    this.#missing.set(node, GONE_AFTER)
  }

  gone(node: string): boolean {
    return (this.#missing.get(node) ?? 0) >= GONE_AFTER
  }

  /** Answers who is gone and was not before. */
  looked(alive: ReadonlySet<string>): string[] {
    const newlyGone: string[] = []
    for (const [node, times] of this.#missing) {
      const missing = alive.has(node) ? 0 : times + 1
      if (missing > FORGOTTEN_AFTER) this.#missing.delete(node)
      else this.#missing.set(node, missing)
      if (missing === GONE_AFTER) newlyGone.push(node)
    }
    return newlyGone
  }
}
