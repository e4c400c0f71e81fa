/**
 * Carries out the jobs of the cluster at this node: its own part in them, and all of them where it leads. It acts each time
 * that the table of nodes was read, and what it reads with it; a word of other nodes makes it read sooner.
 */
import type { Seen } from './job-book.ts'
import { commandOf, stepOf, type Local } from './job-hand.ts'
import { advance, type LeaderSight } from './job-leader.ts'
import {
  back,
  begun,
  ended,
  isActive,
  isOver,
  jobIn,
  leavingIn,
  nodeOf,
  type Job,
  type JobNode,
} from './job.ts'
import { type JobRunnerOptions, type JobRunnerPorts } from './job-runner-ports.ts'
import type { Origin } from './movement.ts'
import { givenAway } from './rebalance.ts'
import type { DrainProgress } from './drain.ts'
import type { Timer } from '../clock.ts'

/** What this node does for a job. */
interface Part {
  readonly job: string
  readonly rebalances: boolean
  local: Local
  /** Its share of the plan, and all that it was told, as it stood when it was. */
  share: string | undefined
  told: string
  outcome: 'gone' | 'cancelled' | undefined
}

const LEASE = 'jobs'
const HOLD_TURN = 'this node waits for its turn in the job again: it was not heard of for a while'
const HOLD_UNREAD = 'the job that this node is drained for cannot be read'
const LOOK_MS = 500

export class JobRunner {
  readonly #options: JobRunnerOptions
  readonly #ports: JobRunnerPorts
  /** Those that run, as they were read last. */
  #seen = new Map<string, Seen>()
  #leaving: ReadonlySet<string> = new Set()
  #part: Part | undefined
  #turn = true
  #readMs: number
  #leads = false
  /** Since when a node of a job is not in the table. */
  readonly #missing = new Map<string, number>()
  #looking: Promise<void> | undefined
  #again = false
  #reading = false
  #readAgain = false
  readonly #guard: Timer
  #closed = false

  constructor(options: JobRunnerOptions, ports: JobRunnerPorts) {
    this.#options = options
    this.#ports = ports
    this.#readMs = ports.clock.monotonicMs()
    this.#guard = ports.clock.every(LOOK_MS, () => this.#guardPart())
  }

  /** The nodes whose clients jobs will move, or do. */
  get leaving(): ReadonlySet<string> {
    return this.#leaving
  }

