/**
 * What a link to NATS has to do with others: what it tells them, and what passes between them.
 */

/** What flows back. */
export interface NatsEvents {
  /** Messages flow, for the first time or again. What was sent meanwhile, here or by others, may be lost. */
  connected(): void
  /** Messages do not flow from now on; also told where the first attempt to connect fails. */
  disconnected(reason: string): void
  /** The server has found others of its cluster again, or new ones: what was sent there meanwhile may be lost. */
  widened?(): void
  /** Messages may have been lost; of one subject, or of any where it is undefined. */
  slowConsumer?(subject: string | undefined): void
  /** The server is about to go; the client moves to another one when its connection is closed. */
  lameDuck?(server: string): void
  /** The server says what it does not like: a permission that is missing, for example. The connection stays. */
  refused?(reason: string): void
}

export type NatsHeaders = Readonly<Record<string, string>>

/** `reply`: the subject that an answer goes to, or empty. `data` may be a view of a larger buffer. */
export type NatsCallback = (
  subject: string,
  data: Buffer,
  reply: string,
  headers: NatsHeaders | undefined,
) => void

export interface NatsSubscription {
  /** Nothing arrives any more when it returns, also what the server had sent already. Idempotent. */
  unsubscribe(): void
  /**
   * The server sends nothing more. Resolves once all that it had sent here has arrived, or nothing can arrive any more. Of a
   * queue group nobody else would get that. Never fails. Idempotent.
   */
  drain(): Promise<void>
}
