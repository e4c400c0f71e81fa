/**
 * The jobs of the cluster as this node takes part in them, and the records of what it does with its clients. Part of the
 * composition.
 */
import type { Clock } from '../clock.ts'
import type { Membership } from '../cluster/membership.ts'
import { versionGoneTo } from '../cluster/steering.ts'
import type { Config } from '../config/schema.ts'
import { AutoRebalance } from '../drain/auto-rebalance.ts'
import type { DrainProgress } from '../drain/drain.ts'
import { JobBook } from '../drain/job-book.ts'
import type { JobDelays } from '../drain/job-pace.ts'
import { JobRunner } from '../drain/job-runner.ts'
import type { JobDrain } from '../drain/job-runner-ports.ts'
import { aheadOf, type Job } from '../drain/job.ts'
import { Records } from '../drain/records.ts'
import type { Log } from '../observe/log.ts'
import { DRAIN_STATES, HOLD_REASONS } from '../protocol/states.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NodeInfo, Registry } from '../registry/registry.ts'

type JobMetrics = Pick<
  Metrics,
  'drainState' | 'drainHolding' | 'drainRemaining' | 'drainEstimate' | 'jobsRunning' | 'deployChanged'
>

export interface JobPorts {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly registry: Registry
  readonly membership: Pick<Membership, 'others' | 'orders' | 'jobs' | 'refresh'>
  readonly metrics: JobMetrics
  readonly drain: JobDrain
  readonly info: () => NodeInfo
  /** Tells all nodes that a job has changed. */
  changed(): void
  emptied(): void
  readonly failed: (what: string, error: unknown) => void
}

export interface Jobs {
  readonly book: JobBook
  readonly runner: JobRunner
  /** The table of nodes was read; it was asked for at `askedMs`, by the clock that does not jump. */
  look(askedMs: number): void
  readonly records: Records
  readonly delays: JobDelays
  /** The version that clients go to. */
  readonly target: () => string
  /** The one that runs and moves the clients of this node, or will. Where none was read for long, nobody knows of any. */
  readonly ahead: () => Job | undefined
}

/** A node that is called, and does not begin for so long, is passed over. */
const ANSWER_MIN_MS = 30_000
const ANSWER_HEARTBEATS = 3
/** Those who start beside a node are in the table by then. */
const SETTLE_HEARTBEATS = 3

export function createJobs(ports: JobPorts): Jobs {
  const { config, clock, log, registry, membership, drain, info, failed } = ports
  const { cluster, drain: own } = config
  const delays = {
    deregisterMs: own.deregisterDelay,
    graceMs: own.grace,
    closeSpreadMs: own.closeSpread,
  }
  const target = (): string =>
    versionGoneTo({ self: info(), others: membership.others, target: membership.orders.target })
  const book = new JobBook({ registry, clock, changed: () => ports.changed() })
  const records = new Records({ clock, book, self: info, target, failed })
  const runner = new JobRunner(
    {
      leaseMs: cluster.nodeTtl,
      answerMs: Math.max(ANSWER_MIN_MS, ANSWER_HEARTBEATS * cluster.heartbeat),
    },
    {
      nodeId: info().id,
      clock,
      log,
      book,
      drain,
      delays,
      others: () => membership.others,
      connections: () => info().connections,
      jobs: () => membership.jobs,
      read: () => membership.refresh(),
      emptied: () => ports.emptied(),
      failed,
    },
  )
  const auto = config.rebalance.auto
    ? new AutoRebalance(SETTLE_HEARTBEATS * cluster.heartbeat, {
        ...{ clock, log, book, self: info, target, failed },
        others: () => membership.others,
        jobs: () => runner.jobs.length,
      })
    : undefined
  const deploy = { version: '', changedS: 0 }
  let readMs = Number.NEGATIVE_INFINITY
  watchMovements(ports.metrics, drain)
  ports.metrics.jobsRunning.read(() => runner.jobs.length)
  ports.metrics.deployChanged.read(() => deploy.changedS)
  const look = (askedMs: number): void => {
    const version = target()
    if (version !== deploy.version) Object.assign(deploy, { version, changedS: clock.now() / 1000 })
    readMs = askedMs
    runner.look(askedMs)
    auto?.look()
  }
  const ahead = (): Job | undefined =>
    clock.monotonicMs() - readMs <= cluster.nodeTtl ? aheadOf(info().id, runner.jobs) : undefined
  return { book, runner, look, records, delays, target, ahead }
}

function watchMovements(metrics: JobMetrics, drain: JobDrain): void {
  const running = (): DrainProgress | undefined => {
    const all = [drain.progress, drain.rebalanceProgress]
    return all.find((one) => one !== undefined && one.state !== 'gone' && one.state !== 'cancelled')
  }
  for (const state of DRAIN_STATES)
    metrics.drainState[state].read(() => (drain.progress?.state === state ? 1 : 0))
  for (const reason of HOLD_REASONS)
    metrics.drainHolding[reason].read(() => (running()?.holdReason === reason ? 1 : 0))
  metrics.drainRemaining.read(() => running()?.remaining ?? 0)
  metrics.drainEstimate.read(() => (running()?.remainingMs ?? 0) / 1000)
}
