/**
 * One connection that speaks Pusher's protocol, from the moment in which its app and its version are known.
 *
 *   (opened) ── a session is had ──▶ (established) ── subscribe, client events, sign-in …
 *
 * Whoever connects is a user of his own, whom nobody can name: he may do what the secret of the app has signed for his socket_id.
 */
import { admissionOf, signedInAs, WATCHLIST_MAX, type Shown, type User } from './admitting.ts'
import type { App } from './apps.ts'
import { CHANNEL_RULE_OF_PUSHER, internalNameOf, kindOf } from './channel.ts'
import { ERROR, PusherClosing } from './codes.ts'
import { admittedByToken, isToken } from './token-admission.ts'
import { Watchlist } from './watchlist.ts'
import { nameOf, PLACED_FORM, PUSHER_FORM } from './form.ts'
import * as frames from './frames.ts'
import { socketIdOf } from './socket-id.ts'
import type { SpeakerOptions, SpeakerPorts } from './speaker-ports.ts'
import { Subscriptions } from './subscriptions.ts'
import { FULL_AT_MS, rateOf, take, type Rate } from '../../admission/bucket.ts'
import type { Conversation, Link } from '../dialect.ts'
import { closingOf } from '../../errors.ts'
import type { EncodedReset } from '../../protocol/encoded-reset.ts'
import { Encoded } from '../../protocol/encoded.ts'
import type { Message } from '../../protocol/message.ts'
import type { Position } from '../../protocol/position.ts'
import type { Identity } from '../../session/ports.ts'
import type { Session } from '../../session/session.ts'

const OVER_QUOTA = 'the app has as many connections as it may (dialects.pusher.limits)'
/** Clients of this version and older are told by an error why they are closed. */
const OLD = 5
/** What a stranger may have kept for him; more channels than a session has by default. */
const PLACES_MAX = 1000
/** As at Pusher, for each connection. */
const CLIENT_EVENTS_RATE = rateOf(10, 10) as Rate
export class Speaker implements Conversation<Buffer> {
  readonly app: App
  readonly protocol: number
  readonly sinceMs: number
  readonly #ports: SpeakerPorts
  readonly #options: SpeakerOptions
  #link: Link | undefined
  #hasPlace = false
  /** Made with the first: an idle client does without. */
  #subscriptions: Subscriptions | undefined
  #user: User | undefined
  #watchlist: Watchlist | undefined
  /** The channels of which a token is being looked at, each with the subscribe that it is for. */
  readonly #proving = new Map<string, frames.Subscribe>()
  #eventsFullAtMs = FULL_AT_MS
  /** The places of a client that keeps them, by internal names, until it subscribes. */
  #places: Map<string, Position> | undefined

  constructor(app: App, protocol: number, ports: SpeakerPorts, options: SpeakerOptions) {
    this.app = app
    this.protocol = protocol
    this.#ports = ports
    this.#options = options
    this.sinceMs = ports.clock.now()
  }

  /** It does not change once there is a subscription. */
  get form(): typeof PUSHER_FORM {
    return this.#places === undefined ? PUSHER_FORM : PLACED_FORM
  }

  opened(link: Link): void {
    this.#link = link
    link.introduced()
    const place = this.#ports.places.take(this.app)
    if (typeof place === 'boolean') this.#placed(link, place)
    else void place.then((has) => this.#placed(link, has))
  }

  #placed(link: Link, has: boolean): void {
    // It may have gone while others were asked.
    if (this.#link === undefined) {
      if (has) this.#ports.places.leave(this.app)
      return
    }
    this.#hasPlace = has
    if (has) this.#connect(link)
    else link.end(new PusherClosing('overQuota', 'limit_exceeded', OVER_QUOTA, this.protocol <= OLD))
  }

