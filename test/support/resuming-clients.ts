/**
 * Clients that nobody here wrote the transport of (`ws`, `eventsource`, `fetch`), which resume by what the protocol
 * gives them and keep a record of what they were shown.
 */
import { EventSource } from 'eventsource'
import WebSocket from 'ws'
import type { MessageFrame, ResetFrame, ServerFrame } from '../../src/dialect/sluice-v1/frames.ts'
import type { Position } from '../../src/protocol/position.ts'

export interface Target {
  readonly port: number
  readonly token: string
  readonly channels: readonly string[]
  /** With each request and handshake. */
  readonly headers?: Readonly<Record<string, string>>
  /** A plain WebSocket comes back within this time, at a random moment. Default: 100 ms. */
  readonly returnMs?: number
  /** A plain WebSocket that is asked to go reads nothing more, not even that it is closed; it never comes back. */
  readonly still?: boolean
  /** How long a poll may wait. Default: 5 s. */
  readonly pollSeconds?: number
}

/** What one client was shown of one channel, in the order it was shown. */
export interface Shown {
  readonly messages: Map<string, number[]>
  readonly resets: ResetFrame[]
  /** Both, of each channel, in the order in which they came. */
  readonly history: Map<string, (number | 'reset')[]>
  /** Each time without a connection that served it, in milliseconds, from the end of one to the welcome of the next. */
  readonly gapsMs: number[]
  /** Answers that sent it away without what it came for: 503 and 429 of a poll. */
  refusals: number
  /** An `EventSource` that never comes back. */
  gaveUp: boolean
}

export interface ResumingClient extends Shown {
  readonly transport: 'websocket' | 'sse' | 'poll'
  /** Has a position for each of its channels: from here on it must miss nothing. */
  readonly ready: Promise<void>
  close(): void
}

function record({ messages, history }: Shown, { channel, data }: MessageFrame): void {
  listOf(messages, channel).push(data as number)
  listOf(history, channel).push(data as number)
}

function recordReset({ resets, history }: Shown, reset: ResetFrame): void {
  resets.push(reset)
  listOf(history, reset.channel).push('reset')
}

function listOf<Item>(lists: Map<string, Item[]>, channel: string): Item[] {
  let list = lists.get(channel)
  if (list === undefined) lists.set(channel, (list = []))
  return list
}

export function webSocketClient({
  port,
  token,
  channels,
  headers,
  returnMs = 100,
  still = false,
}: Target): ResumingClient {
  const positions = new Map<string, Position>()
  let markReady = (): void => {}
  const client: ResumingClient = {
    transport: 'websocket',
    messages: new Map(),
    resets: [],
    history: new Map(),
    gapsMs: [],
    refusals: 0,
    gaveUp: false,
    ready: new Promise((resolve) => (markReady = resolve)),
    close() {
      closed = true
      clearInterval(pinging)
      socket?.terminate()
    },
  }
  let closed = false
  let pinging: NodeJS.Timeout | undefined
  let lostMs: number | undefined
  let session: string | undefined
  let socket: WebSocket | undefined
  const take = (frame: ServerFrame): void => {
    switch (frame.type) {
      case 'welcome': {
        if (lostMs !== undefined) client.gapsMs.push(performance.now() - lostMs)
        lostMs = undefined
        session = frame.session
        clearInterval(pinging)
        pinging = setInterval(() => socket?.send('{"type":"ping"}', () => undefined), frame.pingInterval)
        for (const [channel, at] of Object.entries(frame.channels)) {
          if ('epoch' in at && at.epoch !== undefined && at.offset !== undefined)
            positions.set(channel, { epoch: at.epoch, offset: at.offset })
        }
        for (const [ref, channel] of channels.entries()) {
          if (!positions.has(channel)) socket?.send(JSON.stringify({ type: 'subscribe', ref, channel }))
        }
        break
      }
      case 'subscribed':
        positions.set(frame.channel, { epoch: frame.epoch as string, offset: frame.offset as number })
        if (channels.every((channel) => positions.has(channel))) markReady()
        break
      case 'reset':
        positions.set(frame.channel, frame)
        recordReset(client, frame)
        break
      case 'message': {
        const { epoch } = positions.get(frame.channel) as Position
        positions.set(frame.channel, { epoch, offset: frame.offset as number })
        record(client, frame)
        break
      }
      case 'reconnect':
        // It knows close codes only, and waits for one.
        if (still) socket?.pause()
        break
      case 'pong':
        break
      case 'error':
        // Why the connection is about to be closed; what concerns a request has its number.
        if (frame.ref === undefined && frame.retryable) break
        throw new Error(`not expected: ${JSON.stringify(frame)}`)
      default:
        throw new Error(`not expected: ${JSON.stringify(frame)}`)
    }
  }
  const open = (): void => {
    if (closed) return
    socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'sluice.v1', { headers })
    const resume = Object.fromEntries(
      [...positions].map(([name, { epoch, offset }]) => [name, { epoch, offset }]),
    )
    socket.on('open', () => socket?.send(JSON.stringify({ type: 'connect', token, session, resume })))
    // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
    socket.on('message', (data) => take(JSON.parse(data.toString()) as ServerFrame))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      lostMs ??= performance.now()
      clearInterval(pinging)
      if (!still) setTimeout(open, Math.random() * returnMs)
    })
  }
  open()
  return client
}

