/**
 * `@sluice/client/tabs`: one connection for all tabs of a user. One of them leads and has it; when that one ends, another takes over at once,
 * and each tab goes on from where it is.
 */
import { withoutQuery } from './address.ts'
import { SluiceClient, type FullClientOptions } from './full.ts'
import { isOver } from './machine.ts'
import type { CloseOptions } from './options.ts'
import { RelayClient, TabHost } from './tab-host.ts'
import { tabSocket } from './tab-socket.ts'
import type { Locks } from './tab-bus.ts'
import { oneWay } from './ways.ts'

export interface SharedClientOptions extends FullClientOptions {
  /** Who is logged in. Tabs share a connection with those of the same user and `url` only. */
  readonly user: string
}

/** As `SluiceClient`. Where the browser has no Web Locks (a page without TLS) or no BroadcastChannel, each tab has a connection. */
export class SharedClient extends SluiceClient {
  readonly #election: Election | undefined

  constructor(options: SharedClientOptions) {
    const locks = (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks
    if (locks === undefined || typeof BroadcastChannel !== 'function') {
      super(options)
      return
    }
    const name = `sluice ${withoutQuery(options.url)} ${options.user}`
    // The one that leads shows the token; the others are served by it.
    const { token: _token, ...rest } = options
    super(rest, oneWay({ transport: 'websocket', Socket: tabSocket(name, locks) }))
    const { resume: _resume, ...own } = options
    this.#election = new Election(name, locks, () => new TabHost(name, new RelayClient(own), locks))
  }

  override connect(): Promise<void> {
    this.#election?.join()
    return super.connect()
  }

  override close(): void
  override close(options: CloseOptions): Promise<void>
  override close(options: CloseOptions = {}): void | Promise<void> {
    const leave = (): void => {
      if (isOver(this.state)) this.#election?.leave()
    }
    const closing = super.close(options) as void | Promise<void>
    if (closing !== undefined) return closing.then(leave)
    leave()
  }
}

class Election {
  readonly #name: string
  readonly #locks: Locks
  readonly #lead: () => TabHost
  #stop: (() => void) | undefined

  constructor(name: string, locks: Locks, lead: () => TabHost) {
    this.#name = name
    this.#locks = locks
    this.#lead = lead
  }

  /** Leads as soon as no other tab does. */
  join(): void {
    if (this.#stop !== undefined) return
    const queue = new AbortController()
    let giveBack = (): void => queue.abort()
    const lead = (): Promise<void> =>
      new Promise((resolve) => {
        const host = this.#lead()
        giveBack = () => {
          host.close()
          resolve()
        }
      })
    // It is refused where this tab leaves before its turn.
    this.#locks.request(this.#name, { signal: queue.signal }, lead).catch(() => undefined)
    // A page that is kept for the way back must not keep the others waiting.
    const hidden = (): void => {
      this.leave()
      addEventListener('pageshow', () => this.join(), { once: true })
    }
    addEventListener('pagehide', hidden)
    this.#stop = () => {
      removeEventListener('pagehide', hidden)
      giveBack()
    }
  }

  leave(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}
