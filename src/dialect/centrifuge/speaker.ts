/**
 * The conversation of one connection, between its link and its session: what the protocol needs is done by the verbs of the session, and
 * what the session says is worded by the protocol. Pings come from here.
 */
import { worded } from './closings.ts'
import { DISCONNECT, ERROR } from './codes.ts'
import { Conversation } from './conversation.ts'
import type { Encoding } from './encoding.ts'
import { historyOf, type History } from './history.ts'
import { publicationIn } from './form.ts'
import { asClaimed, Grants, namedIn } from './grants.ts'
import { dataIn, refreshInMsOf } from './guest.ts'
import { statementOf } from './member.ts'
import type { HistoryRequest, SubRefreshResult } from './messages.ts'
import { internalNameOf } from './names.ts'
import { identified } from './nobody.ts'
import type { CentrifugeHello, SpeakerOptions, SpeakerPorts } from './speaker-ports.ts'
import { lifeOf, Refusal } from './requests.ts'
import type { Guest, Line, Told, Verbs } from './verbs.ts'
import type { Conversation as LinkConversation, Link } from '../dialect.ts'
import type { Named } from '../emulation.ts'
import { jitter } from '../../clock.ts'
import { Closing, faulty, SluiceError } from '../../errors.ts'
import { INBOX, inboxOf } from '../../protocol/channel.ts'
import type { EncodedReset } from '../../protocol/encoded-reset.ts'
import { Written, type Form } from '../../protocol/form.ts'
import type { TokenSub } from '../../auth/identity.ts'
import type { Statement } from '../../presence/info.ts'
import type { Payload } from '../../protocol/message.ts'
import type { Position } from '../../protocol/position.ts'
import { ConnectionGone } from '../../session/connection.ts'
import { withMore } from '../../session/more-permissions.ts'
import { checkMayReadHistory, checkMaySubscribe } from '../../session/permitted.ts'
import type { Identity, Permissions } from '../../session/ports.ts'
import { publicIdOf } from '../../session/session-id.ts'
import type { Session } from '../../session/session.ts'
import type { Found, Start, Welcome } from '../../session/welcome.ts'
import type { WheelEntry } from '../../wheel.ts'

const PONG_WITHIN_MS = 10_000
/** As Centrifuge's own server. */
const GRANT_GRACE_MS = 25_000
export class Speaker implements LinkConversation<Buffer>, Verbs, Line, WheelEntry {
  readonly form: Form<Buffer>
  readonly #encoding: Encoding
  readonly #named: Named | undefined
  readonly #ports: SpeakerPorts
  readonly #options: SpeakerOptions
  readonly #conversation: Conversation
  #link: Link | undefined
  #session: Session | undefined
  #told: ((guest: Guest, found: ReadonlyMap<string, Found>) => void) | undefined
  /** With the first token of a single channel. */
  #grants: Grants | undefined
  /** What it may do beside what is in its token, and its user where no token has named one. */
  #more: Permissions | undefined
  #nobody: string | undefined
  /** Whether anything has come since the last ping; `undefined`: none is to be answered. */
  #heard: boolean | undefined
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined

  constructor(
    { encoding, named }: CentrifugeHello,
    form: Form<Buffer>,
    ports: SpeakerPorts,
    options: SpeakerOptions,
  ) {
    this.form = form
    this.#encoding = encoding
    this.#named = named
    this.#ports = ports
    this.#options = options
    this.#conversation = new Conversation(encoding, this, this, options)
  }

  // Conversation of a link

  opened(link: Link): void {
    this.#link = link
  }

