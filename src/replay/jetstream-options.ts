/**
 * What the log of durable channels is told at its start.
 */
import type { Trouble } from '../drivers/stream-trouble.ts'

export interface JetStreamReplayLogOptions {
  /** The first token of all subjects, and the name of the stream in capitals; no dots. Default: `sluice`. */
  readonly prefix?: string
  readonly maxAgeMs: number
  /** Of the whole stream. Without: no limit but the server's. */
  readonly maxBytes?: number
  /** How many servers hold the stream. Default: 1. */
  readonly replicas?: number
  /** Default: `file`. */
  readonly storage?: 'file' | 'memory'
  /** How long an id is remembered; no longer than a message. */
  readonly idempotencyMs: number
  /** It can be used, for the first time or again. */
  readonly returned?: () => void
  /** What is wrong with it, while NATS can be reached; `undefined`: nothing any more. */
  readonly troubled?: (trouble: Trouble | undefined) => void
}
