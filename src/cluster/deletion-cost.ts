/**
 * What it costs to end this node, as Kubernetes is told it: of the pods that it may take away it takes the cheapest. Pure.
 * https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost
 */
import type { NodeState } from '../protocol/states.ts'

/** Below every node that stays: whoever is leaving is taken first. Within 32 bits, as Kubernetes wants it. */
const LEAVING = -1_000_000_000

/** Smaller changes are not worth a request: each one is written to the store of the whole Kubernetes cluster. */
const CHANGE_PART = 0.1
const CHANGE_CONNECTIONS = 10

/** The connections that would have to move. */
export function deletionCost(connections: number, state: NodeState): number {
  return state === 'draining' || state === 'closing' ? LEAVING + connections : connections
}

/** `told`: what Kubernetes was told last; absent where that is not known. */
export function isWorthTelling(cost: number, told: number | undefined): boolean {
  if (told === undefined || cost < 0 !== told < 0) return true
  // Nobody fills up a node that leaves: once is enough.
  if (cost < 0) return false
  return Math.abs(cost - told) >= Math.max(CHANGE_CONNECTIONS, CHANGE_PART * told)
}
