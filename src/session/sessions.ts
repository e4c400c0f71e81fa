/**
 * The sessions of this node, and the way of a connection into one: token, claim, where each channel starts, welcome.
 */
import { Arrival } from './arrival.ts'
import type { Connection } from './connection.ts'
import type { ChannelResumeResult, Identity, ResumeResult } from './ports.ts'
import { newSessionId, ownerOf, ownerTagOf } from './session-id.ts'
import { positionOf, Session, type SessionContext } from './session.ts'
import { openChannel } from './unacknowledged.ts'
import { Closing, SluiceError } from '../errors.ts'
import type { Opened } from '../hub/hub.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { ErrorCode } from '../protocol/codes.ts'
import { tagOf, type Departure } from '../protocol/cursor.ts'
import type { From, Restored, WelcomeFrame } from '../protocol/frames.ts'

export interface ConnectRequest {
  /** A session to go on with; `undefined`: a new one. */
  readonly session: string | undefined
  /** Where a client without a session was sent away from. */
  readonly departure: Departure | undefined
  /** Every channel to be on from the start, with the place to start from; `undefined`: with what comes next. */
  readonly channels: ReadonlyMap<string, From | undefined>
  /**
   * Whether one channel that cannot be had is told of in `welcome` (a WebSocket goes on with the others),
   * or refuses the whole request (SSE and poll have no other way to say it).
   */
  readonly partial: boolean
}

/** A connection on its way to a session. */
interface Attempt {
  readonly user: string
  revokedBeforeMs: number | undefined
}

/** A channel that was found its place, or why not. */
interface Found {
  readonly channel: string
  readonly from: From | undefined
  readonly opened: Opened | undefined
  readonly error: SluiceError | undefined
}

export class Sessions {
  readonly #context: SessionContext
  readonly #byId = new Map<string, Session>()
  /** Those who have claimed their session and are not installed yet: a revocation must find them too. */
  readonly #connecting = new Set<Attempt>()

  constructor(context: SessionContext) {
    this.#context = context
  }

  get count(): number {
    return this.#byId.size
  }

  /** The user of a token. Fails with `unauthorized` or `unavailable`. */
  async identify(token: string | undefined): Promise<Identity> {
    const { tokens, metrics, clock } = this.#context.ports
    if (token === undefined) {
      metrics.tokenChecked('unauthorized')
      throw new SluiceError('unauthorized', 'a token is missing')
    }
    try {
      const identity = await tokens.verify(token)
      // The tolerance for clocks that differ is not for connections that would have to end at once.
      if (identity.expiresAtMs !== undefined && identity.expiresAtMs <= clock.now()) {
        throw new SluiceError('unauthorized', 'the token has expired (exp)')
      }
      metrics.tokenChecked('good')
      return identity
    } catch (error) {
      metrics.tokenChecked(
        error instanceof SluiceError && error.code === 'unavailable' ? 'unavailable' : 'unauthorized',
      )
      throw error
    }
  }

