/**
 * Keeps the client connected: makes attempts, moves to another node before the old connection closes, waits, comes back.
 * The shell of `machine.ts`.
 */
import { reconnectAfter, type CLOSE } from '../dialect/sluice-v1/codes.ts'
import type { ReconnectFrame, ServerFrame, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import { ClientError, isLoggedOut } from './errors.ts'
import { CUT, Link, type LinkOptions, type LinkSink, type Unreadable } from './link.ts'
import { TABLE, type MachineEvent, type State } from './machine.ts'
import { Refusals } from './refusals.ts'
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

export interface UplinkOptions extends Omit<LinkOptions, 'WebSocket'> {
  readonly url: string
  readonly backoff: BackoffOptions
  readonly connectTimeoutMs: number
  readonly ways: Ways
}

export interface UplinkSink {
  /** The link is open: say `connect` with the session to go on with, and what else goes behind it. */
  greet(link: Link, session: string | undefined): void
  /** The link serves from here on; one that served until now is closed. */
  welcomed(link: Link, welcome: WelcomeFrame): void
  /** Any later frame of the serving link but `reconnect`. */
  received(link: Link, frame: ServerFrame | Unreadable): void
  /** Something that the application should know, though the client goes on: each attempt that failed, too. */
  failed(error: ClientError): void
  changed(change: StateChange): void
}

export class Uplink implements LinkSink {
  readonly #options: UplinkOptions
  readonly #tokens: Tokens
  readonly #sink: UplinkSink
  readonly #retry: Retry
  readonly #refusals = new Refusals()
  #state: State = 'idle'
  #serving: Link | undefined
  #way: Transport
  #attempt: Link | undefined
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

  constructor(options: UplinkOptions, tokens: Tokens, sink: UplinkSink) {
    this.#options = options
    this.#way = options.ways.current.transport
    this.#tokens = tokens
    this.#sink = sink
    this.#retry = new Retry(options.backoff)
  }

  get state(): State {
    return this.#state
  }

  /** The way of the serving link, or of the last attempt. */
  get transport(): Transport {
    return this.#way
  }

  get link(): Link | undefined {
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

  /** The network came or went: is the link alive, and is it worth trying now? */
  networkChanged(back: boolean): void {
    this.#serving?.probe()
    if (back) this.#dispatch('wake')
  }

  // Of the links

  opened(link: Link): void {
    this.#sink.greet(link, this.#session)
  }

  received(link: Link, frame: ServerFrame | Unreadable): void {
    if (link === this.#serving) {
      if (frame.type === 'reconnect') this.#askedToMove(frame)
      else this.#sink.received(link, frame)
    } else if (frame.type === 'welcome') {
      this.#welcome = frame
      this.#dispatch('welcome')
    }
  }

  /** Also called by the client itself, where it gives an attempt up. */
  closed(link: Link, error: ClientError): void {
    const attempt = this.#attempt
    const failed = link === attempt
    let { closeCode = error.code === 'unauthorized' ? TOKEN_REFUSED : CUT } = error
    if (failed) {
      this.#attempt = undefined
      this.#abandoned ||= link.greeted
    } else if (link !== this.#serving) return
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
    link.close()
    this.#cancelTimer?.()
    this.#delayMs = isFinal(error) ? undefined : this.#after(closeCode, link)
    if (failed && this.#delayMs === undefined && link.greeted && this.#session !== undefined) {
      // The session may be another user's, or none that the gateway knows: "connect without it".
      this.#session = undefined
      this.#delayMs = this.#after(CUT, link)
    }
    const elsewhere = failed && this.#triesElsewhere(link, error)
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

  /** Whether an attempt did not get through at all, and there is another way to be tried at once. */
  #triesElsewhere(link: Link, { code }: ClientError): boolean {
    // A token that cannot be had is no fault of the way.
    if (link.greeted || this.#state === 'moving' || !/^(closed|timeout|bad_request)$/.test(code)) return false
    return this.#options.ways.failed()
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
    const { time, connectTimeoutMs } = this.#options
    const { transport, Socket } = this.#options.ways.next()
    this.#way = transport
    const link = new Link({ ...this.#options, WebSocket: Socket }, this)
    this.#attempt = link
    this.#cancelTimer?.()
    this.#cancelTimer = time.after(connectTimeoutMs, () =>
      this.closed(link, new ClientError('timeout', `no welcome within ${connectTimeoutMs} ms`)),
    )
    void this.#open(link, this.#address())
  }

  /**
   * Shows in the URL already that a session comes back: where connections queue, it goes before newcomers. One that moves
   * says how often it has tried: a node that will be drained next sends it on, a few times.
   */
  #address(): string {
    const move = this.#move
    const url = move?.url ?? this.#options.url
    if (this.#session === undefined) return url
    return `${url}${url.includes('?') ? '&' : '?'}resume=${this.ticket ?? 1}${move === undefined ? '' : `&move=${move.tries++}`}`
  }

  async #open(link: Link, url: string): Promise<void> {
    try {
      link.token = await this.#tokens.get()
      if (link === this.#attempt) link.open(url)
    } catch (cause) {
      const error =
        cause instanceof ClientError
          ? cause
          : new ClientError('bad_request', `the platform does not take the address ${url}`, { cause })
      this.closed(link, error)
    }
  }

  #adopt(): void {
    const link = this.#attempt as Link
    const { session, expiresAt, pingInterval, ticket } = this.#welcome as WelcomeFrame
    this.#cancelTimer?.()
    this.#refusals.reset()
    this.#serving?.close()
    this.#options.ways.served()
    this.#serving = link
    link.servesSinceMs = this.#options.time.now()
    this.#attempt = undefined
    this.#move = undefined
    this.#session = session
    this.ticket = ticket
    this.#tokens.expiresAtMs = expiresAt
    link.beat(pingInterval)
    this.#sink.welcomed(link, this.#welcome as WelcomeFrame)
  }

  /** A move failed: again, where there is time for it before the gateway closes the serving link itself. */
  #remain(): void {
    const delayMs = this.#delayMs
    const untilMs = this.#move?.untilMs ?? 0
    if (delayMs !== undefined && this.#options.time.now() + delayMs < untilMs) this.#later(delayMs, 'move')
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
    this.#goTo(delay, deadline, follows ? url : own)
  }

  #goTo(delay: number, deadline: number, url: string): void {
    this.#move = { untilMs: this.#options.time.now() + deadline, url, tries: 0 }
    if (this.#state === 'connected') this.#later(delay, 'move')
  }

  /** Milliseconds until the next attempt; `undefined`: never. */
  #after(closeCode: number, { token, servesSinceMs }: Link): number | undefined {
    // A token that cannot change will be refused again.
    if (reconnectAfter(closeCode) === 'token' && !this.#tokens.refuse(token)) return undefined
    const { time } = this.#options
    const lastedMs = servesSinceMs === undefined ? 0 : time.now() - servesSinceMs
    return this.#retry.after(closeCode, lastedMs, time.random())
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
