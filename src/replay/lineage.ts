/**
 * Whether a server of a Redis Cluster that has become a master has all that the master before it had confirmed. Pure: it is told
 * what servers say of themselves.
 *
 * The one who knows is the master before. Where an operator asks for the change (`CLUSTER FAILOVER`) it lives on as a replica, and
 * says up to where it had written its own history (`second_repl_offset`, with `master_replid2`), as the new master says up to where it has that
 * history. It is believed only where its process is the one that was seen as the master: one that was started again has what its file
 * had, and would say that nothing came after it.
 */

/** INFO of one server. */
export type ServerInfo = ReadonlyMap<string, string>

/** `unknown`: not yet; the former master may not have heard of its successor. */
export type Inheritance = 'whole' | 'lost' | 'unknown'

/** More than a cluster has masters; the one that was seen longest ago is forgotten first. */
const MASTERS_MAX = 1024

export class Lineage {
  /** By generation, the process that writes its history; `undefined`: two have said that they do. */
  readonly #writers = new Map<string, string | undefined>()

  saw(servers: readonly ServerInfo[]): void {
    for (const info of servers) {
      const [generation, process] = [info.get('master_replid'), info.get('run_id')]
      if (info.get('role') !== 'master' || generation === undefined || process === undefined) continue
      const isOther = this.#writers.has(generation) && this.#writers.get(generation) !== process
      this.#writers.delete(generation)
      this.#writers.set(generation, isOther ? undefined : process)
      for (const oldest of this.#writers.keys()) {
        if (this.#writers.size <= MASTERS_MAX) break
        this.#writers.delete(oldest)
      }
    }
  }

  /** Whether the server of the generation `to` has all that was confirmed in the generation `from`. */
  inheritance(from: string, to: string, servers: readonly ServerInfo[]): Inheritance {
    const writer = this.#writers.get(from)
    if (writer === undefined) return 'lost'
    const heir = servers.find((info) => info.get('role') === 'master' && info.get('master_replid') === to)
    const former = servers.find((info) => info.get('run_id') === writer)
    if (heir === undefined || former === undefined) return 'unknown'
    if (heir.get('master_replid2') !== from) return 'lost'
    // It is a master still, or has not met its successor yet.
    if (former.get('master_replid') === from) return 'unknown'
    if (former.get('master_replid') !== to || former.get('master_replid2') !== from) return 'lost'
    const [written, inherited] = [former, heir].map((info) => Number(info.get('second_repl_offset')))
    return written !== undefined && inherited !== undefined && written > 0 && written <= inherited
      ? 'whole'
      : 'lost'
  }
}
