/**
 * The closed sets of label values, for the rooms that count and for the table of metrics.
 */
import { ERRORS, WALLS, type CloseReason, type Ended } from '../errors.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import type { ResetReason } from '../protocol/position.ts'
import { RFC_CLOSE } from '../protocol/rfc6455.ts'
import { ADMISSION_REFUSALS } from '../protocol/states.ts'
import { TRANSPORTS } from '../protocol/transport-name.ts'

export interface Label {
  readonly name: string
  readonly values: readonly string[]
}

/** The reasons for which the gateway closes, as they are written on the metrics page. */
const CLOSE_NAMES = {
  tooLarge: 'too_large',
  internal: 'internal',
  goingAway: 'going_away',
  tryLater: 'try_later',
  malformed: 'malformed',
  unauthorized: 'unauthorized',
  forbidden: 'forbidden',
  connectTimeout: 'connect_timeout',
  takenOver: 'taken_over',
  rateLimited: 'rate_limited',
  notAdmitted: 'not_admitted',
  tooSlow: 'too_slow',
} as const satisfies Record<CloseReason, string>

/** What a connection ended with: why the gateway closed it, or what the peer or the network did. */
export type DisconnectReason = (typeof CLOSE_NAMES)[CloseReason] | 'client' | 'lost' | 'answered'

/** What the peer said, or the native library did for us. */
const CODE_NAMES: Readonly<Record<number, DisconnectReason | undefined>> = {
  [RFC_CLOSE.normal]: 'client',
  [RFC_CLOSE.leaving]: 'client',
  [RFC_CLOSE.notUtf8]: CLOSE_NAMES.malformed,
  [RFC_CLOSE.tooLarge]: CLOSE_NAMES.tooLarge,
}

/**
 * For `disconnects`. What ended without a close frame (1005, 1006, an aborted stream) or with a code that nobody here sends
 * counts as `lost`.
 */
export function disconnectReason({ why, code }: Ended): DisconnectReason {
  if (why === 'answered') return why
  if (why !== undefined) return CLOSE_NAMES[why]
  return (code === undefined ? undefined : CODE_NAMES[code]) ?? 'lost'
}

const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]
export const RESET_REASONS = ['gap', 'epoch', 'trimmed'] as const satisfies readonly ResetReason[]

export const DISCONNECT_REASONS: readonly DisconnectReason[] = [
  ...Object.values(CLOSE_NAMES),
  'client',
  'lost',
  'answered',
]

export const REFUSAL_REASONS = [...ADMISSION_REFUSALS, 'origin', 'outdated', 'subprotocol'] as const

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
