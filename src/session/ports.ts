/**
 * What the session room needs of other rooms, as narrow as it uses it.
 */
import type { HowCame } from './came.ts'
import type { Answer } from '../answer.ts'
import type { Identity } from '../auth/identity.ts'
import type { TakenOver } from '../cluster/control.ts'
import type { Clock } from '../clock.ts'
import type { Came, Witness } from '../observe/witness.ts'
import type { SluiceError } from '../errors.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import type { Position } from '../protocol/position.ts'
import type { TransportName } from '../protocol/transport-name.ts'
import type { Entry, Members, Statement } from '../presence/info.ts'
import type { Published } from '../publish/publisher.ts'
import type { Hub } from '../hub/hub.ts'
import type { LogRange } from '../replay/replay-log.ts'
import type { Registry } from '../registry/registry.ts'
import type { Wheel } from '../wheel.ts'
import type { Permissions } from '../auth/permissions.ts'
import type { Attempts } from './attempts.ts'
import type { ClientMessage } from './client-publish.ts'
import type { UserQuotas } from './quotas.ts'
import type { ReauthOptions } from './reauth.ts'
import type { ClientLimits } from './welcome.ts'

export type { Identity } from '../auth/identity.ts'
export type { Permissions } from '../auth/permissions.ts'

export interface TokenCheck {
  /** `nobody`: the user of a token that names none; absent: it is no good one. Fails with `unauthorized`, or `unavailable` where the keys cannot be fetched. */
  verify(token: string, nobody?: string): Answer<Identity>
  isRevoked(identity: Identity, revokedBeforeMs: number | undefined): boolean
}

export interface ClientPublish {
  readonly clientPublish: 'deny' | 'fanout' | 'forward'
  readonly presence: boolean
  /** Whether clients acknowledge the channel's messages. */
  readonly acknowledged: boolean
  /** How many messages of a channel are kept for who comes late. */
  readonly max: number
}

/** How a resume or a re-authentication went, for the metrics. */
export type ResumeResult = Came['resume']
export type ChannelResumeResult = 'recovered' | 'reset' | 'refused'
export type ReauthResult = 'asked' | 'renewed' | 'refused' | 'expired'

/** By their names on the metrics page. */
export type SessionLimit =
  | 'subscriptions'
  | 'sessions_per_user'
  | 'connections_per_user'
  | 'subscriptions_per_user'
  | 'publishes_per_user_per_second'

export interface SessionMetrics {
  /** `tookMs`: from its token to here. */
  connected(how: HowCame, transport: TransportName, tookMs: number): void
  channelResumed(result: ChannelResumeResult): void
  reauth(result: ReauthResult): void
  tokenChecked(result: 'good' | 'unauthorized' | 'revoked' | 'unavailable'): void
  errorSent(code: ErrorCode): void
  takenOver(): void
  limitHit(limit: SessionLimit): void
  /** `messages`: so many that were not acknowledged before; `acceptedMs`: when the last of them was accepted. */
  acknowledged(covered: { readonly messages: number; readonly acceptedMs: number | undefined }): void
  /** A client may not publish there, or not now. */
  publishDenied(error: SluiceError, user: string, channel: string): void
}

/** Who is in a channel, on namespaces that keep it. */
export interface PresencePort {
  /** One more subscription. `by`: whoever has it, here and below. */
  entered(channel: string, user: string, by: object, entry?: Entry): void
  left(channel: string, user: string, by: object): void
  says(channel: string, user: string, by: object, statement: Statement): void
  /** The subscription stays. */
  withdraws(channel: string, user: string, by: object): void
  /** The moment of what is said now: each is later than the one before. */
  now(): number
  /** Fails with `unavailable`. */
  members(channel: string): Promise<Members>
}

/** What clients may say of their users. */
export interface PresenceRules {
  readonly bytesMax: number
  readonly jsonDepthMax: number
}

/** How far a user has acknowledged a channel. */
export interface AckPort {
  ack(user: string, channel: string, epoch: string, offset: number): void
  /** `undefined`: not at all. Fails with `unavailable`. */
  acked(user: string, channel: string): Promise<Position | undefined>
}

/** Where a client was before: that node may be waiting to hear of it. */
export interface HandoverPort {
  /** A session is connected here or elsewhere now; the node held it until now, or until so long ago. */
  tookOver(node: string, taken: TakenOver): void
  /** A session was claimed here and not connected after all; the node held it until then. */
  gaveUp(node: string, session: string): void
  /** A stream or a poll that the node has sent away, and named so (`departureKey`), is here under a new session. */
  cameBack(node: string, client: string, recovered: boolean): void
  /** The same, where it was this node that has sent it away. */
  cameBackHere(client: string): void
  /** So many messages the client had to catch up on. `client`: as it was named before. */
  replayed(node: string, client: string, messages: number): void
  /** The node's id where it is being drained. */
  draining(node: string): string | undefined
}

/** The log of one channel, as a client reads it. Fails with `unavailable`. */
export interface ChannelHistory {
  read(after: Position, limit: number): Promise<LogRange>
  last(limit: number): Promise<LogRange>
  /** The newest ones before a position, oldest first. */
  before(position: Position, limit: number): Promise<LogRange>
}

/** What a backend makes of a token, for as long as the session lasts. */
export interface Granting {
  over(token: Permissions): Permissions
}

/** What a backend has a say in beside tokens. `undefined`: he may. Fails with `forbidden` or `unavailable`. */
export interface HookPort {
  /** The answer `undefined`: as his token says. */
  mayConnect(user: string): Promise<Granting | undefined> | undefined
  /** Whether `maySubscribe` would have to ask. */
  asksFor(channel: string): boolean
  /** By the internal name of a channel. */
  maySubscribe(user: string, channel: string): Promise<void> | undefined
}

export interface SessionPorts {
  /** `undefined`: the channel's messages are not kept. By its name in the log. */
  historyOf(channel: string): ChannelHistory | undefined
  readonly nodeId: string
  readonly hub: Hub
  readonly registry: Registry
  /** Whether the log of an inbox that is asked while a claim is under way answers as it is after the claim. */
  readonly logBehindClaims: boolean
  readonly tokens: TokenCheck
  readonly clock: Clock
  /** For expiry and re-authentication of all sessions. */
  readonly wheel: Wheel
  readonly metrics: SessionMetrics
  readonly witness: Witness
  /** Of each user on this node. */
  readonly quotas: UserQuotas
  readonly presence: PresencePort
  readonly presenceRules: PresenceRules
  readonly acks: AckPort
  readonly hooks: HookPort
  /** By which a client shows later that it was here; see `protocol/ticket.ts`. */
  ticketOf(userTag: string): string
  policyOf(channel: string): ClientPublish
  /** What came in was checked. */
  publish(user: string, message: ClientMessage): Answer<Published>
  /** Hands a client's publish to the backend. */
  forward(user: string, message: ClientMessage): Promise<Published>
  readonly former: HandoverPort
  /** What `welcome` tells of what clients may send. */
  limits(): ClientLimits
  /** A session has no connection here any more. */
  left(session: string): void
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
}

export interface SessionOptions {
  readonly pingIntervalMs: number
  readonly reauth: ReauthOptions
  readonly subscriptionsMax: number
  /** 0: no limit. */
  readonly sessionsPerUserMax: number
}

export interface SessionContext {
  readonly ports: SessionPorts
  readonly options: SessionOptions
  /** Of the node. */
  readonly attempts: Attempts
}
