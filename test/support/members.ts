/** Clients of different kinds, each with a record of what it was shown and went through. */
import {
  eventSourceClient,
  pollClient,
  webSocketClient,
  type ResumingClient,
  type Target,
} from './resuming-clients.ts'
import type { BackoffOptions } from '../../src/client/retry.ts'
import type { WebSocketConstructor } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'

/** `websocket`: a client that knows close codes, and nothing of moving. `still`: one that never moves at all. */
export type Kind = 'sdk' | 'websocket' | 'sse' | 'poll' | 'still'

/** What one client was shown of one channel, in that order: a number, or a reset. */
export type Seen = (number | 'reset')[]

export interface Member {
  readonly kind: Kind
  readonly user: string
  readonly channels: readonly string[]
  /** Has a position on each of its channels. */
  readonly ready: Promise<unknown>
  /** Each time without a connection that served it, in milliseconds. */
  readonly gapsMs: readonly number[]
  /** What it was told when a connection or an attempt failed; of the SDK. */
  readonly complaints: readonly string[]
  /** How often it has changed to another connection; 0 for all but the SDK. */
  moves(): number
  /** The nodes that have welcomed it, in that order; none for all but the SDK. */
  readonly welcomedBy: readonly string[]
  /** Answers that sent it away: of polls. */
  refusals(): number
  /** It never comes back: of event sources. */
  gaveUp(): boolean
  seen(channel: string): Seen
  close(): void
}

export interface MemberTarget extends Target {
  readonly user: string
  /** Of the SDK. Default: quick ones. */
  readonly backoff?: BackoffOptions
  /** What the SDK connects with. Default: its own. */
  readonly WebSocket?: WebSocketConstructor
}

const QUICK: BackoffOptions = { baseMs: 100, maxMs: 1000 }
const INBOX = '@inbox'

export function joinAs(kind: Kind, target: MemberTarget): Member {
  switch (kind) {
    case 'sdk':
      return sdkMember(target)
    case 'websocket':
      return plainMember(kind, target, webSocketClient(target))
    case 'sse':
      return plainMember(kind, target, eventSourceClient(target))
    case 'poll':
      return plainMember(kind, target, pollClient(target))
    case 'still':
      return plainMember(kind, target, webSocketClient({ ...target, still: true }))
  }
}

function sdkMember({ port, token, user, channels, backoff = QUICK, WebSocket }: MemberTarget): Member {
  const seen = new Map<string, Seen>([...channels, INBOX].map((channel) => [channel, []]))
  const client = createClient({
    url: `ws://127.0.0.1:${port}/v1/ws`,
    token: () => Promise.resolve(token),
    backoff,
    // Counted as what it is: one that is not let in at first would go another way.
    transport: 'websocket',
    ...(WebSocket === undefined ? {} : { WebSocket }),
  })
  // What a client goes through on a bad day shows in what it was shown.
  const complaints: string[] = []
  client.on('error', ({ message }) => void complaints.push(message))
  const gapsMs: number[] = []
  const welcomedBy: string[] = []
  let lostMs: number | undefined
  client.on('welcome', ({ node }) => void welcomedBy.push(node))
  client.on('state', ({ state, previous, error }) => {
    if (error !== undefined && (previous === 'connected' || previous === 'moving'))
      complaints.push(`${previous}, then ${state}: ${error.message}`)
    if (state === 'waiting' || state === 'connecting') lostMs ??= performance.now()
    if (state !== 'connected' || lostMs === undefined) return
    if (welcomedBy.length > 1) gapsMs.push(performance.now() - lostMs)
    lostMs = undefined
  })
  const shows = (channel: string): { readonly onReset: () => void } => ({
    onReset: () => void seen.get(channel)?.push('reset'),
  })
  client.inbox<number>(({ data }) => void seen.get(INBOX)?.push(data), shows(INBOX))
  const subscriptions = channels.map((channel) =>
    client.subscribe<number>(channel, ({ data }) => void seen.get(channel)?.push(data), shows(channel)),
  )
  void client.connect()
  return {
    kind: 'sdk',
    user,
    channels,
    ready: Promise.all(subscriptions.map(({ ready }) => ready)),
    gapsMs,
    complaints,
    moves: () => Math.max(0, welcomedBy.length - 1),
    welcomedBy,
    refusals: () => 0,
    gaveUp: () => false,
    seen: (channel) => seen.get(channel) ?? [],
    close: () => client.close(),
  }
}

function plainMember(kind: Kind, { user, channels }: MemberTarget, client: ResumingClient): Member {
  return {
    kind,
    user,
    channels,
    ready: client.ready,
    gapsMs: client.gapsMs,
    complaints: [],
    moves: () => 0,
    welcomedBy: [],
    refusals: () => client.refusals,
    gaveUp: () => client.gaveUp,
    seen: (channel) => client.history.get(channel) ?? [],
    close: () => client.close(),
  }
}