  received(link: Link, message: ArrayBuffer, binary: boolean): void {
    const { name, binary: wanted } = this.#encoding
    if (this.#heard !== undefined) this.#heard = true
    if (binary !== wanted) {
      const why = `a frame of ${name} is ${wanted ? 'binary' : 'text'}`
      link.end(new Closing('malformed', 'bad_request', why))
      return
    }
    // What is published outlives the call, so the frame is copied.
    this.#conversation.received(new Uint8Array(message.slice(0)))
    if (!this.#conversation.waits) link.introduced()
  }

  joined(_link: Link, session: Session, welcome: Welcome): this {
    const { wheel, clock } = this.#ports
    const more = this.#more
    if (this.#grants === undefined && more !== undefined && session.identity.permissions !== more)
      session.allow(more)
    const pingMs = this.#options.pingSeconds * 1000
    this.#session = session
    wheel.schedule(this, jitter(clock, pingMs / 2, pingMs))
    this.#told?.(this.#guest(session.identity.expiresAtMs), welcome.channels)
    this.#told = undefined
    return this
  }

  subscribed(_link: Link, channel: string, start: Start): void {
    this.#conversation.subscribed(channel, start)
  }

  unsubscribed(_link: Link, channel: string): void {
    this.#conversation.unsubscribed(channel)
  }

  reauth(_link: Link, deadlineMs: number): void {
    this.#conversation.reauth(deadlineMs)
  }

  entryIn({ id, identity }: Session, channel: string, said: string | undefined): Statement {
    const chan_info = said ?? this.#grants?.infoOf(channel)
    return statementOf(identity.user, publicIdOf(id), { conn_info: identity.info, chan_info })
  }

  /** There is no word for it: it is closed at its moment, and comes back by what it has. */
  move(): 'leaves' {
    return 'leaves'
  }

  reset(_link: Link, { channel, position }: EncodedReset): void {
    this.#conversation.reset(channel, position)
  }

  gone(): void {
    this.#ports.wheel.cancel(this)
    this.#link = undefined
  }

  // Deadlines: of a client that was told to come again, then of pings and their answers

  due(): void {
    const { wheel } = this.#ports
    const pingMs = this.#options.pingSeconds * 1000
    const pongWithinMs = Math.min(PONG_WITHIN_MS, pingMs / 2)
    if (this.#session === undefined)
      this.#link?.end(new Closing('connectTimeout', 'unauthorized', 'no fresh token came in time'))
    else if (this.#heard === undefined) {
      this.#endExpired()
      this.#heard = false
      wheel.schedule(this, pongWithinMs)
      this.send(this.#encoding.ping)
      // Who cannot answer is not waited for.
      if (this.#encoding.oneWay) this.#heard = true
    } else if (this.#heard) {
      this.#heard = undefined
      wheel.schedule(this, pingMs - pongWithinMs)
    } else this.#link?.end(worded('tooSlow', 'unavailable', DISCONNECT.noPong))
  }

  /** Looked at with each ping: that much longer a client has for a fresh one. */
  #endExpired(): void {
    const session = this.#session
    const gone = this.#grants?.expired(this.#ports.clock.now() - GRANT_GRACE_MS) ?? []
    for (const channel of gone) {
      if (session === undefined || session.identity.permissions.maySubscribe(channel)) continue
      this.#conversation.expired(channel)
      this.unsubscribe(channel).catch((error: unknown) => this.refusal(error))
    }
  }

  abandon(): void {
    this.#link?.end(faulty())
  }

  // Line

  send(frame: string | Uint8Array): void {
    if (typeof frame === 'string') this.#link?.say(frame, '')
    else {
      const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length)
      this.#link?.write(new Written(bytes, this.#encoding.binary))
    }
  }

  end(closing: Closing): void {
    this.#link?.end(closing)
  }

  another(): boolean {
    this.#link?.another()
    return this.#link?.closed === false
  }

  refusal(thrown: unknown): SluiceError | undefined {
    return this.#session?.refusal(thrown)
  }

  failed(what: string, error: unknown): void {
    this.#ports.failed(what, error)
  }

  // Verbs

  async connect(
    token: string | undefined,
    places: ReadonlyMap<string, Position | undefined>,
    told: (guest: Guest, found: ReadonlyMap<string, Found>) => void,
  ): Promise<void> {
    const { reception, wheel } = this.#ports
    try {
      const { identity, nobody, more } = await identified(token, this.#ports)
      if (this.#link === undefined) return
      this.#nobody = nobody
      this.#more = more
      this.#told = told
      const named = namedIn(identity)
      // Who can ask for channels itself names here where it was in those of the server; a backend may have taken it off some since.
      const asked = this.#encoding.oneWay ? [...named.keys(), ...places.keys()] : [...named.keys(), INBOX]
      await reception.connect(this.#link, this.#putOn(identity, named), {
        ...{ session: undefined, departure: undefined, partial: true },
        channels: new Map(asked.map((channel) => [channel, places.get(channel)])),
        placeOf: (channel) => places.get(channel),
      })
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'unauthorized') {
        if (!error.freshTokenHelps) this.#link?.charge('token')
        // Nobody waits for a client for ever that is told to come with a fresh one.
        else if (this.#link !== undefined) wheel.schedule(this, this.#options.connectTimeoutMs)
      }
      throw error
    }
  }

  subscribe(channel: string, from: Position | undefined, told: Told): Promise<void> {
    const { form } = this
    return this.#here().subscribe(channel, from, (start, backlog) =>
      told(start, (countMax, bytesMax) =>
        backlog.take(countMax, bytesMax).map((encoded) => publicationIn(encoded.as(form))),
      ),
    )
  }

  async grant(channel: string, token: string): Promise<SubRefreshResult> {
    const session = this.#here()
    const proved = await this.#ports.reception.prove(token, session.user, this.#nobody)
    const { channel: named, expiresAtMs, info } = asClaimed(proved)
    if (named === undefined || internalNameOf(named) !== channel)
      throw new SluiceError('forbidden', 'the token is not one for this channel (claim channel)')
    const grants = (this.#grants ??= new Grants(this.#more))
    grants.add(channel, expiresAtMs, info)
    session.allow(grants)
    return lifeOf(expiresAtMs === undefined ? undefined : expiresAtMs - this.#ports.clock.now())
  }

  async unsubscribe(channel: string): Promise<void> {
    try {
      await this.#here().unsubscribe(channel, () => undefined)
    } catch (error) {
      // It was left meanwhile.
      if (!(error instanceof SluiceError) || error.code !== 'not_found') throw error
    }
  }

  async publish(channel: string, payload: Payload): Promise<void> {
    await this.#here().publish({ channel, payload, id: undefined, event: undefined })
  }

  async call(channel: string, payload: Payload): Promise<Uint8Array | undefined> {
    if (!this.#ports.forwards(channel)) {
      const message =
        'nobody answers: the namespace of the channel that method names has no clientPublish: forward'
      throw new Refusal({ ...ERROR.notAvailable, message })
    }
    const { answer } = await this.#here().publish({ channel, payload, id: undefined, event: undefined })
    return answer === undefined ? undefined : Buffer.from(answer)
  }

  async history(channel: string, request: Omit<HistoryRequest, 'channel'>): Promise<History | undefined> {
    this.#checkMayRead(channel)
    const log = this.#ports.logOf(channel)
    if (log === undefined) {
      const message = 'the channel keeps no messages: its namespace is ephemeral'
      throw new Refusal({ ...ERROR.notAvailable, message })
    }
    const history = await historyOf(log, channel, request)
    // A fresh token may say otherwise by now.
    this.#checkMayRead(channel)
    return history
  }

  async head(channel: string): Promise<Position | undefined> {
    checkMaySubscribe(channel, this.#here().identity)
    return this.#ports.logOf(channel)?.head(channel)
  }

  async members(channel: string): Promise<ReadonlyMap<string, string | undefined>> {
    if (!this.#ports.keepsPresence(channel))
      throw new Refusal({
        ...ERROR.notAvailable,
        message: 'the namespace of the channel does not keep presence',
      })
    return this.#here().members(channel)
  }

  async renew(token: string): Promise<Guest> {
    const session = this.#here()
    if (this.#nobody === undefined) await session.authenticate(token)
    else session.renew(await this.#ofNobody(token, this.#nobody))
    const claimed = asClaimed(session.identity)
    if (claimed !== session.identity) session.renew(claimed)
    return this.#guest(claimed.expiresAtMs)
  }

  handled(channel: string, offset: number): void {
    if (this.#ports.acknowledged(channel)) this.#here().ack(channel, offset)
  }

  /** What a token names may be subscribed to as what a token of its own names. */
  #putOn(identity: Identity, named: ReadonlyMap<string, TokenSub>): Identity {
    if (named.size === 0) return identity
    this.#grants = new Grants(this.#more)
    for (const [channel, { info }] of named) this.#grants.add(channel, undefined, info)
    return withMore(identity, this.#grants)
  }

  /** A fresh token that names nobody either. */
  async #ofNobody(token: string, nobody: string): Promise<Identity> {
    const identity = await this.#ports.reception.prove(token, nobody, nobody)
    if (this.#link === undefined) throw new ConnectionGone()
    return identity
  }

  #here(): Session {
    if (this.#session === undefined) throw new SluiceError('unavailable', 'there is no session yet')
    return this.#session
  }

  #checkMayRead(channel: string): void {
    const { identity } = this.#here()
    checkMayReadHistory(channel === inboxOf(identity.user) ? INBOX : channel, identity)
  }

  #guest(expiresAtMs: number | undefined): Guest {
    const { id, user, identity } = this.#here()
    const refreshInMs = refreshInMsOf(expiresAtMs, this.#ports.clock, this.#options.reauth)
    return { user, client: publicIdOf(id), refreshInMs, named: this.#named, dataOf: dataIn(identity) }
  }
}
