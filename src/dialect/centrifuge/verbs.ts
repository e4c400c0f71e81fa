/**
 * What a conversation in Centrifuge's protocol needs of the gateway. Names of channels are those of the gateway.
 *
 * Whatever fails does so with a `SluiceError`, or a `Closing` where the connection has to end. Nothing of a connection is told after
 * it has ended.
 */
import type { Closing, SluiceError } from '../../errors.ts'
import type { Named } from '../emulation.ts'
import type { Position } from '../../protocol/position.ts'
import type { Found, Start } from '../../session/welcome.ts'
import type { Payload } from '../../protocol/message.ts'
import type { History } from './history.ts'
import type { HistoryRequest, SubRefreshResult, Written } from './messages.ts'

/** Whom a token has let in. */
export interface Guest {
  readonly user: string
  /** Names the connection to others, so it proves nothing. */
  readonly client: string
  /** When to bring a fresh token, from now; each at a moment of his own. `undefined`: never. */
  readonly refreshInMs: number | undefined
  /** What the token has the client told with a channel that it puts it on, as JSON. By the name of the client. */
  readonly dataOf?: ((channel: string) => string | undefined) | undefined
  /** For commands that come by requests of their own. */
  readonly named: Named | undefined
}

export type Told = (start: Start, missed: (countMax: number, bytesMax: number) => readonly Written[]) => void

export interface Verbs {
  /**
   * `places`: the subscriptions from the start, the inbox by its general name, and where each goes on. `told` is called in the same turn
   * in which messages begin, and before the first of them.
   */
  connect(
    token: string | undefined,
    places: ReadonlyMap<string, Position | undefined>,
    told: (guest: Guest, found: ReadonlyMap<string, Found>) => void,
  ): Promise<void>
  /** `missed`: what follows the start and is at hand, so many at most, as a result has them; what is left follows as pushes. */
  subscribe(channel: string, from: Position | undefined, told: Told): Promise<void>
  /** A token for one channel: from now on the client may subscribe to it. Answers when that ends. */
  grant(channel: string, token: string): Promise<SubRefreshResult>
  unsubscribe(channel: string): Promise<void>
  publish(channel: string, payload: Payload): Promise<void>
  /** Asks the backend to which publishes on the channel are forwarded; answers what it answers, as JSON. `undefined`: nothing. */
  call(channel: string, payload: Payload): Promise<Uint8Array | undefined>
  /** `undefined`: the position that was given is none of this log's. */
  history(channel: string, request: Omit<HistoryRequest, 'channel'>): Promise<History | undefined>
  /** Where the log of a channel is, for whoever may subscribe; `undefined`: it keeps no messages. */
  head(channel: string): Promise<Position | undefined>
  /** Who is there, and what each says of himself, as JSON. */
  members(channel: string): Promise<ReadonlyMap<string, string | undefined>>
  /** A fresh token; answers how long it is good. */
  renew(token: string): Promise<Guest>
  /** The client has handled everything of a channel up to here. */
  handled(channel: string, offset: number): void
}

/** The way to the client. */
export interface Line {
  send(frame: string | Uint8Array): void
  /** Ends the connection with the reason. */
  end(closing: Closing): void
  /** One more command of a frame counts as a frame. False: it was one too many, and the connection ends. */
  another(): boolean
  /** What a command is answered that failed, counted, and logged where the fault is ours; `undefined`: nobody is there. */
  refusal(thrown: unknown): SluiceError | undefined
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
}
