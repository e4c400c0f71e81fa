/**
 * Keeps the client connected: makes attempts, moves to another node before the old connection closes, waits, comes back.
 * The shell of `machine.ts`.
 */
import { reconnectAfter, type CLOSE } from '../dialect/sluice-v1/codes.ts'
import type { ReconnectFrame, ServerFrame, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import { withQuery } from './address.ts'
import { ClientError, isLoggedOut } from './errors.ts'
import { CUT, Socket, type SocketOptions, type SocketSink, type Unreadable } from './socket.ts'
import { TABLE, type Action, type MachineEvent, type State } from './machine.ts'
import type { Occurrence } from './network.ts'
import { isFinalAnswer, Refusals } from './refusals.ts'
import { Retry, type BackoffOptions } from './retry.ts'
import type { Tokens } from './tokens.ts'
import type { Transport, Ways } from './ways.ts'

/** The close codes that the client has to know by itself; the table would take the others into the bundle. */
const TAKEN_OVER: (typeof CLOSE)['takenOver'] = 4409
const TOKEN_REFUSED: (typeof CLOSE)['unauthorized'] = 4401

export interface StateChange {
  readonly state: State
  readonly previous: State
  /** Why, where a connection ended or was refused: `closeCode` and `message`. Absent where the application closed. */
  readonly error: ClientError | undefined
}

export interface ConnectionManagerOptions extends Omit<SocketOptions, 'WebSocket'> {
  readonly url: string
  readonly backoff: BackoffOptions
  readonly connectTimeoutMs: number
  readonly ways: Ways
}

export interface ConnectionManagerSink {
  /** The socket is open: say `connect` with the session to go on with, and what else goes behind it. */
  greet(socket: Socket, session: string | undefined): void
  /** The socket serves from here on; one that served until now is closed. */
  welcomed(socket: Socket, welcome: WelcomeFrame): void
  /** Any later frame of the serving socket but `reconnect`. */
  received(socket: Socket, frame: ServerFrame | Unreadable): void
  /** Something that the application should know, though the client goes on: each attempt that failed, too. */
  failed(error: ClientError): void
  changed(change: StateChange): void
}

export class ConnectionManager implements SocketSink, Record<Action, () => void> {
  readonly #options: ConnectionManagerOptions
  readonly #tokens: Tokens
  readonly #sink: ConnectionManagerSink
  readonly #retry: Retry
  readonly #refusals = new Refusals()
  // Three to be read from outside.
  state: State = 'idle'
  /** The way of the serving socket, or of the last attempt. */
  transport: Transport
  /** The one that serves. */
  socket: Socket | undefined
  #attempt: Socket | undefined
  #welcome: WelcomeFrame | undefined
  #session: string | undefined
  /** Shown when the session comes back; none of an old gateway. */
  ticket: string | undefined
  /** One timer is enough: for the end of an attempt, else for the next attempt, else for the next move. */
  #cancelTimer: (() => void) | undefined
  /** Until the next attempt; `undefined`: there shall be none. */
  #delayMs: number | undefined
  #move: { readonly untilMs: number; readonly url: string; tries: number } | undefined
  /** An attempt ended without its welcome that the gateway may have come to, or yet come to: it takes the session over for nobody. */
  #abandoned = false

  constructor(options: ConnectionManagerOptions, tokens: Tokens, sink: ConnectionManagerSink) {
    this.#options = options
    this.transport = options.ways.current
    this.#tokens = tokens
    this.#sink = sink
    this.#retry = new Retry(options.backoff)
  }

  /** Is the socket alive, and is it worth trying now? */
  networkChanged(what: Occurrence, isHidden = false): void {
    if (isHidden && what === 'visibilitychange') return
    const serving = this.socket
    if (what === 'pagehide') {
      // A page with an open connection is not kept for the way back, and the gateway need not find out that nobody is there.
      if (serving) this.closed(serving, new ClientError('closed', 'page left'))
      return
    }
    serving?.probe()
    const better = what === 'online' && this.#options.ways.networkChanged?.()
    if (what !== 'offline') this.dispatch('wake')
    if (better) this.dispatch('move')
  }

  // Of the links

  opened(socket: Socket): void {
    this.#sink.greet(socket, this.#session)
  }

  received(socket: Socket, frame: ServerFrame | Unreadable): void {
    if (socket === this.socket) {
      if (frame.type === 'reconnect') this.#askedToMove(frame)
      else this.#sink.received(socket, frame)
    } else if (frame.type === 'welcome') {
      this.#welcome = frame
      this.dispatch('welcome')
    }
  }

  /** Also called by the client itself, where it gives an attempt up. */
  closed(socket: Socket, error: ClientError): void {
    const attempt = this.#attempt
    const failed = socket === attempt
    let { closeCode = error.code === 'unauthorized' ? TOKEN_REFUSED : CUT } = error
    if (failed) {
      this.#attempt = undefined
      this.#abandoned ||= socket.greeted
    } else if (socket !== this.socket) return
    else {
      const takenOver = closeCode === TAKEN_OVER
      this.socket = undefined
      if (attempt) {
        this.dispatch(takenOver && attempt.greeted ? 'supersede' : 'lose', error)
        return
      }
      if (takenOver && this.#abandoned) {
        this.#abandoned = false
        closeCode = CUT
      }
    }
    socket.close()
    this.#cancelTimer?.()
    this.#delayMs = isFinal(error) ? undefined : this.#after(closeCode, socket)
    if (failed && this.#delayMs === undefined && socket.greeted && this.#session !== undefined) {
      // The session may be another user's, or none that the gateway knows: "connect without it".
      this.#session = undefined
      this.#delayMs = this.#after(CUT, socket)
    }
    const moves = this.state === 'moving'
    const elsewhere = failed && !moves && this.#triesElsewhere(error)
    if (elsewhere) this.#delayMs = 0
    if (failed && this.#refusals.add(error)) this.#delayMs = undefined
    const isOver = this.#delayMs === undefined
    if (isOver && !moves) this.dispatch('refuse', error)
    else {
      // A move that will be tried again is nobody's concern: the client is served.
      const tells = failed && !elsewhere && (isOver || !moves)
      this.dispatch(failed ? 'fail' : 'lose', error)
      if (tells) this.#sink.failed(error)
    }
  }

  /** Whether nothing of the gateway came through on an attempt, and there is another way to be tried at once. */
  #triesElsewhere({ code, closeCode = CUT }: ClientError): boolean | undefined {
    // A token that cannot be had, and what the gateway itself says, are no fault of the way.
    const isFault = /^(closed|timeout|bad_request)$/.test(code) && (closeCode === CUT || closeCode < 1000)
    return isFault && this.#options.ways.failed?.(code === 'bad_request' || isFinalAnswer(closeCode))
  }

  /** The application says `connect` or `close`; or `refuse` with the reason why another attempt would end the same way. */
  dispatch(event: MachineEvent, error?: ClientError): void {
    const previous = this.state
    const step = TABLE[previous][event]
    if (!step) return
    const [state, action] = step
    this.state = state
    this[action]()
    // What was told meanwhile may have made the application close or connect: that is told already.
    if (state === this.state) this.#sink.changed({ state, previous, error })
  }

  // Of the machine: each of its actions is a method

  none(): void {}

  dial(): void {
    const { time, connectTimeoutMs, ways } = this.#options
    const beside = !this.#move ? 'return' : 'move'
    const { Socket: WebSocket } = ways.next(!this.socket ? 'connect' : beside)
    if (!this.socket) this.transport = ways.current
    const socket = new Socket({ ...this.#options, WebSocket }, this)
    this.#attempt = socket
    this.#cancelTimer?.()
    this.#cancelTimer = time.after(connectTimeoutMs, () =>
      this.closed(socket, new ClientError('timeout', `no welcome within ${connectTimeoutMs} ms`)),
    )
    void this.#open(socket, this.#address())
  }

  /**
   * Shows in the URL already that a session comes back: where connections queue, it goes before newcomers. One that moves
   * says how often it has tried: a node that will be drained next sends it on, a few times.
   */
  #address(): string {
    const move = this.#move
    const url = move?.url ?? this.#options.url
    if (this.#session === undefined) return url
    return withQuery(url, `resume=${this.ticket ?? 1}${!move ? '' : `&move=${move.tries++}`}`)
  }

  async #open(socket: Socket, url: string): Promise<void> {
    try {
      socket.token = await this.#tokens.get()
      if (socket === this.#attempt) socket.open(url)
    } catch (cause) {
      const error =
        cause instanceof ClientError
          ? cause
          : new ClientError('bad_request', `the platform does not take the address ${url}`, { cause })
      this.closed(socket, error)
    }
  }

  wait(): void {
    this.#move = undefined
    this.#later(this.#delayMs, 'wake')
  }

  adopt(): void {
    const socket = this.#attempt as Socket
    const { session, expiresAt, pingInterval, ticket } = this.#welcome as WelcomeFrame
    this.#cancelTimer?.()
    this.#refusals.reset()
    this.socket?.close()
    const { ways } = this.#options
    ways.served?.()
    this.transport = ways.current
    this.socket = socket
    socket.servesSinceMs = this.#options.time.now()
    this.#attempt = undefined
    this.#move = undefined
    this.#session = session
    this.ticket = ticket
    this.#tokens.expiresAtMs = expiresAt
    socket.beat(pingInterval)
    this.#later(ways.returnMs?.(), 'move')
    this.#sink.welcomed(socket, this.#welcome as WelcomeFrame)
  }

  /** A move failed: again, where there is time for it before the gateway closes the serving socket itself. */
  remain(): void {
    const delayMs = this.#delayMs
    const untilMs = this.#move?.untilMs ?? 0
    const { time, ways } = this.#options
    // Of a better way than the one that serves. Asked in any case: what has failed is not what is tried next.
    const returnMs = ways.returnMs?.()
    const isInTime = delayMs !== undefined && time.now() + delayMs < untilMs
    this.#later(isInTime ? delayMs : returnMs, 'move')
  }

  end(): void {
    this.#cancelTimer?.()
    this.#attempt?.close()
    this.socket?.close()
    this.#attempt = this.socket = this.#move = this.#session = undefined
    this.#abandoned = false
    this.#retry.reset()
    this.#refusals.reset()
    this.#tokens.refuse()
  }

  #askedToMove({ delay, deadline, url }: ReconnectFrame): void {
    const own = this.#options.url
    // What is told over TLS is not followed without it, and the token goes nowhere but to a WebSocket.
    const followed = /^ws:/i.test(own) ? /^wss?:/i : /^wss:/i
    this.#move = {
      untilMs: this.#options.time.now() + deadline,
      url: url && followed.test(url) ? url : own,
      tries: 0,
    }
    if (this.state === 'connected') this.#later(delay, 'move')
  }

  /** Milliseconds until the next attempt; `undefined`: never. */
  #after(closeCode: number, { token, servesSinceMs }: Socket): number | undefined {
    // A token that cannot change will be refused again.
    if (reconnectAfter(closeCode) === 'token' && !this.#tokens.refuse(token)) return undefined
    const { time } = this.#options
    const lastedMs = servesSinceMs === undefined ? 0 : time.now() - servesSinceMs
    return this.#retry.after(closeCode, lastedMs, time.random(), this.state === 'moving')
  }

  /** `undefined`: never. */
  #later(delayMs: number | undefined, event: 'wake' | 'move'): void {
    this.#cancelTimer?.()
    if (delayMs !== undefined)
      this.#cancelTimer = this.#options.time.after(delayMs, () => this.dispatch(event))
  }
}

/** The address is none, or the application says that nobody is logged in. */
function isFinal({ code, cause }: ClientError): boolean {
  return code === 'bad_request' || isLoggedOut(cause)
}
