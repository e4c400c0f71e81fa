import { WebSocketClient as SluiceClient } from '../../../src/client/client.ts'
import type { ClientError } from '../../../src/client/errors.ts'
import type { Message } from '../../../src/client/channel.ts'
import type { SluiceClientOptions } from '../../../src/client/options.ts'
import type { MessageFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { FakeSockets } from './fake-sockets.ts'
import { ManualTime, settled } from './manual-time.ts'

export interface Fixture {
  readonly client: SluiceClient
  readonly sockets: FakeSockets
  readonly time: ManualTime
  /** The states in order, without `idle`. */
  readonly states: string[]
  readonly errors: ClientError[]
}

/** A client on sockets that the test plays. Not connected. */
export function fixture(options: Partial<SluiceClientOptions> = {}): Fixture {
  const sockets = new FakeSockets()
  const time = new ManualTime()
  const client = new SluiceClient({
    url: 'wss://gateway.example/v1/ws',
    token: 'token-1',
    WebSocket: sockets.WebSocket,
    time,
    ...options,
  })
  const states: string[] = []
  const errors: ClientError[] = []
  client.on('state', ({ state }) => states.push(state))
  client.on('error', (error) => errors.push(error))
  return { client, sockets, time, states, errors }
}

/** A client whose first connection serves. */
export async function connected(options: Partial<SluiceClientOptions> = {}): Promise<Fixture> {
  const made = fixture(options)
  void made.client.connect()
  await settled()
  made.sockets.newest.welcome()
  return made
}

/** The connection is cut, the pause is over, and the next socket is there. */
export async function cutAndBack({ sockets, time }: Fixture, code = 1006): Promise<void> {
  sockets.newest.end(code)
  await time.pass(1000)
}

export function message(channel: string, offset: number | undefined, data: unknown): MessageFrame {
  return { type: 'message', channel, ...(offset === undefined ? {} : { offset }), data, time: 1 }
}

/** What a handler was given. */
export function record(): { readonly data: unknown[]; readonly handler: (message: Message) => void } {
  const data: unknown[] = []
  return { data, handler: (shown) => void data.push(shown.data) }
}

/** The reason of a rejection; fails where there is none. */
export async function rejection(promise: Promise<unknown>): Promise<ClientError> {
  return promise.then(
    (value) => Promise.reject(new Error(`resolved with ${JSON.stringify(value)}`)),
    (error: unknown) => error as ClientError,
  )
}