  #connect(link: Link): void {
    const { reception, clock } = this.#ports
    const identity: Identity = {
      user: this.app.newGuest(),
      permissions: this.app.permissions,
      expiresAtMs: undefined,
      issuedAtMs: clock.now(),
      tokenless: true,
    }
    const request = { session: undefined, departure: undefined, channels: new Map(), partial: true }
    reception.connect(link, identity, request).catch((error: unknown) => link.end(closingOf(error)))
  }

  joined(link: Link, { id }: Session): this {
    this.#say(frames.established(socketIdOf(id), this.#options.activityTimeoutSeconds), link)
    return this
  }

  received(link: Link, message: ArrayBuffer, binary: boolean): void {
    let frame: frames.ClientFrame
    try {
      if (binary) throw new frames.FrameFault('a frame is text')
      frame = frames.decodeFrame(Buffer.from(message).toString('utf8'), this.#options.jsonDepthMax)
    } catch (error) {
      if (!(error instanceof frames.FrameFault)) throw error
      this.#refuse(ERROR.malformed, error.message)
      return
    }
    const { session } = link
    if (frame.kind === 'ping') this.#say(frames.PONG)
    else if (frame.kind === 'pong') return
    else if (session === undefined) this.#refuse(ERROR.malformed, 'pusher:connection_established comes first')
    else this.#handle(session, frame)
  }

  /** What it may do does not change, and its user is none that a backend can name. */
  subscribed(): void {}
  unsubscribed(): void {}
  reauth(): void {}
  /** There is no word for it: it is closed at its moment, and comes back at once. */
  move(): 'leaves' {
    return 'leaves'
  }
  /** Without our add-on there is no word for a loss. */
  reset(link: Link, reset: EncodedReset): void {
    const written = reset.as(this.form)
    if (written !== undefined) link.write(written)
  }

  gone(): void {
    if (this.#hasPlace) this.#ports.places.leave(this.app)
    this.#hasPlace = false
    this.#link = undefined
    this.#proving.clear()
    this.#subscriptions?.close()
    this.#watchlist?.close()
    if (this.#user !== undefined) this.#ports.users.signedOut(this.app, this.#user, this)
  }

  /** Its app ends the connections of its user. */
  end(closing: Parameters<Link['end']>[0]): void {
    this.#link?.end(closing)
  }

  say(frame: string): void {
    this.#say(frame)
  }

  give(message: Message): void {
    this.#link?.write(new Encoded(message).as(this.form))
  }

  began(name: string, position: Position | undefined): void {
    if (this.#places !== undefined && position !== undefined)
      this.#say(frames.positionFrame(nameOf(name), position))
  }

  #handle(session: Session, frame: Exclude<frames.ClientFrame, { readonly kind: 'ping' | 'pong' }>): void {
    switch (frame.kind) {
      case 'subscribe':
        this.#subscribe(session, frame)
        break
      case 'unsubscribe':
        this.#unsubscribe(session, frame.channel)
        break
      case 'signin':
        this.#signIn(session, frame.auth, frame.userData)
        break
      case 'event':
        this.#publish(session, frame)
        break
      case 'hello':
        this.#keepPlaces(frame.positions)
        break
      default:
        frame satisfies never
    }
  }

  #keepPlaces(positions: ReadonlyMap<string, Position>): void {
    if (this.#subscriptions !== undefined || this.#proving.size > 0) {
      this.#refuse(ERROR.malformed, 'pusher:sluice_hello comes before the first subscribe')
      return
    }
    // It may come in pieces.
    this.#places ??= new Map()
    if (this.#places.size + positions.size > PLACES_MAX) {
      this.#refuse(ERROR.malformed, `a client keeps at most ${PLACES_MAX} places`)
      return
    }
    for (const [channel, position] of positions) {
      const name = internalNameOf(channel, this.app.prefix)
      if (name !== undefined) this.#places.set(name, position)
    }
  }

  #subscribe(session: Session, frame: frames.Subscribe): void {
    const { channel } = frame
    const name = internalNameOf(channel, this.app.prefix)
    if (name === undefined) {
      this.#say(
        frames.subscriptionError(channel.slice(0, 200), 'InvalidChannel', CHANNEL_RULE_OF_PUSHER, 400),
      )
      return
    }
    if (this.#options.tokens && isToken(frame.auth)) {
      this.#proving.set(name, frame)
      void this.#subscribeByToken(session, name, frame)
      return
    }
    const admission = admissionOf(frame, this.#shown(session))
    if ('refused' in admission) {
      const { type, error, status } = admission.refused
      this.#say(frames.subscriptionError(channel, type, error, status))
      return
    }
    this.#enter(session, name, admission.member)
  }

  /** A token says for which channels it is, and for how long it can be shown; it is not bound to this connection. */
  async #subscribeByToken(session: Session, name: string, frame: frames.Subscribe): Promise<void> {
    const { channel, auth } = frame
    const admission = await admittedByToken({ channel, name, token: auth ?? '' }, this.#ports.reception)
    // It may have gone meanwhile, or does not want it any more.
    if (this.#link === undefined || this.#proving.get(name) !== frame) return
    this.#proving.delete(name)
    if ('member' in admission) {
      this.#enter(session, name, admission.member)
      return
    }
    const { type, error, status } = admission.refused
    if (status === 401) this.#link.charge('token')
    this.#say(frames.subscriptionError(channel, type, error, status))
  }

  #enter(session: Session, name: string, member: frames.Member | undefined): void {
    this.#subscriptions ??= new Subscriptions(this, this.#ports, this.#options.membersMax)
    const from = this.#places?.get(name)
    this.#places?.delete(name)
    this.#subscriptions.enter(session, name, { member, from })
  }

  #unsubscribe(session: Session, channel: string): void {
    const name = internalNameOf(channel, this.app.prefix)
    if (name === undefined) return
    this.#proving.delete(name)
    this.#subscriptions?.leave(session, name)
  }

  #signIn(session: Session, auth: string, userData: string): void {
    let user: User | undefined
    try {
      user = signedInAs(auth, userData, this.#shown(session))
    } catch (error) {
      if (!(error instanceof frames.FrameFault)) throw error
      this.#refuse(ERROR.unauthorized, error.message)
      return
    }
    if (user === undefined) {
      const why = 'auth is not what the secret of the app signs for this socket_id and this user_data'
      this.#refuse(ERROR.unauthorized, why)
    } else if (this.#user !== undefined && this.#user.id !== user.id)
      this.#refuse(ERROR.unauthorized, 'the connection has signed in as somebody else')
    else {
      const isFirst = this.#user === undefined
      this.#user = user
      this.#say(frames.signedIn(userData))
      if (!isFirst) return
      this.#ports.users.signedIn(this.app, user, this)
      if (this.#options.watchlists) this.#watch(user)
    }
  }

  #watch(user: User): void {
    if (user.watchlist.length > WATCHLIST_MAX)
      this.#refuse(ERROR.watchlistTooLong, `of a watchlist the first ${WATCHLIST_MAX} are watched`)
    this.#watchlist = new Watchlist(this, this.app, this.#ports)
    this.#watchlist
      .begin(user, [...new Set(user.watchlist)].slice(0, WATCHLIST_MAX))
      .catch((error: unknown) => this.#link?.end(closingOf(error)))
  }

  #publish(session: Session, { event, channel, data }: frames.ClientEvent): void {
    const name = internalNameOf(channel, this.app.prefix)
    const { access, encrypted } = kindOf(channel)
    const { clientEvents } = this.#options
    if (!clientEvents || encrypted || (access !== 'private' && access !== 'presence'))
      this.#refuse(ERROR.unauthorized, clientEventsRule(clientEvents))
    else if (name === undefined || session.subscriptionOf(name) === undefined)
      this.#refuse(ERROR.unauthorized, 'who sends a client event is subscribed to its channel')
    else if (!this.#mayPublishNow())
      this.#refuse(ERROR.clientEventRefused, 'more than 10 client events in a second')
    else if (!this.app.mayWhisper(this.#ports.clock.now()))
      this.#refuse(
        ERROR.clientEventRefused,
        'the app has more client events than it may (dialects.pusher.limits)',
      )
    else {
      const whisper = { as: this.#subscriptions?.memberOn(name)?.id, exclude: session.id }
      const payload = { data: Buffer.from(data), binary: false }
      session.publish({ channel: name, payload, id: undefined, event, whisper }).catch((thrown: unknown) => {
        const error = session.refusal(thrown)
        if (error !== undefined) this.#refuse(ERROR.clientEventRefused, error.message)
      })
    }
  }

  #mayPublishNow(): boolean {
    const fullAtMs = take(this.#eventsFullAtMs, this.#ports.clock.monotonicMs(), 1, CLIENT_EVENTS_RATE)
    if (fullAtMs !== undefined) this.#eventsFullAtMs = fullAtMs
    return fullAtMs !== undefined
  }

  #shown({ id }: Session): Shown {
    const { app } = this
    const { jsonDepthMax } = this.#options
    return { socketId: socketIdOf(id), credentials: app.credentials, user: this.#user, jsonDepthMax }
  }

  #refuse(code: number | null, message: string): void {
    this.#say(frames.errorFrame(code, message))
  }

  #say(frame: string, link = this.#link): void {
    link?.say(frame, '')
  }
}

function clientEventsRule(allowed: boolean): string {
  return allowed
    ? 'client events go to private and presence channels that are not encrypted'
    : 'client events are not allowed: dialects.pusher.clientEvents is false'
}
