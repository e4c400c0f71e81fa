import WebSocket from 'ws'
import { createClient } from '../../../src/client/node.ts'
import type { Message, SluiceClient } from '../../../src/client/index.ts'
import type { ServerFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { Diary, type ClientOptions, type LoadClient, type Place } from './client.ts'
import { ToldResets, type CameReset } from './told-resets.ts'

/** Of the errors that an application hears of, those that a fault may bring. Any other says that something is over for good. */
const PASSING = new Set(['unavailable', 'rate_limited', 'internal', 'timeout', 'disconnected', 'closed'])
const FIRST_BACKOFF_MS = 200
const BACKOFF_MAX_MS = 2000
const CONNECT_MS = 5000
const PONG_MS = 4000

interface Start {
  readonly epoch?: string
  readonly offset?: number
}

export interface SdkLoadClient extends LoadClient {
  readonly sdk: SluiceClient
  /** Channels of whose last reset the application has not been told. */
  readonly owed: () => readonly string[]
}

export function sdkClient(options: ClientOptions): SdkLoadClient {
  const { port, token, channels } = options
  const diary = new Diary(options)
  const resets = new ToldResets()
  // The client does not say where a subscription has started, but the gateway did; on an attempt that is given up it did so in vain.
  const told = new Map<string, Start>()
  const begins = (channel: string): void => diary.starts(channel, told.get(channel) ?? {})
  const look = (data: WebSocket.RawData, binary: boolean): void => {
    if (binary) return
    // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
    const frame = JSON.parse(data.toString()) as ServerFrame
    if (frame.type === 'subscribed') told.set(frame.channel, frame)
    if (frame.type === 'reset') resets.came(frame.channel, frame)
    const inbox = frame.type === 'welcome' ? frame.channels['@inbox'] : undefined
    if (inbox !== undefined && !('error' in inbox)) told.set('@inbox', inbox)
  }
  class WatchedSocket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols)
      this.on('message', look)
      this.on('close', (code) => diary.trouble(`closed with ${code}`))
    }
  }
  const sdk = createClient({
    url: `ws://127.0.0.1:${port}/v1/ws`,
    token: () => Promise.resolve(token),
    // The one that is watched, also where the cluster is not there yet.
    transport: 'websocket',
    WebSocket: WatchedSocket,
    backoff: { baseMs: FIRST_BACKOFF_MS, maxMs: BACKOFF_MAX_MS },
    connectTimeoutMs: CONNECT_MS,
    pongTimeoutMs: PONG_MS,
  })
  sdk.on('error', ({ code, message }) => {
    if (PASSING.has(code)) diary.trouble(`${code}: ${message}`)
    else diary.final(`${code}: ${message}`)
  })
  sdk.on('state', ({ state, error }) => {
    if (state === 'failed') diary.final(`failed: ${error?.message}`)
  })
  const follow = (channel: string) => {
    const passed = (reset: CameReset | undefined): void => {
      if (reset !== undefined) diary.reset(channel, reset)
    }
    const handler = ({ data, position }: Message): void => {
      if (position === undefined) {
        diary.final(`a message of ${channel} without a position`)
        return
      }
      begins(channel)
      passed(resets.before(channel, position))
      diary.shown(channel, data, position.offset, position.epoch)
    }
    return [handler, { onReset: (reset: Place) => passed(resets.told(channel, reset)) }] as const
  }
  const subscriptions = [
    sdk.inbox(...follow('@inbox')),
    ...channels.map((channel) => sdk.subscribe(channel, ...follow(channel))),
  ]
  for (const { channel, ready } of subscriptions) {
    ready.then(
      () => begins(channel),
      (error: unknown) => diary.final(`${channel} is refused: ${(error as Error).message}`),
    )
  }
  void sdk.connect()
  return { options, ready: diary.ready, sdk, owed: () => resets.owed, close: () => sdk.close() }
}
