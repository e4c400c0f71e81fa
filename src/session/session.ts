/**
 * What survives a connection: an unguessable id owned by one user, with the subscriptions of the connection that holds it now.
 * Everything that a client may ask for, whatever it speaks. Its methods are `private` by word: see `Subscription`.
 */
import { acknowledge } from './acknowledging.ts'
import { arrive, atOf, attend, checkedEntry, enter, type As } from './attending.ts'
import { authenticate } from './authenticating.ts'
import { publishIn, type ClientMessage } from './client-publish.ts'
import { ConnectionGone, type MoveOrder, type UnsubscribedBy } from './connection.ts'
import type { LogPage, Measured, PageRequest } from './history.ts'
import { checkMaySubscribe } from './permitted.ts'
import { InboxOwner } from './inbox-owner.ts'
import { countOf, eachOf, findIn, withOne, withoutOne, type Held } from './held.ts'
import { carriedOver, standingOf, withMore, withStanding } from './more-permissions.ts'
import type { Identity, Permissions, SessionContext, SessionPorts } from './ports.ts'
import { historyOf, membersOf } from './reading.ts'
import { ASKED, AUTH, CLOSED, planReauth } from './reauth.ts'
import { movedFromOf, requestsIn, type RequestsOrNode } from './requests.ts'
import { ownerTagOf } from './session-id.ts'
import type { StandOn } from './standing.ts'
import { openChannel } from './start-position.ts'
import { checkOneMore } from './user-limits.ts'
import type { Renewed, Told } from './welcome.ts'
import { asSluiceError, Closing, SluiceError } from '../errors.ts'
import type { Subscription } from '../hub/subscription.ts'
import type { Tap } from '../observe/witness.ts'
import type { Entry, Members } from '../presence/info.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { Message } from '../protocol/message.ts'
import type { From } from '../protocol/position.ts'
import type { Published } from '../publish/publisher.ts'
import type { WheelEntry } from '../wheel.ts'

export class Session extends InboxOwner implements WheelEntry {
  readonly id: string
  /** Of two connections of a session the one with the smaller claim is the older. */
  readonly claim: number
  readonly #context: SessionContext
  #identity: Identity
  /** Beside the inbox. */
  #held: Held
  /** By channel, and for fresh tokens. */
  #requests: RequestsOrNode
  /** How long the client will have for a fresh token once it is asked for one. `ASKED`: it was, and what is on the wheel is its end. `CLOSED`. */
  #reauthDeadlineMs = 0
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined

  constructor(
    { id, claim, movedFrom }: Pick<Session, 'id' | 'claim' | 'movedFrom'>,
    identity: Identity,
    inbox: Subscription,
    context: SessionContext,
  ) {
    super(inbox)
    this.id = id
    this.claim = claim
    this.#requests = movedFrom
    this.#identity = identity
    this.#context = context
    if (identity.tokenless !== true) this.scheduleReauth()
  }

  protected get ports(): SessionPorts {
    return this.#context.ports
  }

  private get tap(): Tap | undefined {
    return this.ports.witness.tap
  }

  get user(): string {
    return this.#identity.user
  }

  get identity(): Identity {
    return this.#identity
  }

