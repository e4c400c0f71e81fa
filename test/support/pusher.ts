/** Clients and backends of Pusher, raw and as they are published, against nodes of a test. */
import Backend from 'pusher'
import pusherModule, { type Channel, type Options } from 'pusher-js'
import { WebSocket } from 'ws'
import { signatureOf } from '../../src/dialect/pusher/signatures.ts'
import { comes } from './patience.ts'
import type { StartedNode } from './start-node.ts'

/** Its types say that the class is the default of a module; for Node.js it is the module. */
const PusherJs = pusherModule as unknown as typeof pusherModule.default
export type PusherJs = pusherModule.default

export const SHOP = { id: '3', key: 'key-one', secret: 'secret-one' }
export const CHAT = { id: '4', key: 'key-two', secret: 'secret-two' }

export const APPS = [
  `${SHOP.id}:shop:${SHOP.key}:${SHOP.secret}`,
  `${SHOP.id}:shop:key-new:secret-new`,
  `${CHAT.id}:chat:${CHAT.key}:${CHAT.secret}`,
]

export interface AppOfTest {
  readonly id: string
  readonly key: string
  readonly secret: string
}

export function backendOf(node: StartedNode, { id, key, secret }: AppOfTest = SHOP): Backend {
  return new Backend({ appId: id, key, secret, host: '127.0.0.1', port: String(node.apiPort), useTLS: false })
}

export interface PusherFrame {
  readonly event: string
  readonly channel?: string
  readonly data: unknown
  readonly user_id?: string
}

/** One connection, frame by frame. */
export class RawPusher {
  readonly socket: WebSocket
  readonly frames: PusherFrame[] = []
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #app: AppOfTest
  #waiting: (() => void) | undefined
  socketId = ''

  constructor(node: Pick<StartedNode, 'port'>, path: string, app: AppOfTest = SHOP) {
    this.#app = app
    this.socket = new WebSocket(`ws://127.0.0.1:${node.port}${path}`)
    this.closed = new Promise((resolve) =>
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() })
        this.#waiting?.()
      }),
    )
    this.socket.on('error', () => undefined)
    this.socket.on('message', (bytes: Buffer) => {
      this.frames.push(JSON.parse(bytes.toString()) as PusherFrame)
      this.#waiting?.()
    })
  }

  static async connect(
    node: Pick<StartedNode, 'port'>,
    app: AppOfTest = SHOP,
    protocol = 7,
  ): Promise<RawPusher> {
    const raw = new RawPusher(node, `/app/${app.key}?protocol=${protocol}&client=js&version=8.6.0`, app)
    const { data } = await raw.next('pusher:connection_established')
    raw.socketId = (JSON.parse(data as string) as { socket_id: string }).socket_id
    return raw
  }

  send(event: string, data: unknown, channel?: string): void {
    this.socket.send(JSON.stringify({ event, data, ...(channel === undefined ? {} : { channel }) }))
  }

  /** The next frame with this event; those before it are dropped. */
  async next(event: string): Promise<PusherFrame> {
    for (;;) {
      const at = this.frames.findIndex((frame) => frame.event === event)
      const found = this.frames[at]
      if (found !== undefined) {
        this.frames.splice(0, at + 1)
        return found
      }
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`closed while waiting for ${event}; frames: ${JSON.stringify(this.frames)}`)
      await comes(event, new Promise<void>((resolve) => (this.#waiting = resolve)))
    }
  }

  auth(text: string): string {
    return `${this.#app.key}:${signatureOf(this.#app.secret, `${this.socketId}:${text}`)}`
  }

  subscribe(channel: string, member?: object): void {
    if (member === undefined) this.send('pusher:subscribe', { channel, auth: this.auth(channel) })
    else {
      const channelData = JSON.stringify(member)
      const auth = this.auth(`${channel}:${channelData}`)
      this.send('pusher:subscribe', { channel, auth, channel_data: channelData })
    }
  }

  async join(channel: string, member?: object): Promise<PusherFrame> {
    this.subscribe(channel, member)
    return this.next('pusher_internal:subscription_succeeded')
  }

  signIn(user: object): void {
    const userData = JSON.stringify(user)
    this.send('pusher:signin', { auth: this.auth(`:user::${userData}`), user_data: userData })
  }

  /** The code with which it is closed. */
  async end(): Promise<number> {
    const { code } = await comes(`the end of the connection ${this.socketId}`, this.closed)
    return code
  }

  /** Whatever was sent before has been answered. */
  async settled(): Promise<void> {
    this.send('pusher:ping', {})
    await this.next('pusher:pong')
  }
}

export interface PusherUser {
  readonly id: string
  readonly info?: Record<string, unknown>
}

/** The published client; what a backend of the app would be asked is signed here. */
export function pusherJs(
  node: Pick<StartedNode, 'port'>,
  user: PusherUser,
  app: AppOfTest = SHOP,
  more: Partial<Options> = {},
): PusherJs {
  const signer = backendOf(node as StartedNode, app)
  return new PusherJs(app.key, {
    wsHost: '127.0.0.1',
    wsPort: node.port,
    forceTLS: false,
    cluster: '',
    enabledTransports: ['ws'],
    disableStats: true,
    channelAuthorization: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId, channelName }, callback) => {
        const member = { user_id: user.id, user_info: user.info ?? {} }
        callback(
          null,
          channelName.startsWith('presence-')
            ? signer.authorizeChannel(socketId, channelName, member)
            : signer.authorizeChannel(socketId, channelName),
        )
      },
    },
    userAuthentication: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId }, callback) =>
        callback(null, signer.authenticateUser(socketId, { id: user.id, user_info: user.info ?? {} })),
    },
    ...more,
  })
}

/** A published client is on the channel. */
export function isOn(channel: Channel): Promise<void> {
  const on = new Promise<void>((resolve) => channel.bind('pusher:subscription_succeeded', () => resolve()))
  return comes(`pusher:subscription_succeeded on ${channel.name}`, on)
}
