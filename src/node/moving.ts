/**
 * Clients that move to other nodes: the drain and the rebalancing of this node, and the jobs of the cluster that ask for
 * them. Part of the composition.
 */
import type { Gate } from '../admission/gate.ts'
import { send } from '../cluster/control.ts'
import { yieldsTo } from '../cluster/steering.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import { NodeDrain } from './drain.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { drainOptions } from './options.ts'
import type { Stores } from './stores.ts'

export interface MovingPorts {
  readonly stores: Stores
  readonly cluster: Cluster
  readonly delivery: Delivery
  readonly gate: Gate
  /** All clients have gone, as an operator has asked: the node ends. */
  readonly emptied: () => void
}

export interface Moving {
  readonly draining: NodeDrain
  readonly jobs: Jobs
}

export function createMoving(base: Base, ports: MovingPorts): Moving {
  const { config, id, clock, log, health, metrics, failed } = base
  const { membership, inquiry, info } = ports.cluster
  const draining: NodeDrain = new NodeDrain(drainOptions(config), {
    nodeId: id,
    clock,
    log,
    health,
    gate: ports.gate,
    sessions: ports.delivery.sessions,
    membership,
    inquiry,
    metrics,
    info,
    leaving: () => jobs.runner.leaving,
    began: (movement) => jobs.records.began(movement),
  })
  const jobs = createJobs({
    config,
    clock,
    log,
    registry: ports.stores.registry,
    membership,
    metrics,
    drain: draining,
    info,
    changed: () => void send(ports.stores.backbone, undefined, { kind: 'jobChanged' }),
    emptied: ports.emptied,
    failed,
  })
  health.yieldsWhile(() => {
    const job = jobs.ahead()
    if (job === undefined) return undefined
    const { leaving } = jobs.runner
    const [taker] = yieldsTo({ self: info(), others: membership.others, target: undefined, leaving })
    return taker && `${job.id} will move its clients, and node ${taker.id} of its region stays`
  })
  return { draining, jobs }
}
