/**
 * What the conversations of clients of Centrifuge need of the rooms around them, and how they are set up.
 */
import type { ConversationOptions } from './conversation.ts'
import type { Encoding } from './encoding.ts'
import type { HistoryLog } from './history.ts'
import type { Hello, Reception } from '../dialect.ts'
import type { Named } from '../emulation.ts'
import type { Clock } from '../../clock.ts'
import type { Permissions } from '../../session/ports.ts'
import type { ReauthOptions } from '../../session/reauth.ts'
import type { Wheel } from '../../wheel.ts'

export interface SpeakerPorts {
  readonly reception: Reception
  /** What a client may do that brings no token; `undefined`: it is refused. */
  readonly anonymous: Permissions | undefined
  /** What clients may do that bring one, beside what is in it. */
  readonly everybody: Permissions | undefined
  readonly clock: Clock
  readonly wheel: Wheel
  /** `undefined`: the channel keeps no messages. */
  logOf(channel: string): HistoryLog | undefined
  keepsPresence(channel: string): boolean
  /** Whether what clients publish there goes to a backend, which answers. */
  forwards(channel: string): boolean
  /** Whether clients say what they have handled of a channel. */
  acknowledged(channel: string): boolean
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
}

export interface CentrifugeHello extends Hello {
  readonly encoding: Encoding
  /** `undefined`: it has a socket. */
  readonly named: Named | undefined
}

export interface SpeakerOptions extends ConversationOptions {
  readonly connectTimeoutMs: number
  readonly reauth: ReauthOptions
}
