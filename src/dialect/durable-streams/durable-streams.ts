/**
 * The read side of Durable Streams: a channel with a log, read from any place by `GET`, page by page, by long poll or as an event stream.
 * What is read of a channel that everybody may read is the same for all, and may be kept by caches.
 */
import { gone, placeHeaders } from './answers.ts'
import { arrayOf, chunkOf, type Chunk, type StreamLog } from './chunk.ts'
import { cursorAt } from './cursor.ts'
import { EventRead, PollRead, type LiveRead, type LiveReadPorts } from './live-reads.ts'
import { Proof, revokedMeanwhile } from './proof.ts'
import { offsetText, readFromIn, type ReadFrom } from './offset.ts'
import { listed } from '../request.ts'
import type { ReadRequest, Reads } from '../reads.ts'
import type { HttpExchange, ResponseHeaders } from '../../drivers/uws.ts'
import { SluiceError } from '../../errors.ts'
import { isChannel, isInbox } from '../../protocol/channel.ts'
import { checkMayReadHistory } from '../../session/permitted.ts'
import type { Identity } from '../../session/ports.ts'

export interface DurableStreamsPorts extends LiveReadPorts {
  /** `undefined`: the channel keeps no messages. `keptMax`: so many at most. */
  logOf(channel: string): { readonly log: StreamLog; readonly keptMax: number } | undefined
  /** Whether everybody may read it, with a token or without. */
  isPublic(channel: string): boolean
  /** Who a token is of. Fails with `unauthorized` or `unavailable`. */
  prove(token: string | undefined): Promise<Identity>
  /** `end` is called where the token is revoked meanwhile. The answer lets go of it. */
  hold(identity: Identity, end: () => void): () => void
}

export interface DurableStreamsOptions {
  /** Reads that wait, on this node. */
  readonly liveMax: number
  /** How long caches may give a page again. */
  readonly maxAgeSeconds: number
}

const LIVE = ['long-poll', 'sse'] as const
type Live = (typeof LIVE)[number]

/** As long as a cursor stands. */
const LIVE_CACHING = 'public, max-age=20'
const EXPOSED =
  'Stream-Next-Offset, Stream-Cursor, Stream-Up-To-Date, Stream-Closed, ETag, Retry-After, X-Request-Id'

interface Asked {
  readonly channel: string
  readonly isPublic: boolean
  readonly from: ReadFrom
  readonly live: Live | undefined
  readonly cursor: string | null
}

export class DurableStreams implements Reads {
  readonly #ports: DurableStreamsPorts
  readonly #options: DurableStreamsOptions
  readonly #live = new Set<LiveRead>()

  constructor(ports: DurableStreamsPorts, options: DurableStreamsOptions) {
    this.#ports = ports
    this.#options = options
  }

  async serve({ exchange, name, token, cors }: ReadRequest): Promise<void> {
    const asked = this.#asked(exchange, name)
    if (asked.isPublic) return this.#serve(exchange, asked, cors, undefined)
    const identity = await this.#ports.prove(token)
    checkMayReadHistory(asked.channel, identity)
    const proof = new Proof()
    const letGo = this.#ports.hold(identity, () => proof.revoke())
    try {
      await this.#serve(exchange, asked, cors, proof)
    } finally {
      proof.whenOver(letGo)
    }
  }

