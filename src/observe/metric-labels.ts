/**
 * The closed sets of label values, for the rooms that count and for the table of metrics.
 */
import { ERRORS, WALLS } from '../errors.ts'
import type { CloseCode, ErrorCode } from '../protocol/codes.ts'
import type { ResetReason } from '../protocol/frames.ts'

export interface Label {
  readonly name: string
  readonly values: readonly string[]
}

/** The close codes that the gateway sends, by name. */
const CLOSE_NAMES = {
  1009: 'too_large',
  1011: 'internal',
  1012: 'going_away',
  1013: 'try_later',
  4400: 'malformed',
  4401: 'unauthorized',
  4403: 'forbidden',
  4408: 'connect_timeout',
  4409: 'taken_over',
  4429: 'rate_limited',
  4503: 'not_admitted',
  4508: 'too_slow',
} as const satisfies Record<CloseCode, string>

/** What a connection ended with: the gateway's close code by name, or what the peer or the network did. */
export type DisconnectReason = (typeof CLOSE_NAMES)[CloseCode] | 'client' | 'lost' | 'answered'

/**
 * The class of a close code for `disconnects`. What ended without a close frame (1005, 1006, an aborted stream) or with
 * a code that nobody here sends counts as `lost`.
 */
export function disconnectReason(code: number): DisconnectReason {
  if (code === 1000 || code === 1001) return 'client'
  return (CLOSE_NAMES as Record<number, DisconnectReason | undefined>)[code] ?? 'lost'
}

const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]
const TRANSPORTS = ['websocket', 'sse', 'poll'] as const
export const RESET_REASONS = ['gap', 'epoch', 'trimmed'] as const satisfies readonly ResetReason[]

export const DISCONNECT_REASONS: readonly DisconnectReason[] = [
  ...Object.values(CLOSE_NAMES),
  'client',
  'lost',
  'answered',
]

/** Why admission turns a connection attempt away. */
export const ADMISSION_REFUSALS = [
  'connections',
  'address',
  'lag',
  'memory',
  'queue_full',
  'queue_timeout',
  'aborted',
  'starting',
  'draining',
  'closing',
] as const

export type AdmissionRefusal = (typeof ADMISSION_REFUSALS)[number]

export const REFUSAL_REASONS = [...ADMISSION_REFUSALS, 'origin', 'outdated', 'subprotocol'] as const

/** How far a drain is. */
export const DRAIN_STATES = ['waiting', 'moving', 'paused', 'closing', 'gone', 'cancelled'] as const

/** Why a drain waits, in one word. */
export const HOLD_REASONS = ['alone', 'unwell', 'queue', 'other_unwell', 'room', 'returning', 'job'] as const

/** The limits that a peer can hit after it was admitted, named like the options where there is one. */
export const LIMITS = [
  'frames_per_second',
  'bytes_per_second',
  'frame',
  'payload',
  'subscriptions',
  'channels_per_stream',
  'sessions_per_user',
  'connections_per_user',
  'subscriptions_per_user',
  'publishes_per_user_per_second',
  'buffered',
  'connect_timeout',
  'publish_batch',
  'request_body',
] as const

export type LimitName = (typeof LIMITS)[number]

/** Where faults of the gateway are met: at a wall, or by the process, when nothing has caught them. */
export const FAULTS = [...WALLS, 'uncaught_exception', 'unhandled_rejection'] as const

export const TRANSPORT = { name: 'transport', values: TRANSPORTS } as const
export const CODE = { name: 'code', values: ERROR_CODES } as const
