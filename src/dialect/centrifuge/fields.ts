/**
 * The fields of every message: what they hold and which number they have in Protobuf. Both encodings work by this table, so that
 * they cannot come apart. The types of `messages.ts` hold it complete.
 */
import type {
  ChannelRequest,
  ClientInfo,
  ConnectRequest,
  ConnectResult,
  DisconnectPush,
  EmulationRequest,
  Ended,
  ErrorReply,
  HistoryRequest,
  HistoryResult,
  Membership,
  Nothing,
  PresenceResult,
  PresenceStatsResult,
  Publication,
  PublishRequest,
  Push,
  Recovery,
  RefreshRequest,
  RefreshResult,
  Reply,
  Requests,
  RpcRequest,
  RpcResult,
  SendRequest,
  StreamPosition,
  SubRefreshRequest,
  SubRefreshResult,
  SubscribePush,
  SubscribeRequest,
  SubscribeResult,
} from './messages.ts'

export type Scalar = 'uint32' | 'uint64' | 'int32' | 'int64' | 'bool' | 'string' | 'bytes'

export interface Field {
  readonly name: string
  readonly number: number
  /** `written`: a message that comes written down already. */
  readonly type: Scalar | Shape | 'written'
  /** Of a map the keys are strings. */
  readonly many: 'one' | 'list' | 'map'
  /** JSON has it also where it is the default: an application reads it as it comes. */
  readonly always: boolean
}

export interface Shape {
  readonly fields: readonly Field[]
  readonly byName: ReadonlyMap<string, Field>
  /** By the number; with holes. */
  readonly byNumber: readonly (Field | undefined)[]
}

type Entry = readonly [number: number, type: Field['type'], many?: Field['many'], always?: 'always']

/** One entry for each field of the type, and no other. */
function shape<T>(entries: { readonly [K in keyof Required<T>]: Entry }): Shape {
  const fields = Object.entries<Entry>(entries).map(([name, [number, type, many = 'one', always]]) => ({
    name,
    number,
    type,
    many,
    always: always !== undefined,
  }))
  const byNumber: (Field | undefined)[] = []
  for (const field of fields) byNumber[field.number] = field
  return { fields, byName: new Map(fields.map((field) => [field.name, field])), byNumber }
}

const NOTHING = shape<Nothing>({})

export const CLIENT_INFO = shape<ClientInfo>({
  user: [1, 'string'],
  client: [2, 'string'],
  conn_info: [3, 'bytes'],
  chan_info: [4, 'bytes'],
})

export const PUBLICATION = shape<Publication>({
  data: [4, 'bytes'],
  info: [5, CLIENT_INFO],
  offset: [6, 'uint64'],
  tags: [7, 'string', 'map'],
  time: [9, 'int64'],
})

const RECOVERY = {
  recover: [3, 'bool'],
  epoch: [6, 'string'],
  offset: [7, 'uint64'],
} as const

const SUBSCRIBE_REQUEST = shape<SubscribeRequest>({
  channel: [1, 'string'],
  token: [2, 'string'],
  ...RECOVERY,
  data: [8, 'bytes'],
  positioned: [9, 'bool'],
  recoverable: [10, 'bool'],
  join_leave: [11, 'bool'],
  delta: [12, 'string'],
  tf: [13, 'bytes'],
  flag: [14, 'int64'],
  type: [15, 'int32'],
  phase: [16, 'int32'],
  cursor: [17, 'string'],
  limit: [18, 'int32'],
})

const CHANNEL_REQUEST = shape<ChannelRequest>({ channel: [1, 'string'] })

const STREAM_POSITION = shape<StreamPosition>({ offset: [1, 'uint64'], epoch: [2, 'string'] })

/** A request that brings commands of a client without a socket. In JSON its data is a text, so that is read apart. */
export const EMULATION_REQUEST = shape<EmulationRequest>({
  node: [1, 'string'],
  session: [2, 'string'],
  data: [3, 'bytes'],
})

export const CONNECT_REQUEST = shape<ConnectRequest>({
  token: [1, 'string'],
  data: [2, 'bytes'],
  // Nothing in it is cut out of a text: a frame of many would cost a search for each.
  subs: [3, shape<Recovery>(RECOVERY), 'map'],
  name: [4, 'string'],
  version: [5, 'string'],
  headers: [6, 'string', 'map'],
  flag: [7, 'int64'],
})

