/**
 * The client with every way to the gateway, which it chooses by itself.
 */
import type { WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import type { Position } from '../protocol/position.ts'
import type { Channel, Subscription } from './channel.ts'
import { WebSocketClient } from './client.ts'
import { traceOf } from './debug.ts'
import { ClientError } from './errors.ts'
import {
  pageOf,
  syncWith,
  type HistoryOptions,
  type HistoryPage,
  type HistoryReply,
  type SyncOptions,
} from './history.ts'
import { httpSocket } from './http-socket.ts'
import { KeptPositions, type Resume } from './kept-positions.ts'
import type { ClientEvents, CloseOptions, RequestOptions, SluiceClientOptions } from './options.ts'
import type { Socket } from './socket.ts'
import { systemTime } from './time.ts'
import { WayChoice, type Memory } from './way-choice.ts'
import { webSocketOf, webSocketWay, type Transport, type Way, type Ways } from './ways.ts'

export interface FullClientOptions extends SluiceClientOptions {
  /**
   * The ways to try, in this order. Default: `['websocket', 'sse', 'poll']`; the first that serves is used from then on by all clients
   * of the page with this address. `sse` and `poll` send by `POST`.
   */
  readonly transport?: Transport | readonly Transport[]
  /**
   * How far positions are kept. `page` (default): as long as the page. `tab`: over reloads of the tab. `device`: also in new tabs. Channels and
   * the inbox go on from there where no `from` is given, for the same user only.
   */
  readonly resume?: Resume
  /** Prints each frame, without its payload and what opens anything. Default: whether `localStorage.sluiceDebug` is set. */
  readonly debug?: boolean
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch
}

const ALL: readonly Transport[] = ['websocket', 'sse', 'poll']

/** The way that has served, by address: a second client of the page need not find out again. Nothing else is kept here. */
const memories = new Map<string, Memory>()

export class SluiceClient<Known = unknown> extends WebSocketClient<Known> {
  readonly #kept: KeptPositions
  /** The latest `close`, which `connect` calls off. */
  #closing: object | undefined

  /** Does nothing yet: call `connect`. Throws a `ClientError` where the platform has none of the ways. */
  constructor(options: FullClientOptions, ways: Ways = waysOf(options)) {
    super({ trace: traceOf(options.debug), ...options }, ways)
    const { resume = 'page', url, time = systemTime } = options
    this.#kept = new KeptPositions(resume, url, time)
  }

  /** At the next event only; the answer stops that. */
  once<Event extends keyof ClientEvents>(
    event: Event,
    listener: (value: ClientEvents[Event]) => void,
  ): () => void {
    const stop = this.on(event, (value) => {
      stop()
      listener(value)
    })
    return stop
  }

  override connect(): Promise<void> {
    this.#closing = undefined
    return super.connect()
  }

  /**
   * As of `WebSocketClient`. With `waitMs`, once what is unanswered is answered, or that time is over; `connect` meanwhile calls it off.
   */
  // oxlint-disable-next-line typescript/no-misused-promises -- without options it answers nothing, as there
  override close(): void
  // oxlint-disable-next-line typescript/no-misused-promises -- without options it answers nothing, as there
  override close(options: CloseOptions): Promise<void>
  // oxlint-disable-next-line typescript/no-misused-promises -- without options it answers nothing, as there
  override close({ waitMs = 0 }: CloseOptions = {}): void | Promise<void> {
    const mine = (this.#closing = {})
    const end = (): void => {
      if (mine !== this.#closing) return
      this.#kept.close()
      super.close()
    }
    if (waitMs === 0) end()
    else
      return new Promise<void>((over) => {
        void this.requests.settled().then(() => over())
        this.clock.after(waitMs, over)
      }).then(end)
  }

  /** @internal */
  protected override former(channel: string): Position | undefined {
    return this.#kept.take(channel)
  }

  /** @internal */
  protected override arrived(socket: Socket, { user }: WelcomeFrame, channels: Iterable<Channel>): void {
    this.#kept.welcome(user, socket, channels)
  }

  /**
   * A page of what the channel's log keeps, where the token has the channel in `history`: the newest messages, those before a position, or
   * those after one. Rejects with a `ClientError` where the gateway refuses or the connection is lost.
   */
  async history<Data = unknown>(channel: string, options: HistoryOptions = {}): Promise<HistoryPage<Data>> {
    return pageOf((await this.ask({ ...options, type: 'history', channel })) as HistoryReply)
  }

  /**
   * A state that is loaded and then kept up to date: gets a position, calls `load`, and goes on exactly after it; after a `reset`, at the
   * moment that the gateway has drawn, again.
   */
  sync<Data = unknown>(channel: string, options: SyncOptions<Data>): Subscription {
    return syncWith(
      options as SyncOptions,
      (handler, more) => (this as unknown as WebSocketClient).subscribe(channel, handler, more),
      this.complain,
      this.later,
    )
  }

  /**
   * Asks the backend to which publishes on the channel's namespace are forwarded, and answers what it answers as `data`. Unanswered, it is
   * repeated after a reconnect with the same `id`, which the backend is given. Rejects with a `ClientError`: with the refusal of the
   * backend or the gateway, `unavailable` where no backend is there, `timeout`, `limit_exceeded`, or `closed`.
   */
  async request<Answer = unknown>(channel: string, data: unknown, options?: RequestOptions): Promise<Answer> {
    return (await this.deliver(channel, data, options)).data as Answer
  }
}

function waysOf(options: FullClientOptions): Ways {
  const { transport = ALL, fetch = globalThis.fetch, time = systemTime } = options
  const wanted = typeof transport === 'string' ? [transport] : transport
  const [first, ...others] = wanted.flatMap((one): Way[] => {
    if (!ALL.includes(one))
      throw new ClientError('bad_request', `transport: ${one} is none of ${ALL.join(', ')}`)
    if (one === 'websocket')
      return wanted.length > 1 && webSocketOf(options) === undefined ? [] : [webSocketWay(options)]
    return [{ transport: one, Socket: httpSocket(one, fetch) }]
  })
  if (!first) throw new ClientError('bad_request', 'transport names no way to the gateway')
  const key = `${options.url} ${wanted.join()}`
  const memory = memories.get(key) ?? { untilMs: 0, returns: 0 }
  memories.set(key, memory)
  return new WayChoice([first, ...others], memory, time)
}
