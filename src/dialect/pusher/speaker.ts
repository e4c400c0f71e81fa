/**
 * One connection that speaks Pusher's protocol, from the moment in which its app and its version are known.
 *
 *   (opened) ── a session is had ──▶ (established) ── subscribe, client events, sign-in …
 *
 * Whoever connects is a user of his own, whom nobody can name: he may do what the secret of the app has signed for his socket_id.
 */
import { admissionOf, signedInAs, type Shown, type User } from './admitting.ts'
import type { App } from './apps.ts'
import type { Cache, Cached } from './cache.ts'
import { internalNameOf, kindOf } from './channel.ts'
import { ERROR } from './codes.ts'
import { nameOf, PUSHER_FORM } from './form.ts'
import * as frames from './frames.ts'
import { Membership } from './membership.ts'
import type { Rosters } from './rosters.ts'
import { socketIdOf } from './socket-id.ts'
import type { Users } from './users.ts'
import { FULL_AT_MS, rateOf, take, type Rate } from '../../admission/bucket.ts'
import { jitter, type Clock } from '../../clock.ts'
import type { Conversation, Link, Reception } from '../dialect.ts'
import { closingOf, SluiceError } from '../../errors.ts'
import { Encoded } from '../../protocol/encoded.ts'
import type { Identity } from '../../session/ports.ts'
import type { Session } from '../../session/session.ts'

export interface SpeakerPorts {
  readonly reception: Reception
  readonly cache: Cache
  readonly rosters: Rosters
  readonly users: Users
  readonly clock: Clock
}

export interface SpeakerOptions {
  readonly jsonDepthMax: number
  readonly activityTimeoutSeconds: number
  readonly membersMax: number
  readonly clientEvents: boolean
}

/** A subscribe that is being answered. */
interface Joining {
  /** The client does not want it any more. */
  left: boolean
}

/** As its own user it is in no channel: who is a member says the app. */
const NOBODY = 'absent'
/** As at Pusher, for each connection. */
const CLIENT_EVENTS_RATE = rateOf(10, 10) as Rate
/** A subscribe that cannot be had now is tried again: a client of Pusher does so only when it connects anew. */
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 3000

export class Speaker implements Conversation<Buffer> {
  readonly form = PUSHER_FORM
  readonly app: App
  readonly protocol: number
  readonly #ports: SpeakerPorts
  readonly #options: SpeakerOptions
  #link: Link | undefined
  /** By internal names; each of these only where there is one. */
  #joining: Map<string, Joining> | undefined
  #memberships: Map<string, Membership> | undefined
  #user: User | undefined
  #eventsFullAtMs = FULL_AT_MS

  constructor(app: App, protocol: number, ports: SpeakerPorts, options: SpeakerOptions) {
    this.app = app
    this.protocol = protocol
    this.#ports = ports
    this.#options = options
  }

