/**
 * What a connection that speaks Pusher's protocol needs of the rooms around it, and what it may.
 */
import type { Places } from './places.ts'
import type { SubscriptionPorts } from './subscriptions.ts'
import type { Users } from './users.ts'
import type { Reception } from '../dialect.ts'

export interface SpeakerPorts extends SubscriptionPorts {
  readonly reception: Reception
  readonly users: Users
  readonly places: Places
}

export interface SpeakerOptions {
  readonly jsonDepthMax: number
  readonly activityTimeoutSeconds: number
  readonly membersMax: number
  readonly clientEvents: boolean
  /** Whether a token of the gateway is taken in the place of a signature. */
  readonly tokens: boolean
  readonly watchlists: boolean
}
