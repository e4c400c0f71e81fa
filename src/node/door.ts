/**
 * Opens and closes the door for backends that publish over NATS. Part of the composition.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Answered } from '../cluster/cut-off.ts'
import type { NatsEvents } from '../drivers/nats-port.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import type { Stores } from './stores.ts'
import { DoorKeeper, type OtherDoor } from '../publish/door-keeper.ts'

export interface NodeDoorPorts {
  readonly ingress: { readonly isOpen: boolean; open(): void; close(): Promise<void> }
  readonly nats: { readonly up: boolean; watch(events: NatsEvents): void }
  readonly clock: Pick<Clock, 'monotonicMs' | 'every'>
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly metrics: Pick<Metrics, 'natsDoor'>
  /** The parts of this node that do not answer. */
  degraded(): readonly string[]
  /** What others have answered after a moment; they are asked. */
  answered(afterMs: number): readonly Answered[]
}

const LOOK_MS = 250
/** Longer than a store that comes and goes stays away. */
const RETURN_MS = 3000
const SILENCE_MS = 4500
const ANSWER_MS = 1000

export class NodeDoor {
  readonly #ports: NodeDoorPorts
  readonly #keeper = new DoorKeeper({ returnMs: RETURN_MS, silenceMs: SILENCE_MS, answerMs: ANSWER_MS })
  #timer: Timer | undefined
  #ill = false

  constructor(ports: NodeDoorPorts) {
    this.#ports = ports
    ports.metrics.natsDoor.read(() => (ports.ingress.isOpen ? 1 : 0))
    ports.nats.watch({ connected: () => this.#look(), disconnected: () => this.#look() })
  }

  get isOpen(): boolean {
    return this.#ports.ingress.isOpen
  }

  start(): void {
    this.#ports.ingress.open()
    this.#timer = this.#ports.clock.every(LOOK_MS, () => this.#look())
  }

  /** Resolves once what has been taken is answered. Idempotent. */
  close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    return this.#ports.ingress.close()
  }

  #look(): void {
    if (this.#timer === undefined) return
    const { ingress, nats, clock } = this.#ports
    const parts = this.#ports.degraded()
    const condition = !nats.up ? 'cut' : parts.length > 0 ? 'ill' : 'well'
    const open = this.#keeper.look(clock.monotonicMs(), condition, (ms) =>
      this.#ports.answered(ms).map(otherDoorOf),
    )
    if (open === ingress.isOpen) return
    if (open) ingress.open()
    else void ingress.close()
    // That NATS is away is told by the link.
    if (condition !== 'cut') this.#tell(open, parts)
  }

  #tell(open: boolean, parts: readonly string[]): void {
    const { log } = this.#ports
    if (!open) {
      const rest = 'other nodes take publishes over NATS, this one does not while it is not well'
      log.warn({ parts }, rest)
    } else if (this.#ill) log.info({}, 'the node takes publishes over NATS again')
    this.#ill = !open
  }
}

function otherDoorOf({ state, degraded, door }: Answered): OtherDoor {
  return { well: state === 'active' && degraded.length === 0, open: door }
}

/** Nothing where all is in memory. */
export function createDoor(
  { clock, log, metrics }: Base,
  {
    stores,
    cluster,
    delivery,
  }: { readonly stores: Stores; readonly cluster: Cluster; readonly delivery: Delivery },
): NodeDoor | undefined {
  const { nats } = stores
  const { ingress } = delivery
  if (ingress === undefined || nats === undefined) return undefined
  return new NodeDoor({
    ...{ ingress, nats, clock, log, metrics },
    degraded: cluster.degraded,
    answered: (ms) => cluster.inquiry.answered(ms),
  })
}
