/**
 * What a hub is configured with; times in milliseconds.
 */
export interface HubOptions {
  readonly tailMessages: number
  readonly tailBytes: number
  /** What all feeds may hold together. */
  readonly memoryBytes: number
  /** How long a channel without subscribers keeps its feed and its backbone subscription. */
  readonly quietMs: number
  /** Within this time each feed is compared with the log once, at its own moment. */
  readonly headCheckMs: number
  /** A reset of a channel asks its subscribers to fetch their state within this time, each at his own moment. */
  readonly resetSpreadMs: number
}