  /** Those that run, as they were read last. */
  get jobs(): readonly Job[] {
    return [...this.#seen.values()].map(({ job }) => job)
  }

  get leads(): boolean {
    return this.#leads
  }

  /** The table was read, and the jobs with it; they were asked for at `askedMs`, by the clock that does not jump. */
  look(askedMs: number): void {
    this.#readMs = askedMs
    const lost = this.#take(this.#ports.jobs())
    if (this.#closed || (this.#seen.size === 0 && lost.length === 0 && this.#part === undefined)) {
      this.#missing.clear()
      this.#leads = false
      return
    }
    if (this.#looking !== undefined) {
      this.#again = true
      return
    }
    this.#looking = this.#act(lost)
      .catch((error: unknown) => this.#ports.failed('a job', error))
      .finally(() => {
        this.#looking = undefined
        if (!this.#again) return
        this.#again = false
        this.#reread()
      })
  }

  /** Another node says that a job has changed. */
  heard(): void {
    if (!this.#closed) this.#reread()
  }

  /** Gives the lead away. Never fails. */
  async close(): Promise<void> {
    this.#closed = true
    this.#guard.cancel()
    await this.#looking
    const { book, nodeId, failed } = this.#ports
    await this.#tellEnd().catch((error: unknown) => failed('the end of a part of a job', error))
    if (!this.#leads) return
    await book.release(LEASE, nodeId).catch((error: unknown) => failed('giving the lead away', error))
  }

  /** Those who want to meanwhile share one that comes after. */
  #reread(): void {
    if (this.#reading) {
      this.#readAgain = true
      return
    }
    this.#reading = true
    this.#ports
      .read()
      .catch((error: unknown) => this.#ports.failed('reading the jobs', error))
      .finally(() => {
        this.#reading = false
        if (!this.#readAgain || this.#closed) return
        this.#readAgain = false
        this.#reread()
      })
  }

  /** Answers those that ran, and are not there any more. */
  #take(shelf: ReadonlyMap<string, string>): Seen[] {
    const before = this.#seen
    this.#seen = new Map()
    for (const [id, text] of shelf) {
      const known = before.get(id)
      const job = known?.text === text ? known.job : jobIn(id, text)
      if (job !== undefined) this.#seen.set(id, { job, text })
    }
    this.#leaving = leavingIn(this.jobs)
    return [...before.values()].filter(({ job }) => !isOver(job) && !shelf.has(job.id))
  }

  async #act(lost: readonly Seen[]): Promise<void> {
    const { book, log } = this.#ports
    for (const seen of lost) {
      if (await book.restore(seen))
        log.warn({ job: seen.job.id }, 'the registry had lost a job that runs: it is there again')
    }
    await this.#tellEnd()
    // Its job has ended without it: nobody waits for it, and it for nobody.
    if (this.#part !== undefined && !this.#seen.has(this.#part.job)) this.#setTurn(true)
    for (const seen of this.#seen.values()) await this.#follow(seen)
    await this.#lead()
  }

  /** Its drain has ended, and the job is to know. */
  async #tellEnd(): Promise<void> {
    const { book, drain, nodeId } = this.#ports
    const part = this.#part
    if (part?.outcome === undefined) return
    const cancelled = part.outcome === 'cancelled'
    const told = this.#progressOf(part)?.told ?? 0
    const underway = part.rebalances ? undefined : drain.underway
    await book.change(
      part.job,
      (job, nowMs) => job && ended(job, nodeId, { nowMs, told, cancelled, underway }),
    )
    this.#setTurn(true)
    this.#part = undefined
  }

  async #follow({ job, text }: Seen): Promise<void> {
    const { nodeId, book, drain } = this.#ports
    if (nodeOf(job, nodeId) === undefined) return
    const own = this.#part?.job === job.id ? this.#part : undefined
    // One after the other, where two jobs mean this node.
    if (own === undefined && this.#part !== undefined) return
    const step = stepOf(job, nodeId, own?.local ?? 'none')
    switch (step.kind) {
      case 'claim': {
        const nowMs = await book.nowMs()
        const next = begun(job, nodeId, nowMs)
        if (next === undefined || !(await book.swap({ job, text }, next))) return
        this.#begin(next, nodeOf(next, nodeId) as JobNode, nowMs)
        return
      }
      case 'follow':
        this.#begin(job, step.node, await book.nowMs())
        return
      case 'hold':
        this.#setTurn(false)
        return
      case 'back': {
        this.#setTurn(false)
        const next = back(job, nodeId, await book.nowMs())
        if (next !== undefined) await book.swap({ job, text }, next)
        return
      }
      case 'cancel':
        if (own?.rebalances) drain.cancelRebalance()
        else drain.cancel()
        return
      case 'nothing':
        return
      default:
        step satisfies never
    }
  }

  /** Begins its part, or changes it where the job says something else than it did. */
  #begin(job: Job, node: JobNode, nowMs: number): void {
    const { drain, log } = this.#ports
    this.#setTurn(true)
    const { plan, share, deadlineAt } = node
    const told = JSON.stringify([share, deadlineAt, job.state === 'paused', job.now])
    const before = this.#part
    if (before?.told === told) return
    const origin: Origin = {
      by: job.by,
      job: job.id,
      ...(job.reason === undefined ? {} : { reason: job.reason }),
    }
    if (job.kind === 'rebalance') {
      if (before !== undefined) return
      this.#ends(
        job,
        { share, told },
        givenAway(() => drain.rebalance(Math.max(1, node.clients), plan, origin)),
      )
      return
    }
    const command = commandOf(job, node, before, nowMs)
    if (before === undefined) {
      log.info({ ...origin, plan }, 'the node is called by a job')
      this.#ends(job, { share, told }, drain.begin(command, origin))
      return
    }
    Object.assign(before, { share, told })
    // It has been emptied, or somebody has cancelled it here, and that is not written yet.
    if (before.outcome === undefined) void drain.begin(command, origin)
  }

  #ends(job: Job, order: Pick<Part, 'share' | 'told'>, done: Promise<'gone' | 'cancelled'>): void {
    const part: Part = {
      job: job.id,
      rebalances: job.kind === 'rebalance',
      local: 'runs',
      ...order,
      outcome: undefined,
    }
    this.#part = part
    void done.then((outcome) => {
      part.outcome = outcome
      part.local = 'over'
      // Whether the registry answers or not.
      if (outcome === 'gone' && !part.rebalances) this.#ports.emptied()
      this.#reread()
    })
  }

  async #lead(): Promise<void> {
    const { book, nodeId, clock, log } = this.#ports
    const { leaseMs } = this.#options
    const led = this.#leads
    this.#leads = this.#seen.size > 0 && (await book.lease(LEASE, nodeId, leaseMs))
    if (this.#leads && !led)
      log.info({ jobs: [...this.#seen.keys()] }, 'the node leads the jobs of the cluster')
    if (!this.#leads) return
    const here = new Set([nodeId, ...this.#ports.others().map(({ id }) => id)])
    const nowMs = clock.monotonicMs()
    for (const id of this.#missing.keys()) if (here.has(id)) this.#missing.delete(id)
    for (const seen of this.#seen.values()) {
      if (isOver(seen.job)) await book.archive(seen)
      else await this.#advance(seen, here, nowMs)
    }
  }

  async #advance(seen: Seen, here: ReadonlySet<string>, nowMs: number): Promise<void> {
    const { book, log } = this.#ports
    const { job } = seen
    for (const { id } of job.nodes) if (!here.has(id) && !this.#missing.has(id)) this.#missing.set(id, nowMs)
    const sight = await this.#sightOf(job, nowMs)
    const next = advance(job, sight)
    if (next === job || !(await book.swap(seen, next))) return
    for (const node of next.nodes) {
      const { part } = nodeOf(job, node.id) as JobNode
      if (part !== node.part) log.info({ job: job.id, of: node.id, part: node.part }, 'a node of a job')
    }
    if (isOver(next)) await book.archive({ job: next, text: JSON.stringify(next) })
  }

  async #sightOf(job: Job, nowMs: number): Promise<LeaderSight> {
    const { book, delays, nodeId, connections, others } = this.#ports
    const { leaseMs, answerMs } = this.#options
    const outcomes = await book.outcomes(
      job.id,
      job.nodes.filter(isActive).map(({ id }) => id),
    )
    // Who is drained and has not begun moves all that are there by then, however many there were when the job was made.
    const connected = new Map(others().map((node) => [node.id, node.connections])).set(nodeId, connections())
    const all = job.kind === 'drain'
    return {
      ...delays,
      nowMs: await book.nowMs(),
      answerMs,
      leaveMs: leaseMs,
      // The table may have been lost with everything: then all of them enter it again.
      here: (id) => nowMs - (this.#missing.get(id) ?? nowMs) <= leaseMs,
      told: (id) => outcomes.get(id)?.progress.told ?? 0,
      left: (id) => outcomes.get(id)?.progress.remaining ?? (all ? connected.get(id) : undefined),
    }
  }

  #progressOf(part: Part): DrainProgress | undefined {
    return part.rebalances ? this.#ports.drain.rebalanceProgress : this.#ports.drain.progress
  }

  #setTurn(turn: boolean): void {
    this.#turn = turn
    this.#guardPart()
  }

  /** Who has not heard of his job for long may have been taken for dead, and another one moves clients in his place. */
  #guardPart(): void {
    const { drain, clock } = this.#ports
    if (this.#part === undefined) return
    const isUnread = clock.monotonicMs() - this.#readMs > this.#options.leaseMs
    drain.hold(!this.#turn ? HOLD_TURN : isUnread ? HOLD_UNREAD : undefined)
  }
}
