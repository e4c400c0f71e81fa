/**
 * The jobs of the cluster as they stand on the shelves of the registry: those that run, those that have ended, and what
 * became of the clients of each node. Whoever changes a job has seen what he changes; where somebody was faster, it is looked
 * at again.
 */
import { randomBytes } from 'node:crypto'
import { isOver, jobIn, jobsIn, JOB_TTL_MS, type Job, type JobKind } from './job.ts'
import { outcomeIn, outcomeKey, type Outcome } from './outcome.ts'
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Registry } from '../registry/registry.ts'

export type JobShelf = 'jobs' | 'ended-jobs'

/** A job, and the text in which it stands there. */
export interface Seen {
  readonly job: Job
  readonly text: string
}

export interface JobBookPorts {
  readonly registry: Pick<Registry, 'put' | 'take' | 'read' | 'swap'>
  readonly clock: Pick<Clock, 'now' | 'after' | 'random'>
  /** Something has changed that other nodes wait for. */
  readonly changed: () => void
}

/** Whoever is in the way has done what he wanted within this many attempts. */
const ATTEMPTS_MAX = 20
const ATTEMPT_SPREAD_MS = 100
/** Of all the jobs that can run at a time; one more would drive another one off the shelf. */
const RUNNING_MAX = 32
const ID_BYTES = 4

/** It begins as no node's id does. */
export function newJobId(kind: JobKind): string {
  return `${kind}-${randomBytes(ID_BYTES).toString('hex')}`
}

export class JobBook {
  readonly #ports: JobBookPorts

  constructor(ports: JobBookPorts) {
    this.#ports = ports
  }

  /** By the clock of the store. Fails with `unavailable`. */
  async nowMs(): Promise<number> {
    // Nothing has this text, so nothing is changed.
    return (await this.#ports.registry.swap('leases', 'time', 'nobody', '', 1)).nowMs
  }

  /** Of those that run. Fails with `unavailable`. */
  async running(): Promise<ReadonlyMap<string, Job>> {
    return jobsIn(await this.#ports.registry.read('jobs'))
  }

  /** Those that run and those that have ended, the newest first. Fails with `unavailable`. */
  async all(): Promise<Job[]> {
    const { registry } = this.#ports
    // In this order: a job that ends meanwhile is on both shelves, or on the second.
    const running = jobsIn(await registry.read('jobs'))
    const over = jobsIn(await registry.read('ended-jobs'))
    return [...new Map([...running, ...over]).values()].toSorted(
      (a, b) => b.at - a.at || b.id.localeCompare(a.id),
    )
  }

  /** By its id or the beginning of it. Fails with `not_found`, with `bad_request` where several are meant, and with `unavailable`. */
  async find(wanted: string): Promise<Job> {
    const all = await this.all()
    const exact = all.find(({ id }) => id === wanted)
    if (exact !== undefined) return exact
    const found = all.filter(({ id }) => id.startsWith(wanted))
    const [job] = found
    if (job === undefined)
      throw new SluiceError('not_found', `there is no drain ${wanted}; GET /v1/drains lists those of a day`)
    if (found.length > 1)
      throw new SluiceError('bad_request', `${found.length} drains have an id that begins with ${wanted}`)
    return job
  }

  /** Fails with `limit_exceeded` and `unavailable`. */
  async create(job: Job): Promise<void> {
    const { registry, changed } = this.#ports
    if ((await registry.read('jobs')).size >= RUNNING_MAX)
      throw new SluiceError(
        'limit_exceeded',
        `${RUNNING_MAX} jobs are running, and no more do at a time: cancel one`,
      )
    await this.#ports.registry.swap('jobs', job.id, undefined, JSON.stringify(job), JOB_TTL_MS)
    changed()
  }

  /** Answers whether it stands there now: not, where somebody else has changed it since. Fails with `unavailable`. */
  async swap({ job: { id }, text }: Seen, next: Job): Promise<boolean> {
    const { registry, changed } = this.#ports
    const { done } = await registry.swap('jobs', id, text, JSON.stringify(next), JOB_TTL_MS)
    if (done) changed()
    return done
  }

  /**
   * Answers what stands there now; `undefined`: it was not changed, because the change did not want to, or there is no such
   * job. Fails with `unavailable`.
   */
  async change(
    id: string,
    make: (job: Job | undefined, nowMs: number) => Job | undefined,
    shelf: JobShelf = 'jobs',
  ): Promise<Job | undefined> {
    const { registry, changed } = this.#ports
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts++) {
      const nowMs = await this.nowMs()
      const text = (await registry.read(shelf, [id])).get(id)
      const next = make(text === undefined ? undefined : jobIn(id, text), nowMs)
      if (next === undefined) return undefined
      const { done } = await registry.swap(shelf, id, text, JSON.stringify(next), JOB_TTL_MS)
      if (done) {
        changed()
        return next
      }
      await this.#pause()
    }
    throw new SluiceError('unavailable', `others are changing ${id} all the time; try again`)
  }

  /** A job that is over goes to those that have ended, and can be asked for until a day is over. Fails with `unavailable`. */
  async archive({ job, text }: Seen): Promise<void> {
    if (!isOver(job)) throw new Error('a job that runs is not put away')
    const { registry } = this.#ports
    // In this order, so that it is always somewhere.
    await registry.put('ended-jobs', job.id, text, JOB_TTL_MS)
    await registry.take('jobs', job.id)
  }

  /** The store has lost its jobs, and this one had not ended: it is there again. Fails with `unavailable`. */
  async restore({ job: { id }, text }: Seen): Promise<boolean> {
    const { registry } = this.#ports
    if ((await registry.read('ended-jobs', [id])).has(id)) return false
    return (await registry.swap('jobs', id, undefined, text, JOB_TTL_MS)).done
  }

  /** Fails with `unavailable`. */
  async record(outcome: Outcome): Promise<void> {
    const { job, node } = outcome
    await this.#ports.registry.put('drains', outcomeKey(job, node), JSON.stringify(outcome), JOB_TTL_MS)
  }

  /** By node, of those that have said something. Fails with `unavailable`. */
  async outcomes(job: string, nodes: readonly string[]): Promise<ReadonlyMap<string, Outcome>> {
    const keys = nodes.map((node) => outcomeKey(job, node))
    const found = new Map<string, Outcome>()
    for (const text of (await this.#ports.registry.read('drains', keys)).values()) {
      const outcome = outcomeIn(text)
      if (outcome !== undefined) found.set(outcome.node, outcome)
    }
    return found
  }

  /** Answers whether the node has it from now on, for so long. Fails with `unavailable`. */
  async lease(name: string, node: string, ttlMs: number): Promise<boolean> {
    const { registry } = this.#ports
    if ((await registry.swap('leases', name, node, node, ttlMs)).done) return true
    return (await registry.swap('leases', name, undefined, node, ttlMs)).done
  }

  /** Fails with `unavailable`. */
  async release(name: string, node: string): Promise<void> {
    // It ends by itself; sooner where the node still has it.
    await this.#ports.registry.swap('leases', name, node, node, 1)
  }

  #pause(): Promise<void> {
    const { clock } = this.#ports
    return new Promise((resolve) => clock.after(clock.random() * ATTEMPT_SPREAD_MS, resolve))
  }
}
