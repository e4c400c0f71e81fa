/** A client that keeps to one node until it is closed, and keeps all that it is shown: for comparing it with what was published. */
import WebSocket from 'ws'
import { tokenOf, type GatewayProcess } from '../../../test/support/gateway-process.ts'

const AGAIN_MS = 200

interface Seen {
  readonly epoch: string
  readonly start: number
  readonly offsets: number[]
  readonly data: unknown[]
}

interface Frame {
  readonly type: string
  readonly ref?: number
  readonly channel: string
  readonly epoch: string
  readonly offset: number
  readonly data: unknown
  readonly channels: Readonly<Record<string, { readonly epoch: string; readonly offset: number }>>
}

/** What was accepted, by channel: `@user` for an inbox. */
export type Accepted = ReadonlyMap<string, ReadonlyMap<number, unknown>>

export interface Differences {
  expected: number
  lost: number
  twice: number
  disordered: number
  /** Shown, and never published, or with other data. */
  wrong: number
  resets: number
}

export class Reader {
  readonly #user: string
  readonly #socket: WebSocket
  readonly #channels = new Map<string, Seen>()
  #resets = 0

  private constructor(user: string, socket: WebSocket) {
    this.#user = user
    this.#socket = socket
  }

  /** Resolves once it has a position on each channel, and on its inbox. */
  static async join(node: GatewayProcess, user: string, channels: readonly string[]): Promise<Reader> {
    const token = await tokenOf(user)
    const socket = await openedAt(node)
    const reader = new Reader(user, socket)
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
      socket.on('message', (bytes: Buffer) => {
        reader.#take(JSON.parse(bytes.toString()) as Frame)
        if (reader.#channels.size === channels.length + 1) resolve()
      })
      socket.send(JSON.stringify({ type: 'connect', token }))
      for (const [ref, channel] of channels.entries())
        socket.send(JSON.stringify({ type: 'subscribe', ref, channel }))
    })
    return reader
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  close(): void {
    this.#socket.terminate()
  }

  /** Whether it is gone, or has been shown the newest of each channel. */
  upTo(accepted: Accepted): boolean {
    if (!this.open) return true
    return [...this.#channels].every(([channel, { start, offsets }]) => {
      const newest = newestOf(start, accepted.get(channel)?.keys() ?? [])
      return (offsets.at(-1) ?? start) >= newest
    })
  }

  /** One that was closed is held to what came before that. */
  compare(accepted: Accepted, into: Differences): void {
    into.resets += this.#resets
    for (const [channel, { start, offsets, data }] of this.#channels) {
      const all = accepted.get(channel) ?? new Map<number, unknown>()
      const until = this.open ? Infinity : newestOf(start, offsets)
      const expected = [...all.keys()].filter((offset) => offset > start && offset <= until)
      const shown = new Set(offsets)
      into.expected += expected.length
      into.lost += expected.filter((offset) => !shown.has(offset)).length
      into.twice += offsets.length - shown.size
      into.disordered += offsets.filter((offset, at) => at > 0 && offset < (offsets[at - 1] as number)).length
      into.wrong += offsets.filter((offset, at) => all.get(offset) !== data[at]).length
    }
  }

  #take(frame: Frame): void {
    const { type, channel, epoch, offset, data, channels } = frame
    if (type === 'welcome') {
      const inbox = channels['@inbox'] as { readonly epoch: string; readonly offset: number }
      this.#begin(`@${this.#user}`, inbox.epoch, inbox.offset)
    } else if (type === 'subscribed') this.#begin(channel, epoch, offset)
    else if (type === 'reset') this.#resets++
    // Without a number it is no answer: a node says so that it goes.
    else if (type === 'error' && frame.ref !== undefined)
      throw new Error(`a reader was told ${JSON.stringify(frame)}`)
    else if (type === 'message') {
      const seen = this.#channels.get(channel === '@inbox' ? `@${this.#user}` : channel) as Seen
      seen.offsets.push(offset)
      seen.data.push(data)
    }
  }

  #begin(channel: string, epoch: string, start: number): void {
    this.#channels.set(channel, { epoch, start, offsets: [], data: [] })
  }
}

/** A node that gets no processor lets nobody in for a moment. */
async function openedAt({ port }: GatewayProcess): Promise<WebSocket> {
  for (;;) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'sluice.v1')
    const refused = await new Promise<number | undefined>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('open', () => resolve(undefined))
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    })
    if (refused === undefined) return socket
    if (refused !== 503) throw new Error(`a reader was answered ${refused}`)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** By hand: there are more than a call may have arguments. */
function newestOf(start: number, offsets: Iterable<number>): number {
  let newest = start
  for (const offset of offsets) newest = Math.max(newest, offset)
  return newest
}
