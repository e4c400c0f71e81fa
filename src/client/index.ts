/**
 * `@sluice/client`: for browsers, React Native and Node 22. No dependencies.
 */
export { VERSION, WebSocketClient } from './client.ts'
export { SluiceClient } from './full.ts'
export type { FullClientOptions } from './full.ts'
export type { HistoryOptions, HistoryPage, SyncOptions } from './history.ts'
export type { Memory, Transport, Way, Ways } from './ways.ts'
export type { ClientEvents, Published, SluiceClientOptions } from './options.ts'
export type { Handler, Message, SubscribeOptions, Subscription } from './channel.ts'
export { ClientError, Unauthorized } from './errors.ts'
export type { ClientErrorCode } from './errors.ts'
export type { WebSocketConstructor, WebSocketLike, Wire } from './link.ts'
export type { State } from './machine.ts'
export type { BackoffOptions } from './retry.ts'
export type { Time } from './time.ts'
export type { Bytes } from '../protocol/binary.ts'
export type { ErrorCode } from '../protocol/codes.ts'
export type {
  From,
  JoinFrame,
  Limits,
  Position,
  ResetFrame,
  ResetReason,
  Restored,
  WelcomeFrame,
} from '../protocol/frames.ts'
export type { TokenSource } from './tokens.ts'
export type { StateChange } from './uplink.ts'
