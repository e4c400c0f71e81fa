/**
 * Keeps Kubernetes informed of what it costs to end this node, so that a scale-in takes the emptiest. Part of the composition.
 */
import type { Clock, Timer } from '../clock.ts'
import { deletionCost, isWorthTelling } from '../cluster/deletion-cost.ts'
import type { Base } from './base.ts'
import { annotateOwnPod, type OwnPod } from '../drivers/kubernetes.ts'
import type { Log } from '../observe/log.ts'
import type { NodeState } from '../protocol/states.ts'

const ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost'
/** Also how often it is tried again: nobody but a scale-in asks for it. */
const LOOK_MS = 30_000

/** Where it is wanted. */
export function createDeletionCost(
  { config, clock, log, health }: Base,
  connections: () => number,
): DeletionCost | undefined {
  const { deletionCost: wanted, podName, url, credentials } = config.kubernetes
  if (!wanted || podName === undefined) return undefined
  return new DeletionCost(
    { url, credentials, name: podName },
    { clock, log, connections, state: () => health.state },
  )
}

export interface DeletionCostPorts {
  readonly clock: Pick<Clock, 'every'>
  readonly log: Log
  readonly connections: () => number
  readonly state: () => NodeState
}

/** Fails nowhere: a node without Kubernetes serves as well. */
export class DeletionCost {
  readonly #pod: OwnPod
  readonly #ports: DeletionCostPorts
  #timer: Timer | undefined
  #told: number | undefined
  #failure: string | undefined
  #telling = false

  constructor(pod: OwnPod, ports: DeletionCostPorts) {
    this.#pod = pod
    this.#ports = ports
  }

  start(): void {
    this.#timer = this.#ports.clock.every(LOOK_MS, () => void this.look())
  }

  /** One request at a time, and none where next to nothing has changed. */
  async look(): Promise<void> {
    const cost = deletionCost(this.#ports.connections(), this.#ports.state())
    if (this.#telling || !isWorthTelling(cost, this.#told)) return
    this.#telling = true
    try {
      await annotateOwnPod(this.#pod, { [ANNOTATION]: String(cost) })
      this.#told = cost
      if (this.#failure !== undefined)
        this.#ports.log.info({}, 'Kubernetes knows again what it costs to end this pod')
      this.#failure = undefined
    } catch (error) {
      this.#failed((error as Error).message)
    } finally {
      this.#telling = false
    }
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Once for each reason, until it works again. */
  #failed(reason: string): void {
    if (this.#failure === reason) return
    this.#failure = reason
    this.#ports.log.warn(
      { reason },
      'Kubernetes could not be told what it costs to end this pod: a scale-in may take a full one; it is tried again',
    )
  }
}
