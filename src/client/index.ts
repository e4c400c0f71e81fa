/**
 * `@sluice/client`: for browsers, React Native and Node 22. No dependencies.
 */
export { VERSION, WebSocketClient } from './client.ts'
export { SluiceClient } from './full.ts'
export type { ChannelIn, DataOn, Pattern, Unmapped } from './channel-map.ts'
export type { FullClientOptions } from './full.ts'
export type { Resume } from './kept-positions.ts'
export type { HistoryOptions, HistoryPage, SyncOptions } from './history.ts'
export type { Transport, Way, Ways } from './ways.ts'
export type {
  ClientEvents,
  CloseOptions,
  Published,
  PublishOptions,
  RequestOptions,
  SluiceClientOptions,
} from './options.ts'
export type { Handler, Message, SubscribeOptions, Subscription, SubscriptionState } from './channel.ts'
export type { PutOn } from './channels.ts'
export { traceOf, type Trace } from './debug.ts'
export { ClientError, Unauthorized } from './errors.ts'
export type { ClientErrorCode } from './errors.ts'
export type { WebSocketConstructor, WebSocketLike, Wire } from './socket.ts'
export type { State } from './machine.ts'
export type { BackoffOptions } from './retry.ts'
export type { Time } from './time.ts'
export type { Bytes } from '../protocol/binary.ts'
export type { JoinFrame, Limits, ResetFrame, Restored, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
export type { ErrorCode } from '../protocol/error-code.ts'
export type { From, Position, ResetReason } from '../protocol/position.ts'
export type { TokenSource } from './tokens.ts'
export type { StateChange } from './connection-manager.ts'