  async #serve(
    exchange: HttpExchange,
    asked: Asked,
    cors: ResponseHeaders,
    proof: Proof | undefined,
  ): Promise<void> {
    const { channel } = asked
    const kept = this.#ports.logOf(channel)
    if (kept === undefined)
      throw new SluiceError('not_found', 'there is no such stream: the channel keeps no messages')
    const headers = {
      ...cors,
      'access-control-expose-headers': EXPOSED,
      // What a token or a cookie opens is no other page's image or script.
      'cross-origin-resource-policy': asked.isPublic ? 'cross-origin' : 'same-origin',
    }
    const from = exchange.head.method === 'HEAD' ? 'now' : asked.from
    const chunk = await chunkOf(kept.log, channel, from, kept.keptMax)
    if (exchange.done) return
    // While the log was read.
    if (proof?.revoked === true) throw revokedMeanwhile()
    if (chunk === undefined) gone(exchange, headers)
    else if (asked.live === undefined || exchange.head.method === 'HEAD')
      this.#answer(exchange, asked, chunk, headers)
    else await this.#follow(exchange, asked, { chunk, headers, proof })
  }

  #asked({ head }: HttpExchange, name: string): Asked {
    const channel = channelIn(name)
    const query = new URLSearchParams(head.query)
    const offset = query.get('offset')
    const from = readFromIn(offset)
    if (from === undefined || query.getAll('offset').length > 1)
      throw new SluiceError('bad_request', 'offset is -1, now, or one that an answer has named')
    const live = query.get('live')
    if (live !== null && !(LIVE as readonly string[]).includes(live))
      throw new SluiceError('bad_request', `live is ${LIVE.join(' or ')}`)
    if (live !== null && offset === null)
      throw new SluiceError('bad_request', 'a live read says from where: offset is missing')
    const isPublic = this.#ports.isPublic(channel)
    return { channel, isPublic, from, live: (live as Live | null) ?? undefined, cursor: query.get('cursor') }
  }

  #answer(exchange: HttpExchange, asked: Asked, chunk: Chunk, headers: ResponseHeaders): void {
    const { head } = exchange
    const { next, upToDate, closed } = chunk
    const isPage = head.method === 'GET' && asked.from !== 'now'
    const tag = `"${offsetText(chunk.start)}:${offsetText(next)}${upToDate ? ':u' : ''}${closed ? ':c' : ''}"`
    const all: ResponseHeaders = {
      ...headers,
      ...(isPage ? { etag: tag } : {}),
      'cache-control': isPage ? this.#cacheControl(asked) : 'no-store',
      ...placeHeaders(chunk),
    }
    if (isPage && isAmong(tag, head.headers['if-none-match'])) exchange.respond(304, all)
    else exchange.respond(200, { 'content-type': 'application/json', ...all }, arrayOf(chunk.messages))
  }

  /** A live read that has something to say at once says it at once. */
  async #follow(
    exchange: HttpExchange,
    asked: Asked,
    {
      chunk,
      headers,
      proof,
    }: { readonly chunk: Chunk; readonly headers: ResponseHeaders; readonly proof: Proof | undefined },
  ): Promise<void> {
    const { live, channel, cursor, isPublic, from } = asked
    const { clock } = this.#ports
    const next = cursorAt(clock.now(), cursor)
    // The cursor is part of the URL, so that caches may answer all who wait at one place at once, and nobody twice.
    // The end as it was when somebody else asked for it is nobody's now.
    const caching = isPublic && from !== 'now' ? LIVE_CACHING : 'no-store'
    const all = { ...headers, 'cache-control': caching, 'stream-cursor': next }
    if (live === 'long-poll' && (chunk.messages.length > 0 || chunk.closed)) {
      PollRead.answer(exchange, chunk, all)
      return
    }
    if (this.#live.size >= this.#options.liveMax)
      throw new SluiceError('unavailable', 'as many reads wait on this node as may (readers)')
    const reading = { exchange, headers: all, channel, cursor: next, chunk }
    const read: LiveRead =
      live === 'sse' ? new EventRead(reading, this.#ports) : new PollRead(reading, this.#ports)
    this.#live.add(read)
    proof?.reads(read)
    read.over = () => {
      this.#live.delete(read)
      proof?.over()
    }
    await read.begin()
  }

  #cacheControl({ isPublic }: Asked): string {
    const seconds = this.#options.maxAgeSeconds
    return `${isPublic ? 'public' : 'private'}, max-age=${seconds}, stale-while-revalidate=${seconds * 5}`
  }
}

/** Whether a tag is one of those of `If-None-Match` (RFC 9110, section 13.1.2): a cache that compresses makes it a weak one. */
function isAmong(tag: string, given: string | undefined): boolean {
  return given !== undefined && listed(given).some((one) => one === '*' || one.replace(/^W\//, '') === tag)
}

function channelIn(name: string): string {
  let channel = ''
  try {
    channel = decodeURIComponent(name)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
  }
  if (!isChannel(channel) || isInbox(channel)) throw new SluiceError('not_found', 'there is no such stream')
  return channel
}
