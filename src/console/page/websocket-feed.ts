/** The WebSocket panel: the SDK, with a socket that the page can cut. */
import type { Feed, Panel } from './panel.ts'
import { SluiceClient, type Subscription } from '../../client/index.ts'

export class WebSocketFeed implements Feed {
  readonly #client: SluiceClient
  readonly #panel: Panel
  #subscription: Subscription | undefined
  /** The socket in use, and until when new ones fail. */
  readonly #cut: { socket?: WebSocket; untilMs: number } = { untilMs: 0 }

  constructor(panel: Panel, url: string, token: () => Promise<string>) {
    this.#panel = panel
    const cut = this.#cut
    class CuttableSocket extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[]) {
        // Port 9 discards: where the page plays offline, the connection fails as it would.
        super(Date.now() < cut.untilMs ? 'ws://127.0.0.1:9/' : address, protocols)
        cut.socket = this
      }
    }
    this.#client = new SluiceClient({
      url,
      token,
      WebSocket: CuttableSocket,
      backoff: { baseMs: 200, maxMs: 1000 },
    })
    this.#client.on('state', () => this.#showState())
    this.#client.on('welcome', ({ resumed }) => {
      if (resumed) panel.resumed()
    })
    this.#client.on('error', (error) => {
      // Of connections that end, the state tells, and the page where the gateway is away.
      if (error.closeCode === undefined || this.#client.state === 'failed') panel.note(error.message)
    })
    void this.#client.connect()
  }

  listen(channel: string): void {
    this.#subscription?.unsubscribe()
    this.#subscription = this.#client.subscribe(
      channel,
      ({ position, data, time }) => {
        this.#panel.message({ epoch: position?.epoch, offset: position?.offset, data, time })
        this.#panel.position(
          position === undefined ? 'none: ephemeral' : `${position.epoch}:${position.offset}`,
        )
      },
      {
        onReset: ({ reason }) => {
          this.#panel.reset(channel, reason)
        },
        onError: ({ message }) => this.#panel.note(message),
      },
    )
  }

  cut(ms: number): void {
    this.#cut.untilMs = Date.now() + ms
    this.#panel.cut()
    this.#cut.socket?.close(3000, 'cut by the page')
  }

  #showState(): void {
    const { state } = this.#client
    this.#panel.state(state, state === 'connected' ? 'good' : state === 'failed' ? 'bad' : 'warn')
  }
}
