/**
 * The client of a gateway: channels, publishes, presence and the user's inbox, over a connection that takes care of itself.
 */
import { CHANNEL_RULE, INBOX, isChannel } from '../protocol/channel.ts'
import type {
  JoinFrame,
  PresenceReplyFrame,
  PublishedFrame,
  PublishFrame,
  ServerFrame,
  WelcomeFrame,
} from '../dialect/sluice-v1/frames.ts'
import { isPosition, type Position } from '../protocol/position.ts'
import { acksOver, type Acks } from './acks.ts'
import type { Channel, Handler, SubscribeOptions, Subscription } from './channel.ts'
import { Channels } from './channels.ts'
import { complaintsOf, type Complaints } from './complaints.ts'
import { positionOf } from './cursor.ts'
import { broken, ClientError, closed, disconnected } from './errors.ts'
import { Events } from './events.ts'
import { encodeData, type Socket, type Unreadable, type Wire } from './socket.ts'
import { isOver, type State } from './machine.ts'
import { watchNetwork } from './network.ts'
import type { ChannelIn, DataOn, Unmapped } from './channel-map.ts'
import type {
  ClientEvents,
  Published,
  PublishOptions,
  RequestOptions,
  SluiceClientOptions,
} from './options.ts'
import { errorOf, Requests } from './requests.ts'
import { backoffMs, type Later } from './retry.ts'
import { systemTime, type Time } from './time.ts'
import { reauthenticate } from './reauthenticate.ts'
import { Tokens } from './tokens.ts'
import { oneWay, webSocketWay, type Transport, type Ways } from './ways.ts'
import { ConnectionManager, type StateChange, type ConnectionManagerSink } from './connection-manager.ts'

export const VERSION = '0.1.0'

/** Who waits for `connect` is told when so many have failed. */
const ATTEMPTS_AWAITED = 3

/**
 * The client over WebSocket alone. `Known`: what is published on which channels. `SluiceClient` is this with other ways to the gateway, and larger.
 */
