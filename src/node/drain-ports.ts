/**
 * What the drain of a node needs of other rooms, what it is told at its start, and what an operator may ask of it.
 */
import type { Gate } from '../admission/gate.ts'
import type { Clock } from '../clock.ts'
import type { Inquiry } from '../cluster/inquiry.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Movement } from '../drain/movement.ts'
import type { Underway } from '../drain/schedule.ts'
import type { Health } from '../observe/health.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NodeInfo } from '../registry/registry.ts'
import type { Sessions } from '../session/sessions.ts'

export interface NodeDrainOptions {
  /** What is done where nothing else is said. */
  readonly plan: string
  readonly deregisterMs: number
  readonly graceMs: number
  readonly returnMs: number
  /** From the first word to the end of the process. Absent: as long as the plan takes, and some time more. */
  readonly deadlineMs: number | undefined
  /** For so long the node ends once its clients have gone, within the deadline. */
  readonly endMs: number
  /** Those who are closed because a drain has to end are closed over this time. */
  readonly closeSpreadMs: number
  /** Without any other node for so long, a drain that a signal began ends: everybody is closed, spread over `closeSpreadMs`. */
  readonly aloneMs: number
}

export interface NodeDrainPorts {
  readonly nodeId: string
  readonly clock: Clock
  readonly log: Log
  readonly health: Health
  readonly gate: Gate
  readonly sessions: Sessions
  readonly membership: Membership
  readonly inquiry: Pick<Inquiry, 'find'>
  readonly metrics: Pick<Metrics, 'reconnectsAsked' | 'drainMoves'>
  readonly info: () => NodeInfo
  /** The nodes whose clients jobs of the cluster will move. */
  readonly leaving: () => ReadonlySet<string>
  /** What becomes of the clients is written down. */
  began(movement: Movement): void
}

export type MoveReason = 'drain' | 'move'

/** What an operator may ask for. All are absent: the plan of the configuration. */
export interface DrainCommand {
  readonly plan?: string
  readonly paused?: boolean
  /** Everybody now. */
  readonly finish?: true
  /** The region that clients are sent to. */
  readonly to?: string
  /** From now on, instead of what the configuration says. */
  readonly deadlineMs?: number
  /** By this plan nobody is asked before so long has passed. */
  readonly waitMs?: number
  /** Only of a drain that begins: the batch in which another node has ended. */
  readonly underway?: Underway
}
