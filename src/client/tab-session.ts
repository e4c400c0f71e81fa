/**
 * One tab as the tab that leads serves it: its frames are answered by the client that has the connection.
 */
import type { PublishedFrame, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import { INBOX } from '../protocol/channel.ts'
import type { From, Position } from '../protocol/position.ts'
import type { Message, SubscribeOptions, Subscription } from './channel.ts'
import { ClientError } from './errors.ts'
import type { SluiceClient } from './full.ts'
import type { PublishOptions } from './options.ts'

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string }

/** The client with the connection, as a tab needs it. */
export interface Relay extends Pick<SluiceClient, 'subscribe' | 'inbox'> {
  /** A request of a tab as it is; the reply has another `ref`. */
  relay(frame: Frame): Promise<unknown>
  /** A publish of a tab, and the whole of its answer: to a request it is what the tab waits for. */
  relayPublish(channel: string, data: unknown, options: PublishOptions): Promise<PublishedFrame>
}

/** What a tab without a reset of its own waits at the most, drawn for each: not all shall ask the backend at once. */
const SPREAD_MS = 10_000

/** A subscription of the tab. */
interface Line {
  readonly subscription: Subscription
  /** Where the tab is: its next message is of this epoch, and after this offset. */
  at: Position | undefined
  /** Not sent before the answer that they come behind. */
  held: Frame[] | undefined
  /** Handed to the tab, which has not acknowledged them yet. */
  readonly unhandled: Map<number, () => void>
}

export class TabSession {
  readonly #client: Relay
  readonly #welcome: WelcomeFrame
  readonly #send: (frame: Frame) => void
  readonly #lines = new Map<string, Line>()
  #over = false

  constructor(client: Relay, welcome: WelcomeFrame, send: (frame: Frame) => void) {
    this.#client = client
    this.#welcome = welcome
    this.#send = send
  }

  /** Of the gateway, for everybody. */
  tell(frame: Frame): void {
    this.#send(frame)
  }

