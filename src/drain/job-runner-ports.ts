/**
 * What carrying out jobs needs of other rooms, and what a job orders of a node.
 */
import type { JobBook } from './job-book.ts'
import type { JobDelays } from './job-pace.ts'
import type { Origin } from './movement.ts'
import type { DrainProgress } from './drain.ts'
import type { Underway } from './schedule.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** What a job orders of this node. */
export interface PartCommand {
  readonly plan?: string
  readonly waitMs?: number
  readonly deadlineMs?: number
  /** Only of a drain that runs. */
  readonly paused?: boolean
  readonly finish?: true
  readonly to?: string
  /** The batch in which another node of the job has ended. */
  readonly underway?: Underway
}

/** The movements of this node. */
export interface JobDrain {
  begin(command: PartCommand, origin: Origin): Promise<'gone' | 'cancelled'>
  cancel(): void
  rebalance(count: number, plan: string | undefined, origin: Origin): Promise<'gone' | 'cancelled'>
  cancelRebalance(): void
  readonly progress: DrainProgress | undefined
  /** The batch in which the drain has ended that ran last. */
  readonly underway: Underway | undefined
  readonly rebalanceProgress: DrainProgress | undefined
  /** Nobody is asked for this reason, until it is taken back. */
  hold(reason: string | undefined): void
}

export interface JobRunnerPorts {
  readonly nodeId: string
  readonly clock: Clock
  readonly log: Log
  readonly book: JobBook
  readonly drain: JobDrain
  readonly delays: JobDelays
  /** The others, as the table of nodes was read last. */
  readonly others: () => readonly Pick<NodeInfo, 'id' | 'connections'>[]
  /** How many are connected here. */
  readonly connections: () => number
  /** The shelf of the jobs that run, as it was read with the table. */
  readonly jobs: () => ReadonlyMap<string, string>
  /** Reads both again. Fails with `unavailable`. */
  read(): Promise<unknown>
  /** The clients of this node have gone, for a job. */
  emptied(): void
  readonly failed: (what: string, error: unknown) => void
}

export interface JobRunnerOptions {
  /** For so long a node that has the lead keeps it without a word, and one that has not read its job goes on. */
  readonly leaseMs: number
  /** Within this time a node begins that is called. */
  readonly answerMs: number
}
