/**
 * What a token allows, as lists of patterns. Pure.
 *
 * An idle connection holds its permissions for hours, and most tokens of an application carry the same few lists: equal
 * lists are one array in memory.
 */
import { isInbox, isPattern, matches } from '../protocol/channel.ts'

/** So that one look-up has a bound, whatever a token's issuer thought of. */
export const PATTERNS_MAX = 256

const PATTERN_RULE =
  'a pattern is a channel name, or the beginning of one with a single * at its end; * alone is every channel'

/** What somebody may do. A dialect with proofs of its own may bring its own. */
export interface Permissions {
  /** Takes the public name of a channel, as the others do. */
  maySubscribe(channel: string): boolean
  mayPublish(channel: string): boolean
  /** Whether he may page through what the log keeps. */
  mayReadHistory(channel: string): boolean
}

export class PatternPermissions implements Permissions {
  readonly #subscribe: readonly string[]
  readonly #publish: readonly string[]
  readonly #history: readonly string[]

  constructor(subscribe: readonly string[], publish: readonly string[], history: readonly string[] = []) {
    this.#subscribe = subscribe
    this.#publish = publish
    this.#history = history
  }

  /**
   * An inbox is never allowed by a pattern, not even by `*`: its owner is subscribed
   * to it without asking, and nobody else may be.
   */
  maySubscribe(channel: string): boolean {
    return allows(this.#subscribe, channel)
  }

  mayPublish(channel: string): boolean {
    return allows(this.#publish, channel)
  }

  mayReadHistory(channel: string): boolean {
    return allows(this.#history, channel)
  }
}

function allows(patterns: readonly string[], channel: string): boolean {
  if (isInbox(channel)) return false
  for (const pattern of patterns) if (matches(pattern, channel)) return true
  return false
}

/** What is wrong with a list of patterns, as a sentence about `field`; nothing where nothing is. */
export function patternsFault(field: string, patterns: unknown): string | undefined {
  if (!Array.isArray(patterns)) return `${field} must be a list of patterns`
  if (patterns.length > PATTERNS_MAX) {
    return `${field} has ${patterns.length} patterns; at most ${PATTERNS_MAX} are allowed`
  }
  const wrong = patterns.findIndex((pattern) => !isPattern(pattern))
  return wrong === -1 ? undefined : `${field}[${wrong}] is not a pattern: ${PATTERN_RULE}`
}

/** Lists longer than this, in characters, are seldom equal and would make the table's own size unpredictable. */
const SHARED_LENGTH_MAX = 1024

/**
 * One array for equal lists, and one object for equal permissions. Bounded: of more than `max` different ones the least recently
 * used are forgotten, and an equal one that comes later is another.
 */
export class PatternTable {
  readonly #lists = new Map<string, readonly string[]>()
  readonly #permissions = new Map<string, PatternPermissions>()
  /** By what a token says of them, as JSON: most tokens say what another one has said. */
  readonly #said = new Map<string, Permissions>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#lists.size
  }

  /** The permissions of a claim that is equal to an earlier one; `made` of any other. What it throws is not kept. */
  saidBy(claim: object, made: () => Permissions): Permissions {
    const said = JSON.stringify(claim)
    const known = this.#said.get(said)
    if (known !== undefined) return known
    const permissions = made()
    if (said.length > SHARED_LENGTH_MAX) return permissions
    // What is forgotten is made again, and is mostly the same object then.
    if (this.#said.size >= this.#max) this.#said.clear()
    this.#said.set(said, permissions)
    return permissions
  }

  permissions(
    subscribe: readonly string[],
    publish: readonly string[],
    history: readonly string[],
  ): Permissions {
    const lists = [this.shared(subscribe), this.shared(publish), this.shared(history)] as const
    // No list has an empty pattern.
    const key = lists.map((list) => list.join('\n')).join('\n\n')
    return this.#kept(this.#permissions, key, () => new PatternPermissions(...lists))
  }

  /** Order and repetition carry no meaning, so lists that differ in nothing else are equal. */
  shared(patterns: readonly string[]): readonly string[] {
    const list = [...new Set(patterns)].sort()
    // No pattern contains a line break.
    return this.#kept(this.#lists, list.join('\n'), () => list)
  }

  #kept<Value>(all: Map<string, Value>, key: string, make: () => Value): Value {
    if (key.length > SHARED_LENGTH_MAX) return make()
    const known = all.get(key)
    // A map keeps the order of insertion: what is used moves to the end, and the first is the longest unused.
    if (known !== undefined) all.delete(key)
    else if (all.size >= this.#max) {
      for (const oldest of all.keys()) {
        all.delete(oldest)
        break
      }
    }
    const value = known ?? make()
    all.set(key, value)
    return value
  }
}
