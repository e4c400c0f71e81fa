/**
 * What happened in a run, as one line of JSON each, in the order in which the program with the clients saw it. The checker
 * reads nothing else.
 */
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'

export const TRANSPORTS = ['sdk', 'websocket', 'sse', 'poll'] as const
export type Transport = (typeof TRANSPORTS)[number]

/** Namespaces of the channels of a run; inboxes are written as `@user`. */
export const REPLAY = 'room'
export const DURABLE = 'kept'
/** With replay, and with presence. */
export const PRESENCE = 'hall'

interface Place {
  readonly epoch: string
  readonly offset: number
}

export type Happening =
  | {
      readonly kind: 'client'
      readonly client: string
      readonly user: string
      readonly transport: Transport
      /** All that it may be shown, its inbox too. */
      readonly channels: readonly string[]
    }
  /** The client is subscribed: everything after this place follows. */
  | ({ readonly kind: 'start'; readonly client: string; readonly channel: string } & Place)
  | {
      readonly kind: 'shown'
      readonly client: string
      readonly channel: string
      readonly offset: number
      /** Where the client says it: streams and polls do not. */
      readonly epoch?: string
      readonly message: number
      /** The channel that the message was published to. */
      readonly to: string
    }
  | ({
      readonly kind: 'reset'
      readonly client: string
      readonly channel: string
      readonly reason: string
    } & Place)
  /** A client was told that something is over for good, though nobody has ended it. */
  | { readonly kind: 'final'; readonly client: string; readonly what: string }
  /** Connections that ended, requests that were refused: allowed, and good to read beside a violation. */
  | { readonly kind: 'trouble'; readonly client: string; readonly what: string }
  /** Before its first attempt. */
  | { readonly kind: 'sent'; readonly message: number; readonly channel: string; readonly door: string }
  | ({
      readonly kind: 'confirmed'
      readonly message: number
      readonly channel: string
      readonly door: string
      readonly duplicate: boolean
      readonly degraded: boolean
    } & Place)
  | { readonly kind: 'refused'; readonly message: number; readonly door: string; readonly why: string }
  /** After so many attempts that an id may have been forgotten. */
  | { readonly kind: 'abandoned'; readonly message: number }
  /** The end of a channel's log as a node reads it. */
  | ({
      readonly kind: 'log'
      readonly node: string
      readonly channel: string
      readonly entries: readonly (readonly [offset: number, message: number])[]
    } & Place)
  /** Whom a node calls present, when everything has healed. */
  | {
      readonly kind: 'present'
      readonly client: string
      readonly channel: string
      readonly users: readonly string[]
      readonly expected: readonly string[]
    }
  /** How many connections of one session were open when nothing happened any more. */
  | { readonly kind: 'session'; readonly client: string; readonly connections: number }
  | { readonly kind: 'fault'; readonly round: number; readonly name: string; readonly on: boolean }
  /** A gateway has ended, and nobody has ended it. */
  | { readonly kind: 'ended'; readonly host: string; readonly how: string }
  /** Nothing that is about to come is missing. */
  | { readonly kind: 'end' }

export type HistoryEvent = Happening & {
  /** Milliseconds since the beginning of the run. */
  readonly at: number
}

export class HistoryWriter {
  readonly #file: WriteStream
  readonly #startedMs = performance.now()
  #ended = false

  constructor(path: string) {
    this.#file = createWriteStream(path)
  }

  get nowMs(): number {
    return Math.round(performance.now() - this.#startedMs)
  }

  /** What comes behind the end, such as clients that are closed, is no part of it. */
  write(happening: Happening): void {
    if (this.#ended) return
    this.#ended = happening.kind === 'end'
    this.#file.write(`${JSON.stringify({ at: this.nowMs, ...happening })}\n`)
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(() => resolve()))
  }
}

export async function readHistory(path: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = []
  for await (const line of createInterface(createReadStream(path))) {
    if (line !== '') events.push(JSON.parse(line) as HistoryEvent)
  }
  return events
}

export function namespaceOf(channel: string): string {
  return channel.startsWith('@') ? '@' : channel.slice(0, channel.indexOf(':'))
}