  receive(frame: Frame): void {
    const { type, ref, channel } = frame as Frame & { readonly ref: number; readonly channel: string }
    switch (type) {
      case 'connect':
        void this.#connect(frame['resume'] as Record<string, Position> | undefined)
        break
      case 'subscribe':
        this.#answer(ref, this.#subscribe(channel, frame['from'] as From | undefined), (start) => ({
          type: 'subscribed',
          channel,
          ...start,
        }))
        break
      case 'unsubscribe':
        this.#leave(channel)
        this.#send({ type: 'unsubscribed', ref, channel })
        break
      case 'publish': {
        const { type: _type, ref: _ref, channel: _channel, data, ...options } = frame
        this.#answer(ref, this.#client.relayPublish(channel, data, options), (reply) => ({ ...reply }))
        break
      }
      case 'ack':
        this.#handled(channel, frame['offset'] as number)
        break
      case 'ping':
        this.#send({ type: 'pong' })
        break
      default:
        this.#answer(ref, this.#client.relay(frame), (reply) => reply as Frame)
    }
  }

  /** The tab is gone, or will come back on another one. */
  end(): void {
    this.#over = true
    for (const name of this.#lines.keys()) this.#leave(name)
  }

  /** What the tab has positions of it asks for by itself, since it is not in the answer; but for an inbox that it has none of. */
  async #connect(resume: Record<string, Position> | undefined): Promise<void> {
    const channels: Record<string, unknown> = {}
    try {
      if (resume?.[INBOX] === undefined) channels[INBOX] = await this.#subscribe(INBOX, undefined)
    } catch {
      // The connection ended meanwhile: the tab is told so.
      return
    }
    const { ticket: _ticket, expiresAt: _expiresAt, ...welcome } = this.#welcome
    this.#send({ ...welcome, session: 'tab', resumed: false, channels })
    this.#flush(INBOX)
  }

  async #subscribe(name: string, from: From | undefined): Promise<object> {
    const unhandled: Line['unhandled'] = new Map()
    let line: Line | undefined
    const options: SubscribeOptions = {
      ...(from && { from }),
      onReset: (reset) => line && this.#reset(line, { ...reset }),
      onError: () => {
        if (this.#lines.get(name) !== line) return
        this.#lines.delete(name)
        this.#send({ type: 'unsubscribed', channel: name })
      },
    }
    const show = (message: Message): unknown => line && this.#show(line, message)
    const subscription =
      name === INBOX ? this.#client.inbox(show, options) : this.#client.subscribe(name, show, options)
    line = { subscription, at: undefined, held: [], unhandled }
    await subscription.ready
    if (this.#over) {
      subscription.unsubscribe()
      throw new ClientError('closed', 'the tab is gone')
    }
    // A new start in place of the former one.
    this.#leave(name)
    this.#lines.set(name, line)
    const { position } = subscription
    if (position === undefined) return { recovered: false }
    const first = line.held?.[0]?.['offset'] as number | undefined
    const { offset } = position
    line.at =
      from !== undefined && 'epoch' in from
        ? from
        : { ...position, offset: first === undefined ? offset : first - 1 }
    return { ...line.at, recovered: from !== undefined }
  }

  #show(line: Line, { position, ...rest }: Message): unknown {
    const offset = position?.offset
    // Every message is to be acknowledged: whether the gateway wants it of this one is not known here.
    const frame = { ...rest, type: 'message', offset, ack: position && true }
    if (line.held !== undefined) line.held.push({ ...frame, epoch: position?.epoch })
    else this.#pass(line, frame, position?.epoch)
    if (offset === undefined) return undefined
    return new Promise<void>((resolve) => line.unhandled.set(offset, resolve))
  }

  #pass(line: Line, frame: Frame, epoch: string | undefined): void {
    const offset = frame['offset'] as number | undefined
    if (epoch !== undefined && offset !== undefined) {
      // The client here is told of a reset later than it goes on behind it.
      if (epoch !== line.at?.epoch) {
        const reset = {
          type: 'reset',
          channel: line.subscription.channel,
          epoch,
          offset: offset - 1,
          reason: 'epoch',
        }
        this.#send({ ...reset, delay: Math.random() * SPREAD_MS })
      }
      line.at = { epoch, offset }
    }
    this.#send(frame)
  }

  /** Never back behind what the tab was shown. */
  #reset(line: Line, reset: Frame & Position): void {
    const { at } = line
    if (at?.epoch === reset.epoch && at.offset > reset.offset) {
      if (reset['reason'] === 'epoch') return
      this.#send({ ...reset, offset: at.offset, delay: 0 })
      return
    }
    line.at = { epoch: reset.epoch, offset: reset.offset }
    if (line.held === undefined) this.#send({ ...reset, delay: 0 })
    else line.held.unshift({ ...reset, delay: 0 })
  }

  #handled(name: string, offset: number): void {
    const { unhandled } = this.#lines.get(name) ?? {}
    for (const [one, resolve] of unhandled ?? []) {
      if (one > offset) continue
      resolve()
      unhandled?.delete(one)
    }
  }

  #leave(name: string): void {
    const line = this.#lines.get(name)
    this.#lines.delete(name)
    line?.subscription.unsubscribe()
    for (const resolve of line?.unhandled.values() ?? []) resolve()
  }

  #answer<Value>(ref: number, value: Promise<Value>, reply: (value: Value) => Frame): void {
    value.then(
      (good) => {
        const frame = reply(good)
        this.#send({ ...frame, ref })
        if (frame.type === 'subscribed') this.#flush(frame['channel'] as string)
      },
      ({ code, message, retryable }: ClientError) => {
        // Nobody answers: the tab has a time of its own, or is told that the connection is gone.
        if (code !== 'closed' && code !== 'timeout')
          this.#send({ type: 'error', ref, code, message, retryable })
      },
    )
  }

  /** What has come before the answer. */
  #flush(name: string): void {
    const line = this.#lines.get(name)
    const held = line?.held ?? []
    if (line === undefined) return
    line.held = undefined
    for (const { epoch, ...frame } of held)
      if (frame.type === 'message') this.#pass(line, frame, epoch as string | undefined)
      else this.#send({ ...frame, epoch })
  }
}
