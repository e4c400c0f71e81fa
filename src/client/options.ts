/**
 * What an application gives to a client and hears from it.
 */
import type { JoinFrame, ResetFrame, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import type { Position } from '../protocol/position.ts'
import type { PutOn } from './channels.ts'
import type { ClientError } from './errors.ts'
import type { WebSocketConstructor } from './socket.ts'
import type { BackoffOptions } from './retry.ts'
import type { Trace } from './debug.ts'
import type { Time } from './time.ts'
import type { TokenSource } from './tokens.ts'
import type { StateChange } from './connection-manager.ts'

export interface SluiceClientOptions {
  /** The gateway's address: `wss://host/v1/ws`. */
  readonly url: string
  /**
   * The user's token, or a function that gets one. The function is called for the first connection and then only when a fresh
   * token is needed: never for a mere reconnect. Where it rejects, the `error` event tells and the client tries again later;
   * where it throws `Unauthorized`, nobody is logged in: the client is `failed` and does not ask again.
   * A token that is not a function's cannot be renewed: once the gateway refuses it, the client is `failed`.
   */
  readonly token?: TokenSource
  /** Default: the platform's. Node 20 has none: use `@sluice/client/node`. */
  readonly WebSocket?: WebSocketConstructor
  /** Pauses between attempts, exponential with full jitter. Default: 1,000 ms, at most 20,000 ms. */
  readonly backoff?: BackoffOptions
  /**
   * An attempt is given up after this time. Default: 20,000 ms. Keep it above the gateway's `admission.queueTimeout`: who waits
   * in its queue and leaves too early has to line up again.
   */
  readonly connectTimeoutMs?: number
  /** How long after a ping something must arrive. Default: 10,000 ms. */
  readonly pongTimeoutMs?: number
  /**
   * How long a publish or a presence request may remain unanswered. Default: 30,000 ms. Keep it below the `idempotency` of
   * the channel, after which a repeated publish is a new one.
   */
  readonly requestTimeoutMs?: number
  /** Told of each frame, with its payload: see `traceOf`. */
  readonly trace?: Trace
  /** For tests. */
  readonly time?: Time
}

export interface ClientEvents {
  /** Every change of `client.state`. */
  state: StateChange
  /** Each time that a connection serves: also after a move or a reconnect. */
  welcome: WelcomeFrame
  /** Something may have been missed on a channel; also told to the subscription's `onReset`, at the same moment. */
  reset: ResetFrame
  /**
   * A backend has put the user on a channel that nobody handles here: who calls `subscribe` for it in the listener misses nothing. It is
   * told again with each connection until somebody does. That a backend has taken the user off tells the subscription's `onError`.
   */
  subscribed: PutOn
  /** Somebody has come to a channel with presence, has left it, or says something else of himself. */
  join: JoinFrame
  leave: JoinFrame
  update: JoinFrame
  /**
   * What nobody else was told of, each attempt to connect that failed, and why the client is `failed`. That a connection which served
   * has ended is no error: see `state`. Without a listener, errors go to the console; why the client is not connected goes there
   * in any case, once.
   */
  error: ClientError
}

export interface PublishOptions {
  /** By which the gateway knows a repeat. Default: drawn at random. */
  readonly id?: string | undefined
  /** What the message is: those who handle this event of the channel get it. */
  readonly event?: string | undefined
}

export interface RequestOptions extends PublishOptions {
  /** How long to wait for the answer. Default: `requestTimeoutMs` of the client, which is the longest as well. */
  readonly timeoutMs?: number
}

export interface Published {
  /** Where the message is; `undefined` on ephemeral channels. */
  readonly position: Position | undefined
  /** The gateway had a message with this id already, and kept that one. */
  readonly duplicate: boolean
}

export interface CloseOptions {
  /** How long to wait for answers to what is unanswered, publishes above all. */
  readonly waitMs?: number
}
