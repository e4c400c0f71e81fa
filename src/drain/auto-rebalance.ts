/**
 * A node that has joined a cluster has the others give it its share, once, where `rebalance.auto` is on.
 */
import { newJobId, type JobBook } from './job-book.ts'
import { rebalanceJob } from './job-making.ts'
import { surplusOf } from './rebalance.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { NodeInfo } from '../registry/registry.ts'

export const AUTO_REBALANCE = 'rebalance.auto'

export interface AutoRebalancePorts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Pick<Log, 'info'>
  readonly book: Pick<JobBook, 'create' | 'lease' | 'nowMs'>
  readonly self: () => NodeInfo
  readonly others: () => readonly NodeInfo[]
  /** How many jobs run. */
  readonly jobs: () => number
  readonly target: () => string
  readonly failed: (what: string, error: unknown) => void
}

/** Of a node that has been there for longer this is not the moment any more. */
const YOUNG_MS = 5 * 60_000
/** Of several nodes that join together one does it for all. */
const LEASE_MS = 60_000
const PLAN = '5m'

export class AutoRebalance {
  readonly #settleMs: number
  readonly #ports: AutoRebalancePorts
  readonly #sinceMs: number
  #activeMs: number | undefined
  #done = false

  /** `settleMs`: those who start beside this node are in the table by then. */
  constructor(settleMs: number, ports: AutoRebalancePorts) {
    this.#settleMs = settleMs
    this.#ports = ports
    this.#sinceMs = ports.clock.monotonicMs()
  }

  /** The table of nodes was read. */
  look(): void {
    if (this.#done) return
    const { clock, self, failed } = this.#ports
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#sinceMs > YOUNG_MS) this.#done = true
    if (this.#done || self().state !== 'active') return
    this.#activeMs ??= nowMs
    if (nowMs - this.#activeMs < this.#settleMs || !this.#isWanted()) return
    this.#done = true
    this.#begin().catch((error: unknown) => failed('an automatic rebalance', error))
  }

  /** While a deploy is under way, or a node leaves, clients are on their way anyhow. */
  #isWanted(): boolean {
    const { self, others, jobs } = this.#ports
    const own = self()
    const near = others().filter(({ region, role }) => region === own.region && role !== 'api')
    if (own.role === 'api' || jobs() > 0) return false
    if (near.some(({ state, version }) => state !== 'active' || version !== own.version)) return false
    const surplus = surplusOf([own, ...near])
    return surplus.length > 0 && surplus.every(({ node }) => node.id !== own.id)
  }

  async #begin(): Promise<void> {
    const { book, self, others, target, log } = this.#ports
    const { id, region } = self()
    if (!(await book.lease('rebalance', id, LEASE_MS))) return
    const job = rebalanceJob([self(), ...others()], region, {
      id: newJobId('rebalance'),
      by: AUTO_REBALANCE,
      reason: `node ${id} has joined`,
      plan: PLAN,
      parallel: 1,
      target: target(),
      nowMs: await book.nowMs(),
    })
    if (job === undefined) return
    await book.create(job)
    const { by, reason, what, plan, nodes } = job
    log.info({ job: job.id, by, reason, what, plan, nodes: nodes.length }, 'a job of the cluster was begun')
  }
}