/** The `eventsource` package alone: no code of ours knows the cursor. */
export function eventSourceClient({ port, token, channels, headers }: Target): ResumingClient {
  const url = `http://127.0.0.1:${port}/v1/sse?channels=${channels.join(',')}&token=${token}`
  const source = new EventSource(url, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
  })
  const client: ResumingClient = {
    transport: 'sse',
    messages: new Map(),
    resets: [],
    history: new Map(),
    gapsMs: [],
    refusals: 0,
    gaveUp: false,
    ready: new Promise((resolve) => source.addEventListener('welcome', () => resolve(), { once: true })),
    close: () => source.close(),
  }
  let lostMs: number | undefined
  source.addEventListener('error', () => {
    lostMs ??= performance.now()
    client.gaveUp = source.readyState === EventSource.CLOSED
  })
  source.addEventListener('welcome', () => {
    if (lostMs !== undefined) client.gapsMs.push(performance.now() - lostMs)
    lostMs = undefined
  })
  source.addEventListener('message', ({ data }) => record(client, JSON.parse(data as string) as MessageFrame))
  source.addEventListener('reset', ({ data }) =>
    recordReset(client, JSON.parse(data as string) as ResetFrame),
  )
  return client
}

export function pollClient({ port, token, channels, headers, pollSeconds = 5 }: Target): ResumingClient {
  let cursor: string | undefined
  let closed = false
  let markReady = (): void => {}
  const aborts = new AbortController()
  const client: ResumingClient = {
    transport: 'poll',
    messages: new Map(),
    resets: [],
    history: new Map(),
    gapsMs: [],
    refusals: 0,
    gaveUp: false,
    ready: new Promise((resolve) => (markReady = resolve)),
    close() {
      closed = true
      aborts.abort()
    },
  }
  const url = `http://127.0.0.1:${port}/v1/poll?channels=${channels.join(',')}`
  let lostMs: number | undefined
  const pollOnce = async (): Promise<void> => {
    const query =
      cursor === undefined ? '&wait=0' : `&wait=${pollSeconds}&cursor=${encodeURIComponent(cursor)}`
    const response = await fetch(url + query, {
      headers: { ...headers, authorization: `Bearer ${token}` },
      signal: aborts.signal,
    })
    if (response.status === 503 || response.status === 429) {
      // Not now: as the answer says, a little later.
      client.refusals++
      lostMs ??= performance.now()
      await response.arrayBuffer()
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200))
      return
    }
    if (response.status !== 200) throw new Error(`poll answered ${response.status}: ${await response.text()}`)
    const body = (await response.json()) as { messages: MessageFrame[]; resets: ResetFrame[]; cursor: string }
    cursor = body.cursor
    if (lostMs !== undefined) client.gapsMs.push(performance.now() - lostMs)
    lostMs = undefined
    for (const message of body.messages) record(client, message)
    for (const reset of body.resets) recordReset(client, reset)
    markReady()
  }
  const run = async (): Promise<void> => {
    while (!closed) {
      try {
        await pollOnce()
      } catch (error) {
        // A cut connection is a TypeError of fetch; the same cursor is asked again.
        if (!closed && !(error instanceof TypeError)) throw error
        lostMs ??= performance.now()
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
      }
    }
  }
  void run()
  return client
}
