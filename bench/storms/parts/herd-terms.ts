/** What the runner of a storm and its processes of clients say to each other. */
import type { Backend } from './haproxy.ts'
import type { Kind } from '../../../test/support/members.ts'
import type { Tally } from '../../../test/support/tally.ts'

export interface JoinOrder {
  /** The first user's number. */
  readonly from: number
  readonly count: number
  /** In turns. */
  readonly kinds: readonly Kind[]
  /** In turns, one for each client beside his inbox. */
  readonly channels: readonly string[]
  /** Of the balancer. */
  readonly port: number
  /** Where there is no balancer that could hold so many: the SDK's clients choose among these. */
  readonly nodes?: readonly Backend[]
}

/** What was accepted, by channel: the number that was published, and where the log has it. */
export type Published = Readonly<
  Record<string, readonly (readonly [number: number, epoch: string, offset: number])[]>
>

/** What the clients of one kind went through. */
export interface Journey {
  clients: number
  moves: number
  /** How many were welcomed by these nodes in this order, by their ids with `>` between them; of the SDK. */
  readonly paths: Record<string, number>
  refusals: number
  /** Event sources that never come back. */
  gaveUp: number
  readonly gapsMs: number[]
}

export interface Outcome {
  readonly tally: Tally
  readonly journeys: Readonly<Partial<Record<Kind, Journey>>>
}
