/**
 * Entries of the table of nodes that are none: of a program that shares the Redis, or of somebody who writes there. They are
 * skipped; each is told once.
 */
import type { Log } from '../observe/log.ts'

export interface MalformedNodesPorts {
  readonly log: Pick<Log, 'warn'>
  /** How many there were at the last reading. */
  readonly count: { set(value: number): void }
}

/** Whoever can write there can make up names. */
const NAMES_MAX = 100
const NAME_LENGTH_MAX = 64

export class MalformedNodes {
  readonly #ports: MalformedNodesPorts
  readonly #told = new Set<string>()

  constructor(ports: MalformedNodesPorts) {
    this.#ports = ports
  }

  /** The table was read. */
  found(names: readonly string[]): void {
    this.#ports.count.set(names.length)
    for (const name of names) {
      if (this.#told.has(name) || this.#told.size >= NAMES_MAX) continue
      this.#told.add(name)
      this.#ports.log.warn(
        { entry: name.slice(0, NAME_LENGTH_MAX) },
        'an entry in the table of nodes (Redis) is not one that nodes make, and is skipped',
      )
    }
  }
}
