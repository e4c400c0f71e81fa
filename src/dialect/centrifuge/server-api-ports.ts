/**
 * What the API for backends with a library of Centrifuge needs of the rooms around it.
 */
import type { HistoryLog } from './history.ts'
import type { Params } from './server-params.ts'
import type { Answer } from '../../answer.ts'
import type { Scope } from '../../auth/grant.ts'
import type { Published, PublishRequest } from '../../publish/publisher.ts'
import type { StandingWish } from '../../registry/registry.ts'

export interface ServerApiPorts {
  publish(request: PublishRequest): Answer<Published>
  /** `undefined`: the channel keeps no messages. */
  logOf(channel: string): HistoryLog | undefined
  /** Who is in a channel; `undefined`: its namespace does not keep it. Fails with `unavailable`. */
  members(channel: string): Promise<readonly string[]> | undefined
  /** Ends every connection of a user. Fails with `unavailable`. */
  disconnect(user: string): Promise<unknown>
  /** Puts a user on channels, or takes him off. Fails with `unavailable`, and `limit_exceeded` for too many. */
  stand(user: string, wish: StandingWish, on: boolean): Promise<unknown>
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
}

export interface ServerCall {
  readonly caller: ServerCaller
  readonly params: Params
  /** What `params` was parsed from. */
  readonly raw: string
}

export interface ServerApiOptions {
  /** Messages, or commands, in one request. */
  readonly batchMax: number
  now(): number
}
