/**
 * The messages of Centrifuge's protocol, version 2, as the gateway reads and writes them. One tree for both encodings.
 *
 * A field that is absent has its default value (nothing, 0, `false`), as both encodings leave it out then. `bytes` fields (`data`
 * and the `info`s) are the UTF-8 text of a JSON value where the peer speaks JSON, and whatever it sent where it speaks Protobuf.
 */

export interface ConnectRequest {
  readonly token?: string
  readonly data?: Uint8Array
  /** Where the subscriptions that the server has made were, on the connection before. */
  readonly subs?: ReadonlyMap<string, Recovery>
  readonly name?: string
  readonly version?: string
  readonly headers?: ReadonlyMap<string, string>
  readonly flag?: number
}

/** Where a subscription was, and whether it shall go on from there. */
export interface Recovery {
  readonly recover?: boolean
  /** None: whichever it is. */
  readonly epoch?: string
  readonly offset?: number
}

export interface SubscribeRequest extends Recovery {
  readonly channel?: string
  readonly token?: string
  readonly data?: Uint8Array
  readonly positioned?: boolean
  readonly recoverable?: boolean
  readonly join_leave?: boolean
  readonly delta?: string
  /** A filter by tags. Opaque: only that there is one is of interest. */
  readonly tf?: Uint8Array
  readonly flag?: number
  readonly type?: number
  readonly phase?: number
  readonly cursor?: string
  readonly limit?: number
}

export interface ChannelRequest {
  readonly channel?: string
}

export interface PublishRequest {
  readonly channel?: string
  readonly data?: Uint8Array
}

export interface StreamPosition {
  readonly offset?: number
  readonly epoch?: string
}

export interface HistoryRequest {
  readonly channel?: string
  /** Nothing: the position only. Below 0: all that the server gives at once. */
  readonly limit?: number
  readonly since?: StreamPosition
  readonly reverse?: boolean
}

export interface RpcRequest {
  readonly data?: Uint8Array
  readonly method?: string
}

export interface SendRequest {
  readonly data?: Uint8Array
}

export interface RefreshRequest {
  readonly token?: string
}

export interface SubRefreshRequest {
  readonly channel?: string
  readonly token?: string
}

/** Commands of a client that has no socket. */
export interface EmulationRequest {
  readonly session?: string
  readonly node?: string
  readonly data?: Uint8Array
}

export interface Requests {
  readonly connect: ConnectRequest
  readonly subscribe: SubscribeRequest
  readonly unsubscribe: ChannelRequest
  readonly publish: PublishRequest
  readonly presence: ChannelRequest
  readonly presence_stats: ChannelRequest
  readonly history: HistoryRequest
  readonly rpc: RpcRequest
  readonly refresh: RefreshRequest
  readonly sub_refresh: SubRefreshRequest
  /** Nobody answers it, so it has no id. */
  readonly send: SendRequest
}

export type RequestMethod = keyof Requests

/** What one command asks for. A pong is a command with nothing in it. */
export type Command =
  | {
      readonly [M in RequestMethod]: {
        readonly method: M
        readonly id: number
        readonly request: Requests[M]
      }
    }[RequestMethod]
  | { readonly method: 'pong' }
  /** A method that this server has never heard of. */
  | { readonly method: 'unknown'; readonly id: number }

export interface ErrorReply {
  readonly code: number
  readonly message: string
  readonly temporary?: boolean
}

export interface ClientInfo {
  readonly user?: string
  readonly client?: string
  readonly conn_info?: Uint8Array
  readonly chan_info?: Uint8Array
}

export interface Publication {
  readonly data: Uint8Array
  readonly info?: ClientInfo | undefined
  readonly offset?: number | undefined
  readonly tags?: ReadonlyMap<string, string> | undefined
  /** Milliseconds since 1970. */
  readonly time?: number
}

/** A message that is written down already, in the encoding of the connection: a `Publication` that many get. */
export type Written = Uint8Array

export interface SubscribeResult {
  readonly expires?: boolean
  readonly ttl?: number
  readonly recoverable?: boolean
  readonly epoch?: string
  readonly publications?: readonly Written[]
  readonly recovered?: boolean
  readonly offset?: number
  readonly positioned?: boolean
  readonly data?: Uint8Array
  readonly was_recovering?: boolean
}

export interface ConnectResult {
  readonly client: string
  readonly version: string
  readonly expires?: boolean
  /** Seconds. */
  readonly ttl?: number
  readonly data?: Uint8Array
  readonly subs?: ReadonlyMap<string, SubscribeResult>
  /** Seconds between two pings of the server. */
  readonly ping?: number
  readonly pong?: boolean
  /** How a client that cannot send on its connection names it elsewhere. */
  readonly session?: string
  readonly node?: string
}

export interface PresenceResult {
  readonly presence: ReadonlyMap<string, ClientInfo>
}

export interface PresenceStatsResult {
  readonly num_clients: number
  readonly num_users: number
}

export interface HistoryResult {
  readonly publications: readonly Written[]
  readonly epoch?: string
  readonly offset?: number
}

export interface RpcResult {
  readonly data?: Uint8Array
}

export interface RefreshResult {
  readonly client: string
  readonly version: string
  readonly expires?: boolean
  readonly ttl?: number
}

export interface SubRefreshResult {
  readonly expires?: boolean
  readonly ttl?: number
}

export type Nothing = Readonly<Record<never, never>>

/** What a command is answered with, unless with an error. */
export interface Results {
  readonly connect: ConnectResult
  readonly subscribe: SubscribeResult
  readonly unsubscribe: Nothing
  readonly publish: Nothing
  readonly presence: PresenceResult
  readonly presence_stats: PresenceStatsResult
  readonly history: HistoryResult
  readonly rpc: RpcResult
  readonly refresh: RefreshResult
  readonly sub_refresh: SubRefreshResult
}

export interface Membership {
  readonly info: ClientInfo
}

export interface Ended {
  readonly code: number
  readonly reason: string
}

export interface SubscribePush {
  readonly recoverable?: boolean
  readonly epoch?: string
  readonly offset?: number
  readonly positioned?: boolean
  readonly data?: Uint8Array
}

export interface DisconnectPush extends Ended {
  readonly reconnect?: boolean
}

/** What the server says unasked: of a channel, or of the connection. One of them at a time. */
export interface Push {
  readonly channel?: string
  readonly pub?: Written
  readonly join?: Membership
  readonly leave?: Membership
  readonly unsubscribe?: Ended
  readonly message?: { readonly data: Uint8Array }
  readonly subscribe?: SubscribePush
  readonly connect?: ConnectResult
  readonly disconnect?: DisconnectPush
  readonly refresh?: SubRefreshResult
}

/** With an id and one result, or an error; or a push without. With nothing at all: a ping. */
export interface Reply extends Partial<Results> {
  readonly id?: number
  readonly error?: ErrorReply
  readonly push?: Push
}