/** Of a command, beside its `id`. */
export const COMMAND = shape<Requests & { readonly id: number }>({
  id: [1, 'uint32'],
  connect: [4, CONNECT_REQUEST],
  subscribe: [5, SUBSCRIBE_REQUEST],
  unsubscribe: [6, CHANNEL_REQUEST],
  publish: [7, shape<PublishRequest>({ channel: [1, 'string'], data: [2, 'bytes'] })],
  presence: [8, CHANNEL_REQUEST],
  presence_stats: [9, CHANNEL_REQUEST],
  history: [
    10,
    shape<HistoryRequest>({
      channel: [1, 'string'],
      limit: [7, 'int32'],
      since: [8, STREAM_POSITION],
      reverse: [9, 'bool'],
    }),
  ],
  send: [12, shape<SendRequest>({ data: [1, 'bytes'] })],
  rpc: [13, shape<RpcRequest>({ data: [1, 'bytes'], method: [2, 'string'] })],
  refresh: [14, shape<RefreshRequest>({ token: [1, 'string'] })],
  sub_refresh: [15, shape<SubRefreshRequest>({ channel: [1, 'string'], token: [2, 'string'] })],
})

const SUBSCRIBE_RESULT = shape<SubscribeResult>({
  expires: [1, 'bool'],
  ttl: [2, 'uint32'],
  recoverable: [3, 'bool'],
  epoch: [6, 'string'],
  publications: [7, 'written', 'list'],
  recovered: [8, 'bool'],
  offset: [9, 'uint64'],
  positioned: [10, 'bool'],
  data: [11, 'bytes'],
  was_recovering: [12, 'bool'],
})

const CONNECT_RESULT = shape<ConnectResult>({
  client: [1, 'string'],
  version: [2, 'string'],
  expires: [3, 'bool'],
  ttl: [4, 'uint32'],
  data: [5, 'bytes'],
  subs: [6, SUBSCRIBE_RESULT, 'map'],
  ping: [7, 'uint32'],
  pong: [8, 'bool'],
  session: [9, 'string'],
  node: [10, 'string'],
})

const SUB_REFRESH_RESULT = shape<SubRefreshResult>({ expires: [1, 'bool'], ttl: [2, 'uint32'] })

const MEMBERSHIP = shape<Membership>({ info: [1, CLIENT_INFO] })

export const PUSH = shape<Push>({
  channel: [2, 'string'],
  pub: [4, 'written'],
  join: [5, MEMBERSHIP],
  leave: [6, MEMBERSHIP],
  unsubscribe: [7, shape<Ended>({ code: [2, 'uint32'], reason: [3, 'string'] })],
  message: [8, shape<{ readonly data: Uint8Array }>({ data: [1, 'bytes'] })],
  subscribe: [
    9,
    shape<SubscribePush>({
      recoverable: [1, 'bool'],
      epoch: [4, 'string'],
      offset: [5, 'uint64'],
      positioned: [6, 'bool'],
      data: [7, 'bytes'],
    }),
  ],
  connect: [10, CONNECT_RESULT],
  disconnect: [
    11,
    shape<DisconnectPush>({ code: [1, 'uint32'], reason: [2, 'string'], reconnect: [3, 'bool'] }),
  ],
  refresh: [12, SUB_REFRESH_RESULT],
})

export const PRESENCE_RESULT = shape<PresenceResult>({ presence: [1, CLIENT_INFO, 'map', 'always'] })

export const REPLY = shape<Reply>({
  id: [1, 'uint32'],
  error: [2, shape<ErrorReply>({ code: [1, 'uint32'], message: [2, 'string'], temporary: [3, 'bool'] })],
  push: [4, PUSH],
  connect: [5, CONNECT_RESULT],
  subscribe: [6, SUBSCRIBE_RESULT],
  unsubscribe: [7, NOTHING],
  publish: [8, NOTHING],
  presence: [9, PRESENCE_RESULT],
  presence_stats: [
    10,
    shape<PresenceStatsResult>({
      num_clients: [1, 'uint32', 'one', 'always'],
      num_users: [2, 'uint32', 'one', 'always'],
    }),
  ],
  history: [
    11,
    shape<HistoryResult>({
      publications: [1, 'written', 'list', 'always'],
      epoch: [2, 'string', 'one', 'always'],
      offset: [3, 'uint64', 'one', 'always'],
    }),
  ],
  rpc: [13, shape<RpcResult>({ data: [1, 'bytes'] })],
  refresh: [
    14,
    shape<RefreshResult>({
      client: [1, 'string'],
      version: [2, 'string'],
      expires: [3, 'bool'],
      ttl: [4, 'uint32'],
    }),
  ],
  sub_refresh: [15, SUB_REFRESH_RESULT],
})

/** What proto3 leaves out. */
export function isDefault({ many, type }: Field, value: unknown): boolean {
  if (value === undefined || value === 0 || value === false || value === '') return true
  if (many === 'map') return (value as ReadonlyMap<string, unknown>).size === 0
  if (many === 'list') return (value as readonly unknown[]).length === 0
  // Of a message nothing is left out that is there: `{}` says that something was done.
  return type === 'bytes' && (value as Uint8Array).length === 0
}
