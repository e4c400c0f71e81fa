/**
 * What the tabs of one user say to each other. All of them hear everything; each letter names the tab that it is from or for.
 */
import type { Wire } from './socket.ts'

export type Letter =
  /** A tab looks for the one that leads, or is done with it. */
  | { readonly kind: 'hello' | 'bye'; readonly tab: string }
  /** A frame of a tab. */
  | { readonly kind: 'say'; readonly tab: string; readonly data: Wire }
  /** Another tab leads from here on. */
  | { readonly kind: 'leader' }
  | { readonly kind: 'open'; readonly tab: string }
  /** A frame for a tab. */
  | { readonly kind: 'hear'; readonly tab: string; readonly data: Wire }
  | { readonly kind: 'close'; readonly tab: string; readonly code: number; readonly reason: string }

/** What a browser has for that (Web Locks); the types of the platform have more of it. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal },
    granted: () => Promise<void>,
  ): Promise<unknown>
}

/** One end: it does not hear itself, but the other ends of its own page. */
export class TabBus {
  readonly #channel: BroadcastChannel

  constructor(name: string, heard: (letter: Letter) => void) {
    this.#channel = new BroadcastChannel(name)
    this.#channel.onmessage = ({ data }: MessageEvent<Letter>) => heard(data)
  }

  send(letter: Letter): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- it stays within the origin
    this.#channel.postMessage(letter)
  }

  close(): void {
    this.#channel.onmessage = null
    this.#channel.close()
  }
}
