/**
 * Keeps the client connected: makes attempts, moves to another node before the old connection closes, waits, comes back.
 * The shell of `machine.ts`.
 */
import { reconnectAfter, type CLOSE } from '../dialect/sluice-v1/codes.ts'
import type { ReconnectFrame, ServerFrame, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import { withQuery } from './address.ts'
import { ClientError, isLoggedOut } from './errors.ts'
import { CUT, Socket, type SocketOptions, type SocketSink, type Unreadable } from './socket.ts'
import { TABLE, type MachineEvent, type State } from './machine.ts'
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

export class ConnectionManager implements SocketSink {
  readonly #options: ConnectionManagerOptions
  readonly #tokens: Tokens
  readonly #sink: ConnectionManagerSink
  readonly #retry: Retry
  readonly #refusals = new Refusals()
  #state: State = 'idle'
  #serving: Socket | undefined
  #way: Transport
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
    this.#way = options.ways.current
    this.#tokens = tokens
    this.#sink = sink
    this.#retry = new Retry(options.backoff)
  }

  get state(): State {
    return this.#state
  }

  /** The way of the serving socket, or of the last attempt. */
  get transport(): Transport {
    return this.#way
  }

  get socket(): Socket | undefined {
    return this.#serving
  }

  connect(): void {
    this.#dispatch('connect')
  }

  close(): void {
    this.#dispatch('close')
  }

  /** Another attempt would end the same way. */
  refuse(error: ClientError): void {
    this.#dispatch('refuse', error)
  }

  /** Is the socket alive, and is it worth trying now? */
  networkChanged(what: Occurrence, isHidden = false): void {
    if (isHidden && what === 'visibilitychange') return
    const serving = this.#serving
    if (what === 'pagehide') {
      // A page with an open connection is not kept for the way back, and the gateway need not find out that nobody is there.
      if (serving !== undefined) this.closed(serving, new ClientError('closed', 'page left'))
      return
    }
    serving?.probe()
    const better = what === 'online' && this.#options.ways.networkChanged?.()
    if (what !== 'offline') this.#dispatch('wake')
    if (better) this.#dispatch('move')
  }

  // Of the links

  opened(socket: Socket): void {
    this.#sink.greet(socket, this.#session)
  }

  received(socket: Socket, frame: ServerFrame | Unreadable): void {
    if (socket === this.#serving) {
      if (frame.type === 'reconnect') this.#askedToMove(frame)
      else this.#sink.received(socket, frame)
    } else if (frame.type === 'welcome') {
      this.#welcome = frame
      this.#dispatch('welcome')
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
    } else if (socket !== this.#serving) return
    else {
      const takenOver = closeCode === TAKEN_OVER
      this.#serving = undefined
      if (attempt !== undefined) {
        this.#dispatch(takenOver && attempt.greeted ? 'supersede' : 'lose', error)
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
    const elsewhere = failed && this.#triesElsewhere(error)
    if (elsewhere) this.#delayMs = 0
    if (failed && this.#refusals.add(error)) this.#delayMs = undefined
    if (this.#delayMs === undefined && this.#state !== 'moving') this.refuse(error)
    else {
      // A move that will be tried again is nobody's concern: the client is served.
      const tells = failed && !elsewhere && (this.#state !== 'moving' || this.#delayMs === undefined)
      this.#dispatch(failed ? 'fail' : 'lose', error)
      if (tells) this.#sink.failed(error)
    }
  }

  /** Whether nothing of the gateway came through on an attempt, and there is another way to be tried at once. */
  #triesElsewhere({ code, closeCode = CUT }: ClientError): boolean {
    // A token that cannot be had, and what the gateway itself says, are no fault of the way.
    const isFault = /^(closed|timeout|bad_request)$/.test(code) && (closeCode === CUT || closeCode < 1000)
    if (!isFault || this.#state === 'moving') return false
    return this.#options.ways.failed?.(code === 'bad_request' || isFinalAnswer(closeCode)) === true
  }

  #dispatch(event: MachineEvent, error?: ClientError): void {
    const previous = this.#state
    const step = TABLE[previous][event]
    if (step === undefined) return
    const [state, action] = step
    this.#state = state
    switch (action) {
      case 'dial':
        this.#dial()
        break
      case 'adopt':
        this.#adopt()
        break
      case 'wait':
        this.#move = undefined
        this.#later(this.#delayMs as number, 'wake')
        break
      case 'remain':
        this.#remain()
        break
      case 'end':
        this.#end()
        break
      case 'none':
        break
      default:
        action satisfies never
    }
    // What was told meanwhile may have made the application close or connect: that is told already.
    if (state === this.#state) this.#sink.changed({ state, previous, error })
  }

  #dial(): void {
    const { time, connectTimeoutMs, ways } = this.#options
    const beside = this.#move === undefined ? 'return' : 'move'
    const { Socket: WebSocket } = ways.next(this.#serving === undefined ? 'connect' : beside)
    if (this.#serving === undefined) this.#way = ways.current
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
    return withQuery(url, `resume=${this.ticket ?? 1}${move === undefined ? '' : `&move=${move.tries++}`}`)
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

  #adopt(): void {
    const socket = this.#attempt as Socket
    const { session, expiresAt, pingInterval, ticket } = this.#welcome as WelcomeFrame
    this.#cancelTimer?.()
    this.#refusals.reset()
    this.#serving?.close()
    const { ways } = this.#options
    ways.served?.()
    this.#way = ways.current
    this.#serving = socket
    socket.servesSinceMs = this.#options.time.now()
    this.#attempt = undefined
    this.#move = undefined
    this.#session = session
    this.ticket = ticket
    this.#tokens.expiresAtMs = expiresAt
    socket.beat(pingInterval)
    this.#comeBack(ways.returnMs?.())
    this.#sink.welcomed(socket, this.#welcome as WelcomeFrame)
  }

  /** A move failed: again, where there is time for it before the gateway closes the serving socket itself. */
  #remain(): void {
    const delayMs = this.#delayMs
    const untilMs = this.#move?.untilMs ?? 0
    const { time, ways } = this.#options
    // Asked in any case: what has failed is not what is tried next.
    const returnMs = ways.returnMs?.()
    if (delayMs !== undefined && time.now() + delayMs < untilMs) this.#later(delayMs, 'move')
    else this.#comeBack(returnMs)
  }

  /** A better way than the one that serves is tried then, beside it. */
  #comeBack(returnMs: number | undefined): void {
    if (returnMs !== undefined) this.#later(returnMs, 'move')
  }

  #end(): void {
    this.#cancelTimer?.()
    this.#attempt?.close()
    this.#serving?.close()
    this.#attempt = this.#serving = this.#move = this.#session = undefined
    this.#abandoned = false
    this.#retry.reset()
    this.#refusals.reset()
    this.#tokens.refuse()
  }

  #askedToMove({ delay, deadline, url }: ReconnectFrame): void {
    const own = this.#options.url
    // What is told over TLS is not followed without it, and the token goes nowhere but to a WebSocket.
    const follows = url !== undefined && (/^wss:/i.test(url) || (/^ws:/i.test(url) && /^ws:/i.test(own)))
    this.#move = { untilMs: this.#options.time.now() + deadline, url: follows ? url : own, tries: 0 }
    if (this.#state === 'connected') this.#later(delay, 'move')
  }

  /** Milliseconds until the next attempt; `undefined`: never. */
  #after(closeCode: number, { token, servesSinceMs }: Socket): number | undefined {
    // A token that cannot change will be refused again.
    if (reconnectAfter(closeCode) === 'token' && !this.#tokens.refuse(token)) return undefined
    const { time } = this.#options
    const lastedMs = servesSinceMs === undefined ? 0 : time.now() - servesSinceMs
    return this.#retry.after(closeCode, lastedMs, time.random(), this.#state === 'moving')
  }

  #later(delayMs: number, event: 'wake' | 'move'): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#options.time.after(delayMs, () => this.#dispatch(event))
  }
}

/** The address is none, or the application says that nobody is logged in. */
function isFinal({ code, cause }: ClientError): boolean {
  return code === 'bad_request' || isLoggedOut(cause)
}
