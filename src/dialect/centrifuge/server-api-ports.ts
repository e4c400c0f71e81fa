/**
 * What the API for backends with a library of Centrifuge needs of the rooms around it.
 */
import type { HistoryLog } from './history.ts'
import type { Params } from './server-params.ts'
import type { Answer } from '../../answer.ts'
import type { Scope } from '../../auth/grant.ts'
import type { SessionOrder, Wording } from '../../cluster/session-order.ts'
import type { StandTerms, Which } from '../../session/users.ts'
import type { Members } from '../../presence/info.ts'
import type { Published, PublishRequest } from '../../publish/publisher.ts'
import type { StandingWish } from '../../registry/registry.ts'

export interface ServerApiPorts {
  publish(request: PublishRequest): Answer<Published>
  /** `undefined`: the channel keeps no messages. */
  logOf(channel: string): HistoryLog | undefined
  /** Who is in a channel; `undefined`: its namespace does not keep it. Fails with `unavailable`. */
  members(channel: string): Promise<Members> | undefined
  /** The channel keeps none of its messages any more. Fails with `unavailable`, and with `bad_request` where they have to stay. */
  forget(channel: string): Promise<void>
  /** Ends every connection of a user. Fails with `unavailable`. */
  disconnect(user: string, as: Wording | undefined): Promise<unknown>
  /** Wants something of some connections of a user. Fails with `unavailable`. */
  order(user: string, which: Which, order: SessionOrder): Promise<unknown>
  /** Puts a user on channels. Fails with `unavailable`, and `limit_exceeded` for too many. */
  putOn(user: string, wish: StandingWish, terms: StandTerms): Promise<unknown>
  /** Takes a user off channels. Fails with `unavailable`. */
  takeOff(user: string, wish: StandingWish): Promise<unknown>
  keepsPresence(channel: string): boolean
  /** The channels that somebody is on, and by how many connections. Fails with `unavailable`. */
  occupied(prefix: string): Promise<ReadonlyMap<string, number>>
  /** Fails with `unavailable`. */
  nodes(): Promise<readonly ServerNode[]>
}

export interface ServerNode {
  readonly id: string
  readonly version: string
  readonly connections: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** What the key of the request allows. Both fail with `forbidden`. */
export interface ServerCaller {
  /** The `traceparent` of the request. */
  readonly traceparent: string | undefined
  checkScope(scope: Scope): void
  checkChannel(channel: string): void
  /** Whether that would not fail. */
  maySee(channel: string): boolean
  /** One of many things in a request was done to a user. */
  acted(action: UserAction, on: Readonly<Record<string, string>>): void
}

export interface ServerCall {
  readonly caller: ServerCaller
  readonly params: Params
  /** What `params` was parsed from. */
  readonly raw: string
}

export type UserAction = 'disconnect' | 'subscribe' | 'unsubscribe' | 'refresh'

export interface Method {
  readonly scope: Scope
  /** What it does to a user, for the record of such things. */
  readonly audit?: {
    readonly action: UserAction
    readonly on: (params: Params) => Readonly<Record<string, string>>
  }
  /** The result, as JSON. */
  readonly run: (call: ServerCall) => Promise<string>
}

/** A command that names its method. */
export interface ServerLine {
  readonly method: string
  readonly params: Params
  /** What `params` was parsed from. */
  readonly raw: string
}

export interface ServerApiOptions {
  /** Of what is said of a user in a channel. */
  readonly infoBytesMax: number
  /** Whether the namespace of a channel is one of those that there are. */
  knows(channel: string): boolean
  /** Messages, or commands, in one request. */
  readonly batchMax: number
  now(): number
}
