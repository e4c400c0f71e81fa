/**
 * What a node measures of itself, and how many connections it offers to take because of it. Part of the composition.
 */
import type { Gate } from '../admission/gate.ts'
import { Mean, Pace } from '../admission/pace.ts'
import type { Load } from '../admission/load.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Config } from '../config/schema.ts'

export interface NodePacePorts {
  readonly clock: Clock
  readonly load: Load
  readonly gate: Pick<Gate, 'setRate'>
  /** The node does not hear itself. */
  readonly deaf: () => boolean
}

const TURN_MS = 1000
/** A client waits this long gladly. */
const CONNECT_LIMIT_MS = 500
/** A fifth of the time after which a call has failed. */
const STORE_LIMIT_MS = 100
const BACKBONE_LIMIT_MS = 250
/** A call that failed counts as one that took so long. */
export const FAILED_MS = 1000
/** Of the lag at which newcomers are turned away: before it comes to that, fewer are offered a place. */
const LAG_SHARE = 0.5

export class NodePace {
  readonly connect = new Mean()
  readonly store = new Mean()
  readonly backbone = new Mean()
  readonly #timer: Timer | undefined

  constructor({ connectionsPerSecond, adaptive, maxLoopLag }: Config['admission'], ports: NodePacePorts) {
    const { clock, load, gate, deaf } = ports
    if (!adaptive || connectionsPerSecond === 0) return
    const pace = new Pace({
      mostPerSecond: connectionsPerSecond,
      limits: {
        lag: maxLoopLag * LAG_SHARE,
        connect: CONNECT_LIMIT_MS,
        store: STORE_LIMIT_MS,
        backbone: BACKBONE_LIMIT_MS,
      },
    })
    this.#timer = clock.every(TURN_MS, () => {
      pace.measured({
        lag: load.lagMs,
        connect: this.connect.take(),
        store: this.store.take(),
        backbone: deaf() ? FAILED_MS : this.backbone.take(),
      })
      gate.setRate(pace.perSecond)
    })
  }

  close(): void {
    this.#timer?.cancel()
  }
}
