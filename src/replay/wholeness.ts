/**
 * Whether a restart of Redis loses nothing that it has confirmed. Pure: it is told what the server says of itself.
 *
 * It is proven where each write is on disk before it is confirmed (`appendfsync always`), on a server that has no copy which
 * might take its place. With `appendfsync everysec` up to two seconds may be missing, and nobody can say whether they are; a
 * replica is behind, nobody knows how far.
 *
 * That the files were exchanged for older ones while the server was away shows by a mark that each node raises every second,
 * and remembers: a server that has less of it than was confirmed has lost something.
 */

/** What the server says of itself. */
export interface ServerFacts {
  /** The sections `persistence` and `replication` of INFO. */
  readonly info: ReadonlyMap<string, string>
  /** CONFIG GET; `undefined`: it may not be asked. */
  readonly appendfsync: string | undefined
  readonly noFsyncOnRewrite: string | undefined
}

/**
 * `all` with a generation: what the server of that generation confirms now survives a restart, and it lacks nothing that the
 * one before it had confirmed, as far as this node knows. `unknown`: the server has not been asked since it was reached.
 */
export type Keeps = `all:${string}` | 'some' | 'unknown'

/** Why a restart may lose something; `undefined`: it does not. */
export function losses({ info, appendfsync, noFsyncOnRewrite }: ServerFacts): string | undefined {
  if (info.get('role') !== 'master') return 'it is a replica'
  if (info.get('connected_slaves') !== '0') return 'it has replicas, which lack the last messages'
  if (info.get('aof_enabled') !== '1') return 'appendonly is off'
  if (appendfsync === undefined) return 'it does not tell its appendfsync (CONFIG GET)'
  if (appendfsync !== 'always') return `appendfsync is ${appendfsync}, and not always`
  if (noFsyncOnRewrite !== 'no') return 'no-appendfsync-on-rewrite is not no'
  // While the file is written anew the policy may not hold for all of it.
  if (info.get('aof_rewrite_in_progress') !== '0' || info.get('aof_rewrite_scheduled') !== '0')
    return 'its file is being written anew'
  return undefined
}

/** The lines of INFO. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const at = line.indexOf(':')
    if (at > 0 && !line.startsWith('#')) fields.set(line.slice(0, at), line.slice(at + 1))
  }
  return fields
}

export class Wholeness {
  #generation: string | undefined
  #marked = 0
  /** A server of this generation has less than it had confirmed. */
  #older: string | undefined
  #keeps: Keeps = 'unknown'
  #why: string | undefined

  get keeps(): Keeps {
    return this.#keeps
  }

  /** Why a restart may lose something. */
  get why(): string | undefined {
    return this.#why
  }

  /** The connection is gone: what comes next may be another server, or the same with less. */
  lost(): void {
    this.#keeps = 'unknown'
  }

  /** The server was asked. `mark`: as it was before this node raised it by one. */
  looked(facts: ServerFacts, mark: number): void {
    const generation = facts.info.get('master_replid')
    if (generation !== this.#generation && mark < this.#marked) this.#older = generation
    this.#generation = generation
    this.#marked = mark + 1
    this.#why =
      generation !== undefined && generation === this.#older
        ? 'it came back with older files than it had'
        : losses(facts)
    this.#keeps = this.#why === undefined && generation !== undefined ? `all:${generation}` : 'some'
  }
}