  opened(link: Link): void {
    this.#link = link
    link.introduced()
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

  /** What it may do does not change. */
  unsubscribed(): void {}
  reauth(): void {}
  /** There is no word for it: it is closed at its moment, and comes back at once. */
  move(): 'leaves' {
    return 'leaves'
  }
  /** There is no word for a loss. */
  reset(): void {}

  gone(): void {
    this.#link = undefined
    for (const joining of this.#joining?.values() ?? []) joining.left = true
    for (const [channel, membership] of this.#memberships ?? [])
      this.#ports.rosters.leave(channel, membership)
    this.#memberships = undefined
    if (this.#user !== undefined) this.#ports.users.signedOut(this.app, this.#user, this)
  }

  /** Its app ends the connections of its user. */
  end(closing: Parameters<Link['end']>[0]): void {
    this.#link?.end(closing)
  }

  say(frame: string): void {
    this.#say(frame)
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
      default:
        frame satisfies never
    }
  }

  #subscribe(session: Session, frame: frames.Subscribe): void {
    const { channel } = frame
    const name = internalNameOf(channel, this.app.prefix)
    if (name === undefined) {
      this.#say(frames.subscriptionError(channel.slice(0, 200), 'InvalidChannel', 'it is no channel', 400))
      return
    }
    const admission = admissionOf(frame, this.#shown(session))
    if ('refused' in admission) {
      const { type, error, status } = admission.refused
      this.#say(frames.subscriptionError(channel, type, error, status))
      return
    }
    const under = this.#joining?.get(name)
    if (under === undefined) void this.#join(session, name, admission.member)
    else under.left = false
  }

  #unsubscribe(session: Session, channel: string): void {
    const name = internalNameOf(channel, this.app.prefix)
    if (name === undefined) return
    const under = this.#joining?.get(name)
    if (under === undefined) this.#leave(session, name)
    else under.left = true
  }

  async #join(session: Session, name: string, member: frames.Member | undefined): Promise<void> {
    const joining: Joining = { left: false }
    const all = (this.#joining ??= new Map<string, Joining>())
    all.set(name, joining)
    try {
      await this.#joinWhenItGoes(session, name, member, joining)
    } finally {
      all.delete(name)
    }
    if (joining.left) this.#leave(session, name)
  }

  async #joinWhenItGoes(
    session: Session,
    name: string,
    member: frames.Member | undefined,
    joining: Joining,
  ): Promise<void> {
    for (;;) {
      try {
        await (member === undefined
          ? this.#joinPlain(session, name)
          : this.#joinAsMember(session, name, member))
        return
      } catch (thrown) {
        const error = session.refusal(thrown)
        if (error === undefined || joining.left) return
        if (!error.retryable) {
          this.#say(frames.subscriptionError(nameOf(name), ...worded(error)))
          return
        }
        await this.#later()
        // eslint-disable-next-line typescript/no-unnecessary-condition -- it may have left meanwhile
        if (joining.left) return
      }
    }
  }

  async #joinPlain(session: Session, name: string): Promise<void> {
    const cached = await this.#cachedOf(session, name)
    const told = (): void => {
      this.#say(frames.subscriptionSucceeded(nameOf(name)))
      this.#giveCached(name, cached)
    }
    await session.subscribe(name, cached?.head, told, entryOf(session, name))
  }

  async #joinAsMember(session: Session, name: string, member: frames.Member): Promise<void> {
    const { rosters } = this.#ports
    const known = this.#memberships?.get(name)
    if (known !== undefined) {
      const roster = await rosters.open(name)
      this.#say(frames.subscriptionSucceeded(nameOf(name), roster.shownTo(known.member)))
      rosters.release(name)
      return
    }
    const [roster, cached] = await Promise.all([rosters.open(name), this.#cachedOf(session, name)])
    let isMember = false
    try {
      if (!roster.takes(member, this.#options.membersMax)) throw new ChannelFull(this.#options.membersMax)
      const told = (): void => {
        this.#say(frames.subscriptionSucceeded(nameOf(name), roster.shownTo(member)))
        this.#giveCached(name, cached)
        // What was said may have found that it has gone.
        if (this.#link === undefined) return
        const membership = new Membership(this, nameOf(name), member)
        ;(this.#memberships ??= new Map<string, Membership>()).set(name, membership)
        rosters.enter(name, membership)
        isMember = true
      }
      await session.subscribe(name, cached?.head, told, entryOf(session, name))
    } catch (error) {
      if (isMember) this.#dropMembership(name)
      else rosters.release(name)
      throw error
    }
  }

  async #cachedOf(session: Session, name: string): Promise<Cached | undefined> {
    // Who is on it already has had it.
    if (!kindOf(nameOf(name)).cache || session.subscriptionOf(name) !== undefined) return undefined
    return this.#ports.cache.newest(name)
  }

  #giveCached(name: string, cached: Cached | undefined): void {
    if (cached === undefined) return
    const { message } = cached
    if (message === undefined) {
      this.#say(frames.cacheMiss(nameOf(name)))
    } else this.#link?.write(new Encoded(message).as(PUSHER_FORM))
  }

  #leave(session: Session, name: string): void {
    this.#dropMembership(name)
    session
      .unsubscribe(name, () => undefined)
      .catch((error: unknown) => {
        // Who leaves a channel that he is not on is told nothing.
        if (!(error instanceof SluiceError) || error.code !== 'not_found') session.refusal(error)
      })
  }

  #dropMembership(name: string): void {
    const membership = this.#memberships?.get(name)
    if (membership === undefined) return
    this.#memberships?.delete(name)
    this.#ports.rosters.leave(name, membership)
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
      if (isFirst) this.#ports.users.signedIn(this.app, user, this)
    }
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
    else {
      const whisper = { as: this.#memberships?.get(name)?.member.id, exclude: session.id }
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

  #later(): Promise<void> {
    const { clock } = this.#ports
    return new Promise((resolve) => void clock.after(jitter(clock, RETRY_MIN_MS, RETRY_MAX_MS), resolve))
  }
}

class ChannelFull extends SluiceError {
  constructor(membersMax: number) {
    super('limit_exceeded', `the channel has ${membersMax} members; dialects.pusher.members allows no more`)
  }
}

/** What it was in the channel it stays. */
function entryOf(session: Session, name: string): 'absent' | undefined {
  return session.subscriptionOf(name) === undefined ? NOBODY : undefined
}

function worded({ code, message, status }: SluiceError): [frames.Refusal, string, number] {
  if (code === 'limit_exceeded') return ['LimitReached', message, 4004]
  return ['AuthError', message, status]
}

function clientEventsRule(allowed: boolean): string {
  return allowed
    ? 'client events go to private and presence channels that are not encrypted'
    : 'client events are not allowed: dialects.pusher.clientEvents is false'
}