export class WebSocketClient<Known = unknown> {
  /** Of the token, as the gateway knows; `undefined` before the first connection. */
  user: string | undefined
  /** Why it is not connected, above all where it is `failed`: of the last attempt. A move that failed leaves it connected. */
  declare error: ClientError | undefined
  readonly #complaints: Complaints
  /** @internal Tells the application. */
  protected readonly complain: (error: ClientError) => void
  /** @internal */ protected readonly later: Later
  protected readonly clock: Time
  readonly #events = new Events<ClientEvents & { readonly attempt: ClientError }>((event, cause) => {
    // Told to the same listener again, it would throw again.
    if (event === 'error') console.error(cause)
    else this.complain(broken(`a listener of ${event} failed`, cause))
  })
  readonly #channels: Channels
  readonly #inbox: Channel
  readonly #acks: Acks
  /** @internal */ protected readonly requests: Requests
  readonly #tokens: Tokens
  readonly #connection: ConnectionManager
  #stopWatching: (() => void) | undefined

  /** Does nothing yet: call `connect`. Throws a `ClientError` where the platform has no WebSocket and none is given. */
  constructor(options: SluiceClientOptions, ways: Ways = oneWay(webSocketWay(options))) {
    const {
      url,
      token,
      backoff = { baseMs: 1000, maxMs: 20_000 },
      connectTimeoutMs = 20_000,
      pongTimeoutMs = 10_000,
      requestTimeoutMs = 30_000,
      trace,
      time = systemTime,
    } = options
    this.#complaints = complaintsOf(url, (error) => this.#events.emit('error', error))
    this.complain = this.#complaints.complain
    this.clock = time
    this.later = (attempt, run) => void time.after(backoffMs(backoff, attempt, time.random()), run)
    this.requests = new Requests(time, requestTimeoutMs)
    const socket = (): Socket | undefined => this.#connection.socket
    this.#acks = acksOver(socket, time)
    this.#channels = new Channels({
      time,
      socket,
      acks: this.#acks,
      complain: this.complain,
      later: this.later,
      events: this.#events,
    })
    this.#tokens = new Tokens(token, time)
    this.#connection = new ConnectionManager(
      {
        url,
        ways,
        backoff,
        connectTimeoutMs,
        pongTimeoutMs,
        time,
        refs: this.requests,
        trace,
      },
      this.#tokens,
      this.#sink(),
    )
    this.#inbox = this.#channels.add(INBOX, undefined)
  }

  #sink(): ConnectionManagerSink {
    return {
      greet: (newcomer, session) => {
        newcomer.send({
          type: 'connect',
          token: newcomer.token,
          session,
          resume: this.#channels.resume(newcomer),
          client: { name: 'sluice-js', version: VERSION },
        })
        this.#channels.open(newcomer)
      },
      welcomed: (newcomer, welcome) => {
        this.user = welcome.user
        this.requests.frameBytesMax = welcome.limits?.frame ?? Infinity
        this.arrived?.(newcomer, welcome, this.#channels)
        this.#channels.welcomed(newcomer, welcome.channels)
        this.requests.repeat(newcomer)
        this.#events.emit('welcome', welcome)
      },
      received: (serving, frame) => this.#received(serving, frame),
      changed: (change) => this.#changed(change),
      failed: (error) => {
        this.#complaints.refused(error, false)
        this.#events.emit('attempt', error)
      },
    }
  }

  /** How it is connected, or tries to be. */
  get transport(): Transport {
    return this.#connection.transport
  }

  get state(): State {
    return this.#connection.state
  }

  /** Calls the listener at each event; the answer stops that. */
  on<Event extends keyof ClientEvents>(
    event: Event,
    listener: (value: ClientEvents[Event]) => void,
  ): () => void {
    return this.#events.on(event, listener)
  }

  off<Event extends keyof ClientEvents>(event: Event, listener: (value: ClientEvents[Event]) => void): void {
    this.#events.off(event, listener)
  }

  /**
   * Connects, and stays connected until `close`; while the client waits to try again, it tries now. Resolves when connected.
   * Rejects with a `ClientError` where the client is closed or `failed` before that, and where three attempts in a row came to nothing:
   * then it goes on trying all the same (`state` is `waiting`), and the `state` event tells when it is there. Nobody has to wait for it.
   */
  connect(): Promise<void> {
    let stops: (() => void)[] = []
    const connected = new Promise<void>((resolve, reject) => {
      let attempts = 0
      stops = [
        this.on('state', ({ state, error }) => {
          if (state === 'connected') resolve()
          else if (isOver(state)) reject(error ?? closed())
        }),
        this.#events.on('attempt', (error) => {
          if (++attempts === ATTEMPTS_AWAITED) reject(error)
        }),
      ]
      if (this.#connection.socket) resolve()
    }).finally(() => stops.forEach((stop) => stop()))
    // The `error` event and the console tell of it too.
    connected.catch(() => undefined)
    this.#stopWatching ??= watchNetwork((...change) => this.#connection.networkChanged(...change))
    this.#connection.dispatch('connect')
    return connected
  }

  /**
   * Ends the connection and the session; unanswered requests are rejected. The subscriptions stay, and a later `connect` resumes them.
   */
  close(): void {
    this.#acks.flush()
    this.#connection.dispatch('close')
  }

  /**
   * Handles the messages of a channel, from `options.from` on; before `connect` too. Throws a `ClientError` for a name that is no
   * channel's, or a `from` that is no position.
   */
  subscribe<Name extends ChannelIn<Known>>(
    channel: Name,
    handler: Handler<DataOn<Known, Name>>,
    options?: SubscribeOptions,
  ): Subscription
  subscribe<Data = unknown>(
    channel: Unmapped<Known>,
    handler: Handler<Data>,
    options?: SubscribeOptions,
  ): Subscription
  subscribe(channel: string, handler: Handler<never>, options: SubscribeOptions = {}): Subscription {
    if (!isChannel(channel)) throw new ClientError('bad_request', [channel, CHANNEL_RULE].join(': '))
    return this.#handle(channel, handler as Handler, options)
  }

  /** Handles what is published to the user. To miss nothing, call it before `connect`. */
  inbox<Data = unknown>(handler: Handler<Data>, options: SubscribeOptions = {}): Subscription {
    return this.#handle(INBOX, handler as Handler, options)
  }

  #handle(name: string, handler: Handler, options: SubscribeOptions): Subscription {
    const { from = this.former?.(name) } = options
    // A bad position would make the gateway refuse the whole resume, and with it every other channel.
    if (from && 'epoch' in from && !isPosition(from))
      throw new ClientError('bad_request', `${name}: from is a position of the gateway, or {last}`)
    return (this.#channels.get(name) ?? this.#channels.add(name, from)).add(handler, {
      ...options,
      from,
    } as SubscribeOptions)
  }

  /**
   * Publishes a JSON value, or bytes as they are (`Uint8Array`). Unanswered, it is repeated after a reconnect with the same `id`, by
   * which the gateway knows it: on a channel with a log it is published once.
   * Rejects with a `ClientError`: with the gateway's refusal, `timeout`, `limit_exceeded`, or `closed`.
   */
  publish<Name extends ChannelIn<Known>>(
    channel: Name,
    data: DataOn<Known, Name>,
    options?: PublishOptions,
  ): Promise<Published>
  publish(channel: Unmapped<Known>, data: unknown, options?: PublishOptions): Promise<Published>
  async publish(channel: string, data: unknown, options?: PublishOptions): Promise<Published> {
    const { duplicate = false, ...place } = await this.deliver(channel, data, options)
    return { position: positionOf(place), duplicate }
  }

  /** @internal Publishes, and answers what the gateway does. */
  protected async deliver(
    channel: string,
    data: unknown,
    { id = this.#draw() + this.#draw(), event, timeoutMs }: RequestOptions = {},
  ): Promise<PublishedFrame> {
    const ref = this.requests.nextRef()
    const wire = encodeData({ type: 'publish', ref, channel, data, id, event } as PublishFrame)
    return (await this.#request(ref, wire, true, timeoutMs)) as PublishedFrame
  }

  /** Who is in a channel now. Rejects with a `ClientError` where the gateway refuses or the connection is lost. */
  async presence(channel: string): Promise<readonly string[]> {
    return ((await this.ask({ type: 'presence', channel })) as PresenceReplyFrame).users
  }

  /**
   * A request of the protocol about now: once the connection is gone, nobody answers it. For what is built on the client, as
   * `@sluice/client/presence` is.
   */
  async ask(request: {
    readonly type: 'presence' | 'history' | 'enter' | 'leave' | 'probe'
    readonly channel: string
  }): Promise<unknown> {
    if (!this.#connection.socket) throw disconnected()
    const ref = this.requests.nextRef()
    return this.#request(ref, JSON.stringify({ ...request, ref }), false)
  }

  /** @internal Where an earlier page was on a channel that this one handles now. */
  protected former?(channel: string): Position | undefined

  /** @internal The user is known, and nothing has been made of what the channels were asked for. */
  protected arrived?(socket: Socket, welcome: WelcomeFrame, channels: Iterable<Channel>): void

  #request(ref: number, wire: Wire, repeat: boolean, timeoutMs?: number): Promise<ServerFrame> {
    if (isOver(this.state)) throw this.error ?? closed()
    return this.requests.ask(ref, wire, repeat, this.#connection.socket, timeoutMs)
  }

  #received(socket: Socket, frame: ServerFrame | Unreadable): void {
    const channel = 'channel' in frame ? this.#channels.get(frame.channel) : undefined
    switch (frame.type) {
      case 'message':
        channel?.show(frame)
        break
      case 'unreadable':
        channel?.skip(frame)
        break
      case 'reset':
        if (!channel) this.#events.emit('reset', frame)
        else channel.reset(frame)
        break
      case 'reauth':
        reauthenticate(socket, this.#tokens, this.#connection, this.complain, this.later)
        break
      default:
        // A type of a later version of the protocol is not for this client.
        if ('ref' in frame) this.requests.answer(frame)
        // Who comes and goes; the welcome does not come here.
        else if ('user' in frame) this.#events.emit(frame.type as JoinFrame['type'], frame as JoinFrame)
        else if (frame.type === 'subscribed') this.#channels.subscribed(frame)
        else if (frame.type === 'unsubscribed') this.#channels.unsubscribed(frame.channel, frame.byBackend)
        // What ends the connection shows in the close code; what the client mends by itself is not worth an alarm.
        else if (frame.type === 'error' && frame.code === 'bad_request') this.complain(errorOf(frame))
    }
  }

  #changed(change: StateChange): void {
    const { state, error } = change
    if (state === 'waiting' || state === 'connecting') this.requests.reject(disconnected(), false)
    if (state === 'connected') this.#complaints.clear()
    if (state !== 'connecting') this.error = state === 'connected' ? undefined : error
    if (isOver(state)) {
      this.#stopWatching?.()
      this.#stopWatching = undefined
      // The next to connect may be somebody else, with an inbox of their own.
      this.#inbox.track.position = undefined
      this.requests.reject(error ?? closed(), true)
      if (error) this.#complaints.refused(error, state === 'failed')
    }
    this.#events.emit('state', change)
  }

  #draw(): string {
    return this.clock.random().toString(36).slice(2)
  }
}
