/**
 * What passes between JetStream and those who keep something in a stream.
 */

export interface StreamSpec {
  readonly name: string
  /** All that begins with it and a dot. */
  readonly subjectPrefix: string
  /** What is stored is sent to the same subject with this prefix as well. */
  readonly republishPrefix?: string
  /** Laid out as the clients of NATS lay out a bucket of keys and values. */
  readonly bucket?: boolean
  readonly maxAgeMs: number
  /** Without: no limit. */
  readonly maxBytes?: number
  /** Of one subject. Without: no limit. */
  readonly maxPerSubject?: number
  readonly replicas: number
  readonly storage: 'file' | 'memory'
  /** How long an id is remembered; JetStream takes no less than 100 ms and no more than `maxAgeMs`. */
  readonly idempotencyMs: number
}

export interface StreamState {
  /** Of this stream alone: one that was deleted and made again has another. */
  readonly epoch: string
  /** The number of the oldest entry; one more than `lastSequence` where the stream is empty. */
  readonly firstSequence: number
  readonly lastSequence: number
}

export interface StreamEntry {
  readonly sequence: number
  readonly data: Buffer
}

export type StreamAppend =
  | { readonly kind: 'appended'; readonly sequence: number; readonly duplicate: boolean }
  /** Nothing was stored: the newest entry of the subject is another one (0: there is none). */
  | { readonly kind: 'overtaken'; readonly lastSequence: number }

export interface StreamCondition {
  /** Of an entry that the stream remembers it is a duplicate. */
  readonly id?: string | undefined
  /** Stored only where this is the newest entry of the subject; 0: where there is none. */
  readonly lastSequence?: number | undefined
  /** Kept with the entry, and sent on with it. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Which entries of which stream. */
export interface StreamSubject {
  readonly stream: string
  readonly subject: string
  /** Whether the stream has replicas, of which some may lag. */
  readonly replicated: boolean
}