  /** The node whose drain has moved the client here. */
  get movedFrom(): string | undefined {
    return movedFromOf(this.#requests)
  }

  get subscriptionCount(): number {
    return 1 + countOf(this.#held)
  }

  /** Every subscription, the inbox first. */
  *subscriptions(): Iterable<Subscription> {
    const { inbox } = this
    if (inbox !== undefined) yield inbox
    yield* eachOf(this.#held)
  }

  subscriptionOf(channel: string): Subscription | undefined {
    return channel === INBOX ? this.inbox : findIn(this.#held, channel)
  }

  /** Takes over a subscription that was opened for the session. */
  adopt(channel: string, subscription: Subscription, entry?: Entry, said?: string): void {
    const isNew = findIn(this.#held, channel) === undefined
    if (isNew) arrive(this, channel, { entry, said }, this.ports)
    else if (entry !== undefined) attend(this, channel, entry, this.ports)
    // With nothing between the two: while the inbox rests, what is held is what is counted.
    this.#held = withOne(this.#held, subscription)
    if (isNew) this.ports.quotas.subscribe(this.user)
  }

  /** There is room in the connection's buffer again. */
  resume(): void {
    this.resumeInbox()
    for (const subscription of eachOf(this.#held)) subscription.resume()
  }

  // What a client asks for. Each fails with a `SluiceError`, or with `ConnectionGone` where nobody is there to be told; see `refusal`.

  /** `told` runs right before the first message: what it sends flushes an old subscription. `entry`: if not as its user. */
  subscribe(channel: string, from: From | undefined, told: Told, entry?: Entry): Promise<void> {
    return this.inOrder(channel, () => this.putOn(channel, from, told, { entry }))
  }

  /** `told` tells the client; it is called before the subscription ends, for the same reason. */
  unsubscribe(channel: string, told: () => void): Promise<void> {
    return this.inOrder(channel, () => this.unsubscribeNow(channel, told))
  }

  publish(message: ClientMessage): Promise<Published> {
    return publishIn(this, message, () => this.checkOpen(), this.ports)
  }

  /** Everything of the channel up to there needs not be sent again. */
  ack(channel: string, offset: number): void {
    this.checkOpen()
    acknowledge(this, channel, offset, this.ports)
  }

  /** Who is on a channel, everywhere. */
  members(channel: string): Promise<Members> {
    return membersOf(channel, () => this.checkOpen(), this.ports)
  }

  /** As whom the user is in a channel that is subscribed to, or not. Answers when he said it, as `Statement.at` takes it. */
  enter(channel: string, entry: Entry): Promise<number | undefined> {
    return this.inOrder(channel, async () => enter(this, channel, entry, this.ports))
  }

  /** A page of what the log of the channel has. `worded`: a message as the client is to read it. */
  history<Line extends Measured>(
    channel: string,
    request: PageRequest,
    worded: (message: Message) => Line,
  ): Promise<LogPage<Line>> {
    return historyOf(channel, { request, worded }, () => this.checkOpen(), this.ports)
  }

  /** Takes a fresh token. One after the other: the permissions are those of the token that was sent last, whichever was checked first. */
  authenticate(token: string): Promise<Renewed> {
    return this.inOrder(AUTH, () => this.authenticateNow(token))
  }

  /** A backend puts the client on a channel, whatever its token says, or takes it off, whoever has subscribed it. */
  stand(channel: string, on: boolean, { from, data, info }: StandOn): Promise<void> {
    return this.inOrder(channel, async () => {
      this.#identity = withStanding(this.#identity, channel, on)
      const subscription = this.subscriptionOf(channel)
      if (!on && subscription !== undefined) this.takeOff(channel, subscription, 'backend')
      if (!on || subscription !== undefined) return
      const tell: Told = (start) => this.connection.subscribed(channel, { ...start, data })
      await this.putOn(channel, from, tell, { said: info })
    })
  }

  /** What the client may do beside what is in its token, for as long as the session lasts. */
  allow(more: Permissions): void {
    this.#identity = withMore(this.#identity, more)
  }

  /** From now on it is as this says, beside what it may do more. */
  renew(identity: Identity): void {
    this.#identity = carriedOver(this.#identity, identity)
    this.scheduleReauth()
    for (const subscription of eachOf(this.#held)) {
      const channel = subscription.source.name
      if (!this.#identity.permissions.maySubscribe(channel)) this.takeOff(channel, subscription, 'token')
    }
  }

  /** What a request is answered that failed, counted, and logged where the fault is ours; `undefined`: nobody is there. */
  refusal(thrown: unknown): SluiceError | undefined {
    if (thrown instanceof ConnectionGone) return undefined
    const error = asSluiceError(thrown)
    if (error.code === 'internal') this.ports.failed('a request of a client', thrown)
    this.ports.metrics.errorSent(error.code)
    this.tap?.told(this, 'error', { code: error.code, message: error.message })
    return error
  }

  /** The client shall go to another node. */
  move(order: MoveOrder): 'asked' | 'leaves' {
    const went = this.connection.move(order)
    const { reason, delayMs: delay, deadlineMs: deadline, to } = order
    if (went === 'asked') this.tap?.told(this, 'move', { reason, delay, deadline, url: to })
    return went
  }

  /** The connection has gone. Idempotent. */
  close(): void {
    if (this.isClosed) return
    this.#reauthDeadlineMs = CLOSED
    this.ports.wheel.cancel(this)
    for (const subscription of eachOf(this.#held)) this.leave(subscription)
    // The inbox last: what is counted of the user goes with it.
    this.closeInbox()
    this.#held = undefined
  }

  /** The moment to ask for a fresh token, or to close because none came. */
  due(): void {
    if (this.#reauthDeadlineMs === ASKED) {
      this.ports.metrics.reauth('expired')
      this.connection.end(new Closing('unauthorized', 'unauthorized', 'no fresh token came in time'))
      return
    }
    const deadline = this.#reauthDeadlineMs
    this.#reauthDeadlineMs = ASKED
    this.ports.metrics.reauth('asked')
    this.connection.reauth(deadline)
    this.tap?.told(this, 'reauth', { deadline })
    // What is sent may end the connection.
    if (!this.isClosed) this.ports.wheel.schedule(this, deadline)
  }

  abandon(): void {
    const why = 'the gateway failed to go on with this session; its log says more'
    this.connection.end(new Closing('internal', 'internal', why))
  }

  private async putOn(channel: string, from: From | undefined, tell: Told, as: As): Promise<void> {
    checkMaySubscribe(channel, this.#identity)
    const told: Told = (start, backlog) => {
      tell(start, backlog)
      this.tap?.told(this, 'subscribed', { channel, ...start.position, recovered: start.recovered })
    }
    const entry = as.entry === undefined ? undefined : checkedEntry(this, channel, as.entry, this.ports)
    const known = this.subscriptionOf(channel)
    if (known !== undefined && from === undefined) {
      if (entry !== undefined) attend(this, channel, entry, this.ports)
      return told({ position: known.position, recovered: true, at: atOf(entry) }, known)
    }
    this.checkRoomFor(channel)
    const name = channel === INBOX ? inboxOf(this.user) : channel
    const isStanding = standingOf(this.#identity).has(channel)
    const opened = await openChannel(this.ports, this.user, name, from, this.connection, isStanding)
    try {
      this.checkOpen()
      checkMaySubscribe(channel, this.#identity)
      this.checkRoomFor(channel)
      const former = this.subscriptionOf(channel)
      // Of one who is subscribed already the reply flushes what the old one still brings. One without room ends the connection.
      told({ position: opened.start, recovered: opened.recovered, at: atOf(entry) }, opened.subscription)
      this.checkOpen()
      former?.close()
    } catch (error) {
      opened.subscription.close()
      throw error
    }
    if (channel === INBOX) this.woken(opened.subscription)
    else this.adopt(channel, opened.subscription, entry, as.said)
    opened.subscription.begin(opened.reset)
  }

  private async unsubscribeNow(channel: string, told: () => void): Promise<void> {
    if (channel === INBOX)
      throw new SluiceError('bad_request', `${INBOX} belongs to the connection; it cannot be left`)
    const subscription = this.subscriptionOf(channel)
    if (subscription === undefined) throw new SluiceError('not_found', `${channel} is not subscribed to`)
    // The reply goes first: sending it flushes what the topics hold for this socket, in order.
    told()
    this.tap?.told(this, 'unsubscribed', { channel, byGateway: false })
    this.drop(channel, subscription)
  }

  private async authenticateNow(token: string): Promise<Renewed> {
    const fresh = { present: () => this.checkOpen(), renew: (identity: Identity) => this.renew(identity) }
    await authenticate(token, this.user, fresh, this.#context)
    const { expiresAtMs } = this.#identity
    this.tap?.told(this, 'authenticated', { expiresAt: expiresAtMs })
    return { ticket: this.ports.ticketOf(ownerTagOf(this.id)), expiresAtMs }
  }

  private takeOff(channel: string, subscription: Subscription, why: UnsubscribedBy): void {
    this.connection.unsubscribed(channel, why)
    this.tap?.told(this, 'unsubscribed', { channel, byGateway: true })
    this.drop(channel, subscription)
  }

  protected get isClosed(): boolean {
    return this.#reauthDeadlineMs === CLOSED
  }

  private scheduleReauth(): void {
    if (this.isClosed) return
    const { clock, wheel } = this.ports
    const { expiresAtMs } = this.#identity
    const expiresInMs = expiresAtMs === undefined ? undefined : expiresAtMs - clock.now()
    const plan = planReauth(expiresInMs, this.#context.options.reauth, clock.random())
    this.#reauthDeadlineMs = plan.deadlineMs
    wheel.schedule(this, plan.askInMs)
  }

  private drop(channel: string, subscription: Subscription): void {
    // What was sent before may have ended the connection, and with it everything.
    if (findIn(this.#held, channel) === undefined) return
    this.#held = withoutOne(this.#held, channel)
    this.leave(subscription)
  }

  private leave(subscription: Subscription): void {
    const channel = subscription.source.name
    this.ports.quotas.unsubscribe(this.user)
    subscription.close()
    if (this.ports.policyOf(channel).presence) this.ports.presence.left(channel, this.user, this)
  }

  // What is asked before a wait is asked again after it: test/unit/session/waits.test.ts has the table of all waits.

  /** Who is there, by the token that was sent last. */
  private checkOpen(): Identity {
    if (this.isClosed || this.connection.closed) throw new ConnectionGone()
    return this.#identity
  }

  private checkRoomFor(channel: string): void {
    if (this.subscriptionOf(channel) !== undefined) return
    checkOneMore(this.ports, this.#context.options, this, channel)
  }

  private inOrder<Answer>(about: string, run: () => Promise<Answer>): Promise<Answer> {
    const requests = (this.#requests = requestsIn(this.#requests, (left) => (this.#requests = left)))
    return requests.take(about, async () => {
      this.checkOpen()
      return run()
    })
  }
}