  /**
   * Makes a connection the holder of a session, sends `welcome`, and lets the messages follow. Answers `undefined` if the connection
   * closed meanwhile. Fails with a `SluiceError` or a `Closing`; nothing is left behind then.
   */
  async connect(
    connection: Connection,
    identity: Identity,
    request: ConnectRequest,
  ): Promise<Session | undefined> {
    const { ports } = this.#context
    const { user } = identity
    const { subscriptionsMax } = this.#context.options
    const wanted = request.channels.size - Number(request.channels.has(INBOX))
    if (wanted > subscriptionsMax) {
      ports.metrics.limitHit('subscriptions')
      throw new SluiceError(
        'limit_exceeded',
        `${wanted} channels were asked for; limits.subscriptions allows ${subscriptionsMax}`,
      )
    }
    const { id, asked } = this.#sessionId(user, request.session)
    // The user is claimed before any log is read: a publisher appends first and looks the user up then.
    const attempt: Attempt = { user, revokedBeforeMs: undefined }
    this.#connecting.add(attempt)
    const opened: Opened[] = []
    try {
      const claimed = await ports.registry.claim(user, id, ports.nodeId)
      this.#checkRevoked(identity, claimed.revokedBeforeMs)
      await this.#checkSessionCount(user)
      const found = await this.#findAll(connection, identity, request)
      for (const one of found) if (one.opened !== undefined) opened.push(one.opened)
      const refused = found.find(
        (one) => one.error !== undefined && (!request.partial || one.channel === INBOX),
      )
      if (refused?.error !== undefined) throw refused.error
      if (connection.closed) throw new ConnectionGone()
      this.#checkRevoked(identity, attempt.revokedBeforeMs)
      const inbox = found.find((one) => one.channel === INBOX) as Found & { opened: Opened }
      const session = new Session(id, identity, connection, inbox.opened.subscription, this.#context)
      const resume: ResumeResult = !asked ? 'new' : claimed.known ? 'resumed' : 'unknown_session'
      ports.metrics.connected(resume)
      const here = { session: id, node: ports.nodeId }
      this.#install(session, found, resume, Arrival.of(here, claimed, request.departure, ports.former))
      return session
    } catch (error) {
      for (const { subscription } of opened) subscription.close()
      if (!this.#byId.has(id)) this.#release(user, id)
      if (error instanceof ConnectionGone) return undefined
      throw error
    } finally {
      this.#connecting.delete(attempt)
    }
  }

  /** A user's tokens were revoked while a connection of his may be on its way in. */
  revokeConnecting(user: string, beforeMs: number): void {
    for (const attempt of this.#connecting) if (attempt.user === user) attempt.revokedBeforeMs = beforeMs
  }

  /** The session's connection has gone. Idempotent. */
  disconnected(session: Session): void {
    session.close()
    // A session that was taken over on this node belongs to the newer connection.
    if (this.#byId.get(session.id) !== session) return
    this.#byId.delete(session.id)
    this.#context.ports.left(session.id)
    this.#release(session.user, session.id)
  }

  get(id: string): Session | undefined {
    return this.#byId.get(id)
  }

  /** Ends a session's connection here, if it is here. */
  end(id: string, closing: Closing): boolean {
    const session = this.#byId.get(id)
    if (session === undefined) return false
    session.connection.end(closing)
    return true
  }

  /** Ends the connections of those to whom it applies; returns how many. */
  endAll(closing: Closing, applies: (session: Session) => boolean): number {
    let ended = 0
    for (const session of [...this.#byId.values()]) {
      if (!applies(session)) continue
      session.connection.end(closing)
      ended++
    }
    return ended
  }

  all(): IterableIterator<Session> {
    return this.#byId.values()
  }

  /** Counted after the claim: of several that come together, none slips through. */
  async #checkSessionCount(user: string): Promise<void> {
    const { ports, options } = this.#context
    if (options.sessionsPerUserMax === 0) return
    const { length } = await ports.registry.locate(user)
    if (length <= options.sessionsPerUserMax) return
    ports.metrics.limitHit('sessions_per_user')
    throw new Closing(
      'notAdmitted',
      'limit_exceeded',
      `the user has ${options.sessionsPerUserMax} sessions already; limits.sessionsPerUser allows no more`,
    )
  }

  #checkRevoked(identity: Identity, revokedBeforeMs: number | undefined): void {
    const { tokens, metrics } = this.#context.ports
    if (!tokens.isRevoked(identity, revokedBeforeMs)) return
    metrics.tokenChecked('revoked')
    throw new SluiceError('unauthorized', 'the token has been revoked')
  }

  /** The id to go on with, or a new one. Fails where the one that was asked for is another user's, or none at all. */
  #sessionId(user: string, asked: string | undefined): { id: string; asked: boolean } {
    const userTag = tagOf(user)
    if (asked === undefined) return { id: newSessionId(userTag), asked: false }
    switch (ownerOf(asked, userTag)) {
      case 'same':
        return { id: asked, asked: true }
      case 'other':
        throw new Closing('forbidden', 'forbidden', "the session is another user's; connect without it")
      case 'malformed':
        throw new Closing(
          'malformed',
          'bad_request',
          'session is not one that this gateway gave; connect without it',
        )
    }
  }

  /** The place to start of every channel, all at the same time. Never fails: what went wrong is in the answer. */
  #findAll(connection: Connection, identity: Identity, request: ConnectRequest): Promise<Found[]> {
    const wanted = new Map(request.channels)
    if (!wanted.has(INBOX)) wanted.set(INBOX, undefined)
    return Promise.all(
      [...wanted].map(async ([channel, from]): Promise<Found> => {
        try {
          return {
            channel,
            from,
            opened: await this.#find(connection, identity, channel, from),
            error: undefined,
          }
        } catch (error) {
          if (error instanceof SluiceError) return { channel, from, opened: undefined, error }
          this.#context.ports.failed('opening a channel', error)
          return {
            channel,
            from,
            opened: undefined,
            error: new SluiceError('internal', 'the channel could not be opened'),
          }
        }
      }),
    )
  }

  async #find(
    connection: Connection,
    identity: Identity,
    channel: string,
    from: From | undefined,
  ): Promise<Opened> {
    if (channel !== INBOX && !identity.permissions.maySubscribe(channel)) {
      throw new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`)
    }
    const name = channel === INBOX ? inboxOf(identity.user) : channel
    return openChannel(this.#context.ports, identity.user, name, from, connection)
  }

  /** From here on nothing waits: the welcome, then the messages of each channel, in one turn of the loop. */
  #install(
    session: Session,
    found: readonly Found[],
    resume: ResumeResult,
    arrival: Arrival | undefined,
  ): void {
    const { ports, options } = this.#context
    const { connection } = session
    const stale = this.#byId.get(session.id)
    this.#byId.set(session.id, session)
    const channels: Record<string, Restored> = Object.create(null) as Record<string, Restored>
    for (const one of found) {
      if (one.channel !== INBOX && one.opened !== undefined)
        session.adopt(one.channel, one.opened.subscription)
      channels[one.channel] = restored(one)
      if (one.from !== undefined) ports.metrics.channelResumed(resultOf(one))
    }
    // Complete by now: a stream's first cursor names every channel.
    connection.attach(session)
    const { expiresAtMs } = session.identity
    const welcome: WelcomeFrame = {
      type: 'welcome',
      session: session.id,
      user: session.user,
      node: ports.nodeId,
      resumed: resume === 'resumed',
      channels,
      pingInterval: options.pingIntervalMs,
      ticket: ports.ticketOf(ownerTagOf(session.id)),
      limits: ports.limits(),
      ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
    }
    connection.send(welcome)
    if (arrival !== undefined) {
      session.movedFrom = ports.former.draining(arrival.from)
      arrival.announce(found.every(({ from, opened }) => from === undefined || opened?.recovered === true))
    }
    const replay = arrival?.replayOf(session.subscriptionCount)
    for (const { opened } of found) opened?.subscription.begin(opened.reset, replay)
    if (stale === undefined || stale === session) return
    ports.metrics.takenOver()
    stale.connection.end(
      new Closing('takenOver', 'forbidden', 'a newer connection has taken the session over'),
    )
  }

  #release(user: string, id: string): void {
    const { ports } = this.#context
    ports.registry.release(user, id, ports.nodeId).catch((error: unknown) => {
      // The entry ends with its time to live instead.
      ports.failed('releasing a session in the registry', error)
    })
  }
}

/** The client left while it was being connected: nobody is there to be told anything. */
class ConnectionGone extends Error {}

function restored({ opened, error }: Found): Restored {
  if (opened === undefined)
    return { recovered: false, error: error?.code ?? ('internal' satisfies ErrorCode) }
  return { ...positionOf(opened), recovered: opened.recovered }
}

function resultOf({ opened }: Found): ChannelResumeResult {
  if (opened === undefined) return 'refused'
  return opened.recovered ? 'recovered' : 'reset'
}
