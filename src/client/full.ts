/**
 * The client with every way to the gateway, which it chooses by itself.
 */
import type { Subscription } from './channel.ts'
import { WebSocketClient } from './client.ts'
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
import type { SluiceClientOptions } from './options.ts'
import { systemTime } from './time.ts'
import { WayChoice, type Memory } from './way-choice.ts'
import { webSocketWay, type Transport, type Way, type Ways } from './ways.ts'

export interface FullClientOptions extends SluiceClientOptions {
  /**
   * The ways to try, in this order. Default: `['websocket', 'sse', 'poll']`; the first that serves is used from then on by all clients
   * of the page with this address. `sse` and `poll` send by `POST`.
   */
  readonly transport?: Transport | readonly Transport[]
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch
}

const ALL: readonly Transport[] = ['websocket', 'sse', 'poll']

/** The way that has served, by address: a second client of the page need not find out again. Nothing else is kept here. */
const memories = new Map<string, Memory>()

export class SluiceClient extends WebSocketClient {
  /** Does nothing yet: call `connect`. Throws a `ClientError` where the platform has none of the ways. */
  constructor(options: FullClientOptions) {
    super(options, waysOf(options))
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
    return syncWith(options as SyncOptions, {
      subscribe: (handler, more) => this.subscribe(channel, handler, more),
      failed: (error) => this.failed(error),
      later: (attempt, run) => this.later(attempt, run),
    })
  }
}

function waysOf(options: FullClientOptions): Ways {
  const { transport = ALL, fetch = globalThis.fetch, time = systemTime } = options
  const wanted = typeof transport === 'string' ? [transport] : transport
  const [first, ...others] = wanted.flatMap((one): Way[] => {
    if (!ALL.includes(one))
      throw new ClientError('bad_request', `transport: ${one} is none of ${ALL.join(', ')}`)
    if (one === 'websocket') return wanted.length > 1 && !hasWebSocket(options) ? [] : [webSocketWay(options)]
    // Called as a function of the page: as a method, browsers refuse it.
    return [{ transport: one, Socket: httpSocket(one, (input, init) => fetch(input, init)) }]
  })
  if (first === undefined) throw new ClientError('bad_request', 'transport names no way to the gateway')
  const key = `${options.url} ${wanted.join()}`
  const memory = memories.get(key) ?? {}
  memories.set(key, memory)
  return new WayChoice([first, ...others], memory, time)
}

function hasWebSocket({ WebSocket }: SluiceClientOptions): boolean {
  return (WebSocket ?? (globalThis as { readonly WebSocket?: unknown }).WebSocket) !== undefined
}
