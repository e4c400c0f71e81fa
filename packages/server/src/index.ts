/**
 * `@sluice/server`: a gateway, as a backend sees it. For Node 18 and later, without dependencies.
 */
export { SluiceServer } from './server.ts'
export { SluiceError } from './errors.ts'
export type { ApiErrorCode, SluiceErrorCode } from './errors.ts'
export type {
  CallOptions,
  History,
  HistoryMessage,
  HistoryOptions,
  PublishOptions,
  SluiceServerOptions,
  Standing,
  StandingOptions,
} from './server.ts'
export type {
  BatchMessage,
  BatchResult,
  MessageOptions,
  Outcome,
  Position,
  Published,
  Refused,
  Target,
} from './messages.ts'
export type { TokenOptions } from './tokens.ts'
export { readWebhook } from './webhook.ts'
export type { WebhookEvent, WebhookRequest } from './webhook.ts'
export type { BackoffOptions } from './retry.ts'
export type { components, paths } from './api-types.ts'
