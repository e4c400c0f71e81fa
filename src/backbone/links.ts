/**
 * Direct connections between nodes, for the time in which the backbone does not carry: whoever cannot use it opens a link
 * to every other node, and both ends send each other over it what they publish.
 *
 * Nobody keeps links for a rainy day: they are opened when needed, and closed by the one who opened them.
 */
import { jitter, type Clock, type Timer } from '../clock.ts'

export interface Peer {
  readonly id: string
  /** Where its second listener is: `host:port`. */
  readonly address: string
}

/** One end of an open link. */
export interface Link {
  /** False: it did not go out, because the link is gone or too much waits on it. */
  send(bytes: Uint8Array): boolean
  close(): void
}

export interface LinkEvents {
  opened(link: Link): void
  received(bytes: Buffer): void
  /** Once, whether it was opened or not. */
  closed(reason: string): void
}

export interface LinksPorts {
  readonly clock: Clock
  /** The other nodes that are alive. Fails where nobody knows now. */
  peers(): Promise<readonly Peer[]>
  dial(peer: Peer, events: LinkEvents): { close(): void }
  received(fromNode: string, bytes: Buffer): void
  /** The number of nodes that are linked has changed. */
  changed(count: number): void
  failed(what: string, error: unknown): void
}

/** How often it is looked whether all others are linked. */
const LOOK_LOW_MS = 500
const LOOK_HIGH_MS = 1000
/** What was sent over the links before the backbone came back has arrived after this time. */
const LINGER_MS = 2000

interface Dialed {
  attempt: { close(): void } | undefined
  link: Link | undefined
}

export class Links {
  readonly #ports: LinksPorts
  /** Opened here, or being opened. */
  readonly #dialed = new Map<string, Dialed>()
  /** Opened by the other end. */
  readonly #accepted = new Map<string, Link>()
  /** The nodes as they were known last: while the registry is away too, they are all there is to go by. */
  #peers: readonly Peer[] = []
  #looking: Timer | undefined
  #lingering: Timer | undefined
  #wanted = false
  #closed = false

  constructor(ports: LinksPorts) {
    this.#ports = ports
  }

  /** Links that can be sent over. */
  get count(): number {
    let count = this.#accepted.size
    for (const [peer, { link }] of this.#dialed) if (link !== undefined && !this.#accepted.has(peer)) count++
    return count
  }

  /** Links to every other node from now on, also to those that come. Idempotent. */
  open(): void {
    this.#lingering?.cancel()
    this.#lingering = undefined
    if (this.#wanted || this.#closed) return
    this.#wanted = true
    this.#look()
  }

  /**
   * The links are not needed any more from this side; they are closed once nothing can be on its way, and then `released` is
   * called, unless they are opened again before. Idempotent.
   */
  release(released: () => void): void {
    if (!this.#wanted) return
    this.#wanted = false
    this.#looking?.cancel()
    this.#lingering = this.#ports.clock.after(LINGER_MS, () => {
      this.#closeDialed()
      released()
    })
  }

  /** Another node has opened a link. */
  accept(peer: string, link: Link): void {
    if (this.#closed) {
      link.close()
      return
    }
    const former = this.#accepted.get(peer)
    this.#accepted.set(peer, link)
    former?.close()
    this.#ports.changed(this.count)
  }

  /** A link that was accepted is gone. */
  lost(peer: string, link: Link): void {
    if (this.#accepted.get(peer) !== link) return
    this.#accepted.delete(peer)
    this.#ports.changed(this.count)
  }

  received(peer: string, bytes: Buffer): void {
    if (!this.#closed) this.#ports.received(peer, bytes)
  }

  /** Over the link to one node. False: there is none, or it did not go out. */
  send(peer: string, bytes: Uint8Array): boolean {
    return (this.#dialed.get(peer)?.link ?? this.#accepted.get(peer))?.send(bytes) ?? false
  }

  sendAll(bytes: Uint8Array): void {
    for (const [peer, { link }] of this.#dialed)
      if (link !== undefined && !this.#accepted.has(peer)) link.send(bytes)
    for (const link of this.#accepted.values()) link.send(bytes)
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true
    this.#wanted = false
    this.#looking?.cancel()
    this.#lingering?.cancel()
    this.#closeDialed()
    for (const link of this.#accepted.values()) link.close()
    this.#accepted.clear()
  }

  #look(): void {
    this.#ports
      .peers()
      .then(
        (peers) => (this.#peers = peers),
        (error: unknown) => this.#ports.failed('asking the registry for nodes to link to', error),
      )
      .finally(() => {
        if (!this.#wanted) return
        for (const peer of this.#peers) if (!this.#dialed.has(peer.id)) this.#dial(peer)
        this.#looking = this.#ports.clock.after(jitter(this.#ports.clock, LOOK_LOW_MS, LOOK_HIGH_MS), () =>
          this.#look(),
        )
      })
  }

  /** One that fails is tried again at the next look. */
  #dial(peer: Peer): void {
    const dialed: Dialed = { attempt: undefined, link: undefined }
    this.#dialed.set(peer.id, dialed)
    dialed.attempt = this.#ports.dial(peer, {
      opened: (link) => {
        if (this.#dialed.get(peer.id) !== dialed) return
        dialed.link = link
        this.#ports.changed(this.count)
      },
      received: (bytes) => this.received(peer.id, bytes),
      closed: () => {
        if (this.#dialed.get(peer.id) !== dialed) return
        this.#dialed.delete(peer.id)
        this.#ports.changed(this.count)
      },
    })
  }

  #closeDialed(): void {
    if (this.#dialed.size === 0) return
    const dialed = [...this.#dialed.values()]
    this.#dialed.clear()
    for (const { attempt } of dialed) attempt?.close()
    this.#ports.changed(this.count)
  }
}
