/**
 * What the parts of a node say of themselves, for health checks, metrics and the table of nodes. Part of the composition.
 */
import type { Clock } from '../clock.ts'
import type { PartitionDetector } from '../cluster/partition-detector.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Health } from '../observe/health.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NodeInfo } from '../registry/registry.ts'

interface Part {
  healthy(): boolean
}

export interface WatchedParts {
  readonly backbone: Part
  readonly registry: Part
  readonly log: Part
  /** Whether the keys that tokens are checked with are as new as they should be. */
  readonly keysFresh: () => boolean
  /** Whether the node does not hear what it sends itself. */
  readonly deaf: () => boolean
  /** Which nodes cannot be linked with; `undefined`: none. */
  readonly unlinkable: () => string | undefined
  readonly isolation: PartitionDetector
  readonly membership: Pick<Membership, 'saidSince'>
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly health: Health
  readonly metrics: Pick<Metrics, 'nodeState' | 'partUp' | 'deaf'>
}

const STATES = ['starting', 'active', 'cordoned', 'draining', 'closing'] as const

/** Registers the probes and the gauges; the answer names the parts that do not answer now. */
export function watchParts(parts: WatchedParts): () => string[] {
  const {
    backbone,
    registry,
    log,
    keysFresh,
    deaf,
    unlinkable,
    isolation,
    membership,
    clock,
    health,
    metrics,
  } = parts
  const answering = {
    backbone: () => backbone.healthy() && !deaf(),
    registry: () => registry.healthy(),
    log: () => log.healthy(),
  }
  for (const state of STATES) metrics.nodeState[state].read(() => (health.state === state ? 1 : 0))
  for (const [name, answers] of Object.entries(answering)) {
    metrics.partUp[name as keyof typeof answering].read(() => (answers() ? 1 : 0))
  }
  metrics.deaf.read(() => (deaf() ? 1 : 0))
  // Where the table cannot be read, nobody knows how the others are.
  const saidSince = (ms: number): readonly NodeInfo[] =>
    answering.registry() ? membership.saidSince(ms) : []
  health.register('backbone', () => {
    // Clients are better off where messages arrive at once; where nobody is better off, they stay.
    const isolated = isolation.look(clock.monotonicMs(), answering.backbone(), saidSince)
    if (answering.backbone()) return { status: 'ok' }
    const detail = backbone.healthy()
      ? 'the node does not hear what it sends itself'
      : 'the backbone does not answer'
    return { status: isolated ? 'failing' : 'degraded', detail }
  })
  for (const name of ['registry', 'log'] as const) {
    health.register(name, () =>
      answering[name]() ? { status: 'ok' } : { status: 'degraded', detail: `${name} does not answer` },
    )
  }
  health.register('links', () => {
    const detail = unlinkable()
    return detail === undefined ? { status: 'ok' } : { status: 'degraded', detail }
  })
  health.register('keys', () =>
    keysFresh() ? { status: 'ok' } : { status: 'degraded', detail: 'the key set is older than it should be' },
  )
  return () => Object.entries(answering).flatMap(([name, answers]) => (answers() ? [] : [name]))
}
