/**
 * What survives a connection: an unguessable id owned by one user, with the subscriptions of the connection that holds it now.
 * Every frame of every transport is interpreted here.
 */
import type { Connection } from './connection.ts'
import type { Identity, SessionOptions, SessionPorts } from './ports.ts'
import { planReauth } from './reauth.ts'
import { ownerTagOf } from './session-id.ts'
import { openChannel } from './unacknowledged.ts'
import { asSluiceError, Closing, SluiceError } from '../errors.ts'
import type { Opened } from '../hub/hub.ts'
import type { Subscription } from '../hub/subscription.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { DecodedFrame, DecodedPublish } from '../protocol/decode.ts'
import type {
  AckFrame,
  AuthFrame,
  PresenceFrame,
  ServerFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from '../protocol/frames.ts'
import type { Due } from '../wheel.ts'

type RequestFrame = { readonly ref: number }

export class Session implements Due {
  readonly id: string
  /** The node whose drain has moved the client here. */
  movedFrom: string | undefined
  readonly #connection: Connection
  readonly #ports: SessionPorts
  readonly #options: SessionOptions
  #identity: Identity
  #inbox: Subscription
  /** Made with the first subscription beside the inbox: an idle connection does without. */
  #subscriptions: Map<string, Subscription> | undefined
  /** The last request for each channel that is not answered yet: the next one waits for it. */
  #pending: Map<string, Promise<void>> | undefined
  /** What the deadline on the wheel is for. */
  #deadline: 'ask' | 'close' = 'ask'
  #reauthDeadlineMs = 0
  #closed = false
  wheelSlot = -1
  wheelIndex = 0
  wheelTick = 0

  constructor(
    id: string,
    identity: Identity,
    connection: Connection,
    inbox: Subscription,
    context: SessionContext,
  ) {
    this.id = id
    this.#identity = identity
    this.#connection = connection
    this.#inbox = inbox
    this.#ports = context.ports
    this.#options = context.options
    this.#scheduleReauth()
  }

  get user(): string {
    return this.#identity.user
  }

  get identity(): Identity {
    return this.#identity
  }

  get connection(): Connection {
    return this.#connection
  }

  get subscriptionCount(): number {
    return 1 + (this.#subscriptions?.size ?? 0)
  }

  /** Every subscription, the inbox first. */
  *subscriptions(): Iterable<Subscription> {
    yield this.#inbox
    if (this.#subscriptions !== undefined) yield* this.#subscriptions.values()
  }

  /** Takes over a subscription that was opened for the session. */
  adopt(channel: string, subscription: Subscription): void {
    const subscriptions = (this.#subscriptions ??= new Map<string, Subscription>())
    if (!subscriptions.has(channel) && this.#ports.policyOf(channel).presence)
      this.#ports.presence.entered(channel, this.user)
    subscriptions.set(channel, subscription)
  }

  /** There is room in the connection's buffer again. */
  resume(): void {
    this.#inbox.resume()
    if (this.#subscriptions !== undefined)
      for (const subscription of this.#subscriptions.values()) subscription.resume()
  }

  /** One frame of the client. Never throws. */
  handle(frame: DecodedFrame): void {
    switch (frame.type) {
      case 'connect':
        this.#refuse(
          undefined,
          new SluiceError('bad_request', 'connect: this connection is connected already'),
        )
        break
      case 'subscribe':
        this.#inOrder(frame, () => this.#subscribe(frame))
        break
      case 'unsubscribe':
        this.#inOrder(frame, () => this.#unsubscribe(frame))
        break
      case 'publish':
        void this.#answer(frame, this.#publish(frame))
        break
      case 'ack':
        this.#ack(frame)
        break
      case 'auth':
        void this.#answer(frame, this.#authenticate(frame))
        break
      case 'presence':
        void this.#answer(frame, this.#presence(frame))
        break
      case 'ping':
        this.#connection.send(frame.ref === undefined ? { type: 'pong' } : { type: 'pong', ref: frame.ref })
        break
      default:
        frame satisfies never
    }
  }

  /** The connection has gone. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ports.wheel.cancel(this)
    this.#inbox.close()
    if (this.#subscriptions !== undefined)
      for (const [channel, subscription] of this.#subscriptions) this.#leave(channel, subscription)
    this.#subscriptions = undefined
  }

  /** The moment to ask for a fresh token, or to close because none came. */
  due(): void {
    if (this.#deadline === 'close') {
      this.#ports.metrics.reauth('expired')
      this.#connection.end(new Closing('unauthorized', 'unauthorized', 'no fresh token came in time'))
      return
    }
    this.#deadline = 'close'
    this.#ports.metrics.reauth('asked')
    this.#connection.send({ type: 'reauth', deadline: Math.round(this.#reauthDeadlineMs) })
    this.#ports.wheel.schedule(this, this.#reauthDeadlineMs)
  }

  abandon(): void {
    this.#connection.end(
      new Closing('internal', 'internal', 'the gateway failed to go on with this session; its log says more'),
    )
  }

  async #subscribe({ ref, channel, from }: SubscribeFrame): Promise<ServerFrame | undefined> {
    const name = this.#internalName(channel)
    if (channel !== INBOX && !this.#identity.permissions.maySubscribe(channel)) {
      throw new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`)
    }
    const known = channel === INBOX ? this.#inbox : this.#subscriptions?.get(channel)
    if (known !== undefined && from === undefined) {
      const { position } = known
      const at = position === undefined ? {} : { epoch: position.epoch, offset: position.offset }
      return { type: 'subscribed', ref, channel, ...at, recovered: true }
    }
    if (known === undefined && this.subscriptionCount > this.#options.subscriptionsMax) {
      this.#ports.metrics.limitHit('subscriptions')
      throw new SluiceError(
        'limit_exceeded',
        `${this.#options.subscriptionsMax} channels are subscribed to; limits.subscriptions allows no more`,
      )
    }
    const opened = await openChannel(this.#ports, this.user, name, from, this.#connection)
    if (this.#closed) {
      opened.subscription.close()
      return undefined
    }
    // Subscribed already, and asked to start again from elsewhere: the reply flushes what the old one still brings.
    this.#connection.send({
      type: 'subscribed',
      ref,
      channel,
      ...positionOf(opened),
      recovered: opened.recovered,
    })
    known?.close()
    if (channel === INBOX) this.#inbox = opened.subscription
    else this.adopt(channel, opened.subscription)
    opened.subscription.begin(opened.reset)
    return undefined
  }

  #unsubscribe({ ref, channel }: UnsubscribeFrame): Promise<ServerFrame | undefined> {
    if (channel === INBOX)
      throw new SluiceError('bad_request', `${INBOX} belongs to the connection; it cannot be left`)
    const subscription = this.#subscriptions?.get(channel)
    if (subscription === undefined) throw new SluiceError('not_found', `${channel} is not subscribed to`)
    // The reply goes first: sending it flushes what the topics hold for this socket, in order.
    this.#connection.send({ type: 'unsubscribed', ref, channel })
    this.#drop(channel, subscription)
    return Promise.resolve(undefined)
  }

  async #publish({ ref, channel, payload, id }: DecodedPublish): Promise<ServerFrame> {
    if (channel === INBOX) throw new SluiceError('forbidden', 'clients do not publish to inboxes')
    if (!this.#identity.permissions.mayPublish(channel)) {
      throw new SluiceError('forbidden', `the token does not allow to publish to ${channel}`)
    }
    const { clientPublish } = this.#ports.policyOf(channel)
    if (clientPublish === 'deny') {
      throw new SluiceError(
        'forbidden',
        `clients do not publish to ${channel}: its namespace has clientPublish deny`,
      )
    }
    const { epoch, offset, duplicate } =
      clientPublish === 'fanout'
        ? await this.#ports.publish(this.user, channel, payload, id)
        : await this.#ports.forward(this.user, channel, payload, id)
    return {
      type: 'published',
      ref,
      ...(epoch === undefined || offset === undefined ? {} : { epoch, offset }),
      ...(duplicate === undefined ? {} : { duplicate }),
    }
  }

  #ack({ channel, offset }: AckFrame): void {
    const name = this.#internalName(channel)
    const position = (channel === INBOX ? this.#inbox : this.#subscriptions?.get(channel))?.position
    const refuse = (why: string): void =>
      this.#refuse(undefined, new SluiceError('bad_request', `ack: ${why}`))
    if (!this.#ports.policyOf(name).acknowledged) refuse(`messages of ${channel} are not acknowledged`)
    else if (position === undefined) refuse(`${channel} is not subscribed to`)
    else if (offset > position.offset)
      refuse(`${offset} is after the last message, which is ${position.offset}`)
    else {
      this.#ports.acks.ack(this.user, name, position.epoch, offset)
      this.#ports.metrics.acknowledged()
    }
  }

  async #presence({ ref, channel }: PresenceFrame): Promise<ServerFrame> {
    if (channel === INBOX || !this.#ports.policyOf(channel).presence) {
      throw new SluiceError('bad_request', `presence: the namespace of ${channel} does not keep presence`)
    }
    if (!this.#identity.permissions.maySubscribe(channel)) {
      throw new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`)
    }
    return { type: 'presence', ref, channel, users: await this.#ports.presence.members(channel) }
  }

  async #authenticate({ ref, token }: AuthFrame): Promise<ServerFrame | undefined> {
    try {
      const identity = await this.#ports.tokens.verify(token)
      if (identity.user !== this.user) {
        throw new SluiceError('forbidden', "auth: the token is another user's; a connection keeps its user")
      }
      const claimed = await this.#ports.registry.claim(this.user, this.id, this.#ports.nodeId)
      if (this.#closed) {
        // Closed while the registry answered: the release may have gone ahead of the claim.
        await this.#ports.registry.release(this.user, this.id, this.#ports.nodeId)
        return undefined
      }
      if (this.#ports.tokens.isRevoked(identity, claimed.revokedBeforeMs)) {
        throw new SluiceError('unauthorized', 'auth: the token has been revoked')
      }
      this.#renew(identity)
    } catch (error) {
      this.#ports.metrics.reauth('refused')
      throw error
    }
    this.#ports.metrics.reauth('renewed')
    const { expiresAtMs } = this.#identity
    return {
      type: 'authenticated',
      ref,
      ticket: this.#ports.ticketOf(ownerTagOf(this.id)),
      ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
    }
  }

  #renew(identity: Identity): void {
    this.#identity = identity
    this.#scheduleReauth()
    if (this.#subscriptions === undefined) return
    for (const [channel, subscription] of this.#subscriptions) {
      if (identity.permissions.maySubscribe(channel)) continue
      this.#connection.send({ type: 'unsubscribed', channel })
      this.#drop(channel, subscription)
    }
  }

  #scheduleReauth(): void {
    const { clock, wheel } = this.#ports
    const { expiresAtMs } = this.#identity
    const expiresInMs = expiresAtMs === undefined ? undefined : expiresAtMs - clock.now()
    const plan = planReauth(expiresInMs, this.#options.reauth, clock.random())
    this.#deadline = 'ask'
    this.#reauthDeadlineMs = plan.deadlineMs
    wheel.schedule(this, plan.askInMs)
  }

  #drop(channel: string, subscription: Subscription): void {
    this.#subscriptions?.delete(channel)
    this.#leave(channel, subscription)
  }

  #leave(channel: string, subscription: Subscription): void {
    subscription.close()
    if (this.#ports.policyOf(channel).presence) this.#ports.presence.left(channel, this.user)
  }

  #internalName(channel: string): string {
    return channel === INBOX ? inboxOf(this.user) : channel
  }

  /** Requests for one channel are carried out one after the other: an unsubscribe must not overtake its subscribe. */
  #inOrder(frame: SubscribeFrame | UnsubscribeFrame, run: () => Promise<ServerFrame | undefined>): void {
    const before = this.#pending?.get(frame.channel)
    const answer = before === undefined ? attempt(run) : before.then(run)
    const answered = this.#answer(frame, answer).then(() => {
      if (this.#pending?.get(frame.channel) === answered) this.#pending.delete(frame.channel)
    })
    ;(this.#pending ??= new Map()).set(frame.channel, answered)
  }

  /** Sends the reply of a request, or its error. The promise never rejects. */
  async #answer(frame: RequestFrame, reply: Promise<ServerFrame | undefined>): Promise<void> {
    try {
      const answer = await reply
      if (answer !== undefined) this.#connection.send(answer)
    } catch (error) {
      this.#refuse(frame.ref, error)
    }
  }

  #refuse(ref: number | undefined, thrown: unknown): void {
    const error = asSluiceError(thrown)
    if (error.code === 'internal') this.#ports.failed('a request of a client', thrown)
    this.#ports.metrics.errorSent(error.code)
    const { code, message, retryable } = error
    this.#connection.send({ type: 'error', ...(ref === undefined ? {} : { ref }), code, message, retryable })
  }
}

export interface SessionContext {
  readonly ports: SessionPorts
  readonly options: SessionOptions
}

/** Where a subscription starts, as the fields of a frame; none on an ephemeral channel. */
export function positionOf({ start }: Opened): { epoch: string; offset: number } | Record<string, never> {
  return start === undefined ? {} : { epoch: start.epoch, offset: start.offset }
}

/** So that what throws at once is a rejection too. */
async function attempt<T>(run: () => Promise<T>): Promise<T> {
  return run()
}
