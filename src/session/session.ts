/**
 * What survives a connection: an unguessable id owned by one user, with the subscriptions of the connection that holds it now.
 * Every frame of every transport is interpreted here.
 */
import { publishFor } from './client-publish.ts'
import type { Connection } from './connection.ts'
import type { Identity, SessionContext, SessionPorts } from './ports.ts'
import { readFor, type Readable } from './reading.ts'
import { planReauth } from './reauth.ts'
import { answer, ConnectionGone, refuse, type Reply } from './replies.ts'
import { ownerTagOf } from './session-id.ts'
import { openChannel, positionOf } from './unacknowledged.ts'
import { checkOneMore } from './user-limits.ts'
import { Closing, SluiceError } from '../errors.ts'
import type { Subscription } from '../hub/subscription.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { DecodedFrame } from '../protocol/decode.ts'
import type {
  AckFrame,
  AuthFrame,
  ServerFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from '../protocol/frames.ts'
import type { Due } from '../wheel.ts'

/** In the place of a channel; no channel has this name. */
const AUTH = ''

export class Session implements Due {
  readonly id: string
  /** Of two connections of a session the one with the smaller claim is the older. */
  readonly claim: number
  /** The node whose drain has moved the client here. */
  movedFrom: string | undefined
  readonly #connection: Connection
  readonly #context: SessionContext
  #identity: Identity
  #inbox: Subscription
  /** Made with the first subscription beside the inbox: an idle connection does without. */
  #subscriptions: Map<string, Subscription> | undefined
  /** The last request for each channel, and for a fresh token, that is not answered yet: the next one waits for it. */
  #pending: Map<string, Promise<void>> | undefined
  /** What the deadline on the wheel is for. */
  #deadline: 'ask' | 'close' = 'ask'
  #reauthDeadlineMs = 0
  #closed = false
  wheelSlot = -1
  wheelIndex = 0
  wheelTick = 0
  constructor(
    { id, claim }: { readonly id: string; readonly claim: number },
    identity: Identity,
    connection: Connection,
    inbox: Subscription,
    context: SessionContext,
  ) {
    this.id = id
    this.claim = claim
    this.#identity = identity
    this.#connection = connection
    this.#inbox = inbox
    this.#context = context
    this.#scheduleReauth()
  }

  get #ports(): SessionPorts {
    return this.#context.ports
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
    if (!subscriptions.has(channel)) {
      this.#ports.quotas.subscribe(this.user)
      if (this.#ports.policyOf(channel).presence) this.#ports.presence.entered(channel, this.user)
    }
    subscriptions.set(channel, subscription)
  }

  /** There is room in the connection's buffer again. */
  resume(): void {
    this.#inbox.resume()
    if (this.#subscriptions !== undefined)
      for (const subscription of this.#subscriptions.values()) subscription.resume()
  }

  /** One frame of the client; none counts any more once the connection has gone. Never throws. */
  handle(frame: DecodedFrame): void {
    if (this.#closed) return
    this.#ports.witness.tap?.received(this, frame)
    switch (frame.type) {
      case 'connect':
        this.#refuse(
          undefined,
          new SluiceError('bad_request', 'connect: this connection is connected already'),
        )
        break
      case 'subscribe':
        this.#inOrder(frame.channel, frame.ref, () => this.#subscribe(frame))
        break
      case 'unsubscribe':
        this.#inOrder(frame.channel, frame.ref, () => this.#unsubscribe(frame))
        break
      case 'publish':
        void this.#answer(frame.ref, publishFor(this.#identity, frame, this.#ports))
        break
      case 'ack':
        this.#ack(frame)
        break
      case 'auth':
        this.#inOrder(AUTH, frame.ref, () => this.#authenticate(frame))
        break
      case 'presence':
      case 'history':
        void this.#answer(
          frame.ref,
          readFor(frame, this.user, this.#ports, () => this.#checkMayRead(frame)),
        )
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
    // What is sent may end the connection.
    if (!this.#closed) this.#ports.wheel.schedule(this, this.#reauthDeadlineMs)
  }

  abandon(): void {
    this.#connection.end(
      new Closing('internal', 'internal', 'the gateway failed to go on with this session; its log says more'),
    )
  }

  async #subscribe({ ref, channel, from }: SubscribeFrame): Promise<ServerFrame | undefined> {
    this.#checkMaySubscribe(channel)
    const known = this.subscriptionOf(channel)
    if (known !== undefined && from === undefined) {
      const { position } = known
      const at = position === undefined ? {} : { epoch: position.epoch, offset: position.offset }
      return { type: 'subscribed', ref, channel, ...at, recovered: true }
    }
    this.#checkRoomFor(channel)
    const opened = await openChannel(
      this.#ports,
      this.user,
      this.#internalName(channel),
      from,
      this.#connection,
    )
    try {
      this.#checkMaySubscribe(channel)
      this.#checkRoomFor(channel)
      const former = this.subscriptionOf(channel)
      const at = positionOf(opened)
      // Subscribed already, and asked to start again from elsewhere: the reply flushes what the old one still brings.
      this.#connection.send({ type: 'subscribed', ref, channel, ...at, recovered: opened.recovered })
      // It may have gone meanwhile, and a reply that finds no room ends it.
      this.#checkOpen()
      former?.close()
    } catch (error) {
      opened.subscription.close()
      throw error
    }
    if (channel === INBOX) this.#inbox = opened.subscription
    else this.adopt(channel, opened.subscription)
    opened.subscription.begin(opened.reset)
    return undefined
  }

  #unsubscribe({ ref, channel }: UnsubscribeFrame): Promise<ServerFrame | undefined> {
    if (channel === INBOX)
      throw new SluiceError('bad_request', `${INBOX} belongs to the connection; it cannot be left`)
    const subscription = this.subscriptionOf(channel)
    if (subscription === undefined) throw new SluiceError('not_found', `${channel} is not subscribed to`)
    // The reply goes first: sending it flushes what the topics hold for this socket, in order.
    this.#connection.send({ type: 'unsubscribed', ref, channel })
    this.#drop(channel, subscription)
    return Promise.resolve(undefined)
  }

  #ack({ channel, offset }: AckFrame): void {
    const name = this.#internalName(channel)
    const subscription = this.subscriptionOf(channel)
    const position = subscription?.position
    const refused = (why: string): void =>
      this.#refuse(undefined, new SluiceError('bad_request', `ack: ${why}`))
    if (!this.#ports.policyOf(name).acknowledged) refused(`messages of ${channel} are not acknowledged`)
    else if (subscription === undefined || position === undefined) refused(`${channel} is not subscribed to`)
    else if (offset > position.offset)
      refused(`${offset} is after the last message, which is ${position.offset}`)
    // The position of a channel without messages: there is nothing to remember.
    else if (offset > 0) {
      this.#ports.acks.ack(this.user, name, position.epoch, offset)
      this.#ports.metrics.acknowledged(subscription.acknowledge(offset))
    }
  }

  #checkMayRead({ type, channel }: Readable): void {
    this.#checkOpen()
    if (type === 'presence') this.#checkMaySubscribe(channel)
    else if (channel !== INBOX && !this.#identity.permissions.mayReadHistory(channel))
      throw new SluiceError('forbidden', `the token does not allow to read the history of ${channel}`)
  }

  /** One after the other: the permissions are those of the token that was sent last, whichever was checked first. */
  async #authenticate({ ref, token }: AuthFrame): Promise<ServerFrame | undefined> {
    const { tokens, registry, metrics } = this.#ports
    const attempt = this.#context.attempts.begin(this.user, undefined)
    try {
      const identity = await tokens.verify(token)
      this.#checkOpen()
      if (identity.user !== this.user) {
        throw new SluiceError('forbidden', "auth: the token is another user's; a connection keeps its user")
      }
      const revokedBeforeMs = await registry.revoked(this.user)
      this.#checkOpen()
      // As the registry answered, or as was told meanwhile.
      if (
        [revokedBeforeMs, attempt.revokedBeforeMs].some((beforeMs) => tokens.isRevoked(identity, beforeMs))
      ) {
        throw new SluiceError('unauthorized', 'auth: the token has been revoked')
      }
      this.#renew(identity)
    } catch (error) {
      if (!(error instanceof ConnectionGone)) metrics.reauth('refused')
      throw error
    } finally {
      this.#context.attempts.end(attempt)
    }
    metrics.reauth('renewed')
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
    const plan = planReauth(expiresInMs, this.#context.options.reauth, clock.random())
    this.#deadline = 'ask'
    this.#reauthDeadlineMs = plan.deadlineMs
    wheel.schedule(this, plan.askInMs)
  }

  #drop(channel: string, subscription: Subscription): void {
    // What was sent before may have ended the connection, and with it everything.
    if (this.#subscriptions?.delete(channel) === true) this.#leave(channel, subscription)
  }

  #leave(channel: string, subscription: Subscription): void {
    subscription.close()
    this.#ports.quotas.unsubscribe(this.user)
    if (this.#ports.policyOf(channel).presence) this.#ports.presence.left(channel, this.user)
  }

  #internalName(channel: string): string {
    return channel === INBOX ? inboxOf(this.user) : channel
  }

  subscriptionOf(channel: string): Subscription | undefined {
    return channel === INBOX ? this.#inbox : this.#subscriptions?.get(channel)
  }

  // What is asked before a wait is asked again after it: test/unit/session/waits.test.ts has the table of all waits.
  #checkOpen(): void {
    if (this.#closed || this.#connection.closed) throw new ConnectionGone()
  }

  #checkMaySubscribe(channel: string): void {
    if (channel !== INBOX && !this.#identity.permissions.maySubscribe(channel)) {
      throw new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`)
    }
  }

  #checkRoomFor(channel: string): void {
    const { subscriptionsMax } = this.#context.options
    if (this.subscriptionOf(channel) !== undefined) return
    if (this.subscriptionCount <= subscriptionsMax) {
      checkOneMore(this.#ports, this.user)
      return
    }
    this.#ports.metrics.limitHit('subscriptions')
    throw new SluiceError(
      'limit_exceeded',
      `${subscriptionsMax} channels are subscribed to; limits.subscriptions allows no more`,
    )
  }

  /** Requests about one thing are carried out one after the other: an unsubscribe must not overtake its subscribe. */
  #inOrder(about: string, ref: number, run: () => Promise<ServerFrame | undefined>): void {
    const before = this.#pending?.get(about)
    const runs = async (): Promise<ServerFrame | undefined> => {
      this.#checkOpen()
      return run()
    }
    const reply = before === undefined ? runs() : before.then(runs)
    const answered = this.#answer(ref, reply).then(() => {
      if (this.#pending?.get(about) === answered) this.#pending.delete(about)
    })
    ;(this.#pending ??= new Map()).set(about, answered)
  }

  #answer(ref: number, reply: Promise<Reply | undefined>): Promise<void> {
    return answer(this.#connection, this.#ports, ref, reply)
  }

  #refuse(ref: number | undefined, thrown: unknown): void {
    refuse(this.#connection, this.#ports, ref, thrown)
  }
}
