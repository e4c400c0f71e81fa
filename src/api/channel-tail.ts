/**
 * GET /v1/channels/{channel}/tail: a channel's messages as they come, for whoever looks with an API key. It is a subscriber like
 * any other, so it sees what they see; it counts as one, too.
 */
import * as z from 'zod'
import { channelOf, LIMIT_MAX } from './channels.ts'
import type { ApiAnswer, ApiRequest, ApiStream, Route } from './route.ts'
import { namedEvent } from './stream.ts'
import { count, field, Query } from './takes.ts'
import { LINES } from '../dialect/sluice-v1/encode.ts'
import type { Hub } from '../hub/hub.ts'
import type { Opened } from '../hub/opened.ts'
import type { Fanout, StreamFanout } from '../hub/fanout.ts'
import type { Subscriber } from '../hub/subscriber.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'

const LAST_DEFAULT = 10

export const TAIL_QUERY = new Query(() =>
  z.object({
    last: field(
      count(LIMIT_MAX).prefault(LAST_DEFAULT),
      `is a number from 1 to ${LIMIT_MAX}`,
      'So many of those that there are.',
    ),
  }),
)

export function channelTailRoute(hub: Pick<Hub, 'open'>): Route {
  return {
    method: 'GET',
    path: '/v1/channels/{channel}/tail',
    scope: 'history',
    handle: (request) => tail(hub, request),
  }
}

async function tail(hub: Pick<Hub, 'open'>, request: ApiRequest): Promise<ApiAnswer> {
  const channel = channelOf(request)
  const { last } = TAIL_QUERY.read(request)
  const subscriber = new TailSubscriber()
  // Opened first: where the log does not answer, that is the answer.
  const opened = await hub.open(channel, { last }, subscriber)
  return { status: 200, stream: (stream) => subscriber.start(stream, opened) }
}

class TailSubscriber implements Subscriber, StreamFanout {
  readonly transport = 'sse'
  readonly size = 1
  readonly exclusionKey = undefined
  #stream: ApiStream | undefined
  #opened: Opened | undefined
  #settling = false

  start(stream: ApiStream, opened: Opened): void {
    this.#stream = stream
    this.#opened = opened
    const start = opened.start === undefined ? {} : { position: opened.start }
    stream.write(namedEvent('opened', JSON.stringify(start)))
    opened.subscription.begin(opened.reset)
    stream.onWritable(() => opened.subscription.resume())
    // Last: whoever is not there has gone already.
    stream.onGone(() => this.#closed())
  }

  hasRoom(): boolean {
    return this.#stream?.slow === false
  }

  deliver(encoded: Encoded): void {
    this.#stream?.write(namedEvent('message', encoded.as(LINES).data))
  }

  reset(reset: EncodedReset): void {
    const written = reset.as(LINES)
    if (written !== undefined) this.#stream?.write(namedEvent('reset', written.data))
  }

  attach(fanout: Fanout): void {
    fanout.addStreams(this)
  }

  detach(fanout: Fanout): void {
    fanout.removeStreams(this)
  }

  stepAside(fanout: Fanout): undefined {
    this.detach(fanout)
  }

  closeTooSlow(): void {
    this.#stream?.abort()
  }

  message(_channel: string, encoded: Encoded): void {
    this.deliver(encoded)
    if (this.hasRoom() || this.#settling) return
    this.#settling = true
    // After this turn: the feed's position is behind all that it hands out in it.
    setImmediate(this.#settle)
  }

  event(): void {} // Who is there is asked for, not followed.

  #closed(): void {
    this.#opened?.subscription.close()
    this.#stream = undefined
  }

  readonly #settle = (): void => {
    this.#settling = false
    const subscription = this.#opened?.subscription
    if (subscription?.live !== true || this.#stream === undefined) return
    if (!this.hasRoom()) subscription.fallBehind(subscription.position)
  }
}
