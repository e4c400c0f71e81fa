/**
 * Whether a server may be taken for the primary: for how long that holds what a majority of the Sentinels has said. They put
 * another server in its place without asking it, or us; whoever still reaches the former one and not the Sentinels would
 * have it confirm messages that are lost with it. Pure: the shell is in `sentinels.ts`.
 *
 * Kept (test/property/primary-lease.property.test.ts):
 *  P1 a server is held to be the primary for at most `termMs` after a question that a majority has answered with its name
 *  P2 never are two at once
 *  P3 what a minority says, or one Sentinel under several addresses, changes nothing
 */

/** What one Sentinel has answered. */
export interface SentinelWord {
  /** The same under each address that it has. */
  readonly id: string
  /** The server that it names, as it names it. */
  readonly server: string
  /** How many Sentinels it knows of, itself included. */
  readonly sentinels: number
  /** After how long a silence it counts the server as down, where it said so. */
  readonly downAfterMs: number | undefined
  /** When it was asked, by a clock that never jumps: later it may have changed its mind. */
  readonly askedMs: number
}

/** As Sentinels have it by themselves. */
const DOWN_AFTER_MS = 30_000
/** From then on they vote, and tell the replica, before anything is confirmed there; and a question may be lost. */
const MARGIN_MS = 2_000

export class PrimaryLease {
  /** The last word from each address; of one that is in the configuration and has said nothing yet, none. */
  readonly #words: Map<string, SentinelWord | undefined>
  readonly #configured: ReadonlySet<string>

  constructor(configured: readonly string[]) {
    this.#configured = new Set(configured)
    this.#words = new Map(configured.map((address) => [address, undefined]))
  }

  heard(address: string, word: SentinelWord): void {
    const before = this.#words.get(address)
    if (before === undefined || before.askedMs <= word.askedMs) this.#words.set(address, word)
  }

  /** It is not asked any more. */
  forget(address: string): void {
    if (!this.#configured.has(address)) this.#words.delete(address)
  }

  /** For so long an answer holds. */
  get termMs(): number {
    const said = this.#latest().flatMap(({ downAfterMs }) => downAfterMs ?? [])
    return Math.min(...(said.length === 0 ? [DOWN_AFTER_MS] : said)) + MARGIN_MS
  }

  /** For how much longer this server may be taken for the primary; at most 0 where it may not. */
  leftMs(server: string | undefined, nowMs: number): number {
    const votes = this.#latest().filter((word) => word.server === server)
    const asked = votes.map(({ askedMs }) => askedMs).toSorted((a, b) => b - a)
    const decisive = asked[Math.floor(this.known(nowMs) / 2)]
    return decisive === undefined ? 0 : Math.max(0, decisive + this.termMs - nowMs)
  }

  /** The server that a majority names now. */
  named(nowMs: number): string | undefined {
    for (const { server } of this.#latest()) if (this.leftMs(server, nowMs) > 0) return server
    return undefined
  }

  /** How many Sentinels there are: a majority is more than half of them. */
  known(nowMs: number): number {
    const current = this.#current(nowMs)
    const configured = new Set<string>()
    for (const address of this.#configured)
      configured.add(this.#words.get(address)?.id ?? `unheard ${address}`)
    return Math.max(configured.size, current.length, ...current.map(({ sentinels }) => sentinels))
  }

  /** How many of them have named this server of late. */
  agreeing(server: string | undefined, nowMs: number): number {
    return this.#current(nowMs).filter((word) => word.server === server).length
  }

  #current(nowMs: number): SentinelWord[] {
    const { termMs } = this
    return this.#latest().filter(({ askedMs }) => nowMs - askedMs < termMs)
  }

  /** One of each Sentinel. */
  #latest(): SentinelWord[] {
    const byId = new Map<string, SentinelWord>()
    for (const word of this.#words.values()) {
      if (word === undefined) continue
      const before = byId.get(word.id)
      if (before === undefined || before.askedMs < word.askedMs) byId.set(word.id, word)
    }
    return [...byId.values()]
  }
}
