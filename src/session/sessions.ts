/**
 * The sessions of this node, and the way of a connection into one: token, claim, where each channel starts, welcome.
 */
import { Handover } from './handover.ts'
import { checkedEntries, type CheckedEntries } from './attending.ts'
import { Attempts, endedByOperator, isEnded, isOvertaken, takenOver, type Attempt } from './attempts.ts'
import { Claims, takenBy } from './claims.ts'
import { ConnectionGone, type Connection } from './connection.ts'
import { Credentials } from './credentials.ts'
import { checkFound, findAhead, findAll, found, letGo, resultOf, shown, sortOut } from './finding.ts'
import type { Ahead, Finding, Sorted } from './finding.ts'
import { howCame, shownAs } from './came.ts'
import type { Identity, SessionContext } from './ports.ts'
import { ownerTagOf, sessionIdFor } from './session-id.ts'
import { withAllStanding, withGranting } from './more-permissions.ts'
import { Session } from './session.ts'
import { carryOut, channelsFor, endInTime, withStandingChannels, type StandingChange } from './standing.ts'
import { checkChannels, checkSessions, takeConnection } from './user-limits.ts'
import { TokenHolders } from './token-holders.ts'
import type { Found } from './welcome.ts'
import type { Answer } from '../answer.ts'
import type { TakenOver } from '../cluster/control.ts'
import { Closing, type Ended } from '../errors.ts'
import type { Opened } from '../hub/opened.ts'
import { KeyedTable } from '../keyed-table.ts'
import { UNCOUNTED_MS } from '../observe/account.ts'
import type { Came } from '../observe/witness.ts'
import type { Entry } from '../presence/info.ts'
import { INBOX, publicName } from '../protocol/channel.ts'
import type { Departure } from '../protocol/cursor.ts'
import type { From } from '../protocol/position.ts'
import type { Elsewhere } from '../registry/registry.ts'

/** Who has claimed a session has it connected within this time, or gives it up. */
const CONNECTS_WITHIN_MS = 10_000

export interface ConnectRequest {
  /** A session to go on with; `undefined`: a new one. */
  readonly session: string | undefined
  /** Where a client without a session was sent away from. */
  readonly departure: Departure | undefined
  /** Every channel to be on from the start, with the place to start from; `undefined`: with what comes next. */
  readonly channels: ReadonlyMap<string, From | undefined>
  /** As whom it is in those that keep presence. Absent: as its user. */
  readonly entries?: ReadonlyMap<string, Entry>
  /** So many of them, beside the inbox, where that is less than a session may have. */
  readonly channelsMax?: number
  /** Where it was in channels that it does not name, because a backend has put it on them. */
  readonly placeOf?: (channel: string) => From | undefined
  /**
   * Whether one channel that cannot be had is told of in `welcome` (a WebSocket goes on with the others), or refuses the whole
   * request (for SSE and poll an answer with a status says it best). One that is beyond a limit never does.
   */
  readonly partial: boolean
  /** What the client says it is, such as `sluice-js/1.2.0`. For whoever reads the log: nothing is decided by it. */
  readonly client?: string
}

interface Arrival extends CheckedEntries {
  readonly came: Came
  readonly handover: Handover | undefined
  readonly standing: ReadonlySet<string>
  readonly attempt: Attempt
}

export class Sessions {
  readonly #context: SessionContext
  readonly #byId = new KeyedTable<Session>(({ id }) => id)
  readonly #attempts = new Attempts()
  readonly #claims: Claims
  readonly #credentials: Credentials
  /** Those who have no session, such as readers of streams. */
  readonly holders: TokenHolders

  constructor(context: Omit<SessionContext, 'attempts'>) {
    this.#context = { ...context, attempts: this.#attempts }
    this.#claims = new Claims(context.ports, this.#attempts)
    this.#credentials = new Credentials(context.ports)
    this.holders = new TokenHolders(context.ports.tokens)
  }

  get count(): number {
    return this.#byId.size
  }

  /** See `Credentials`. */
  identify(token: string | undefined, nobody?: string): Answer<Identity> {
    return this.#credentials.identify(token, nobody)
  }

  /** What a token says that is brought for one thing. Fails as `identify` does, and where it was revoked, or is another user's. */
  prove(token: string | undefined, user?: string, nobody?: string): Promise<Identity> {
    return this.#credentials.prove(token, user, nobody)
  }

  /**
   * Makes a connection the holder of a session, tells it, and lets the messages follow. Answers `undefined` if the connection
   * closed meanwhile. Fails with a `SluiceError` or a `Closing`; nothing is left behind then.
   */
  async connect(
    connection: Connection,
    ofToken: Identity,
    request: ConnectRequest,
  ): Promise<Session | undefined> {
    const { ports } = this.#context
    const { user } = ofToken
    const startedMs = ports.clock.monotonicMs()
    const id = sessionIdFor(user, request.session)
    // Before anything is held for it: a backend may take its time. Who brings no token is a stranger, whom no backend knows.
    const asked = ofToken.tokenless === true ? undefined : ports.hooks.mayConnect(user)
    const identity = asked === undefined ? ofToken : withGranting(ofToken, await asked)
    if (connection.closed) return undefined
    const sorted = this.#sortOut(identity, request)
    takeConnection(ports, user, sorted.wanted.size - 1, this.#byId.has(id))
    // The user is claimed before any log is read: a publisher appends first and looks the user up then.
    const attempt = this.#attempts.begin(user, id)
    let findings: readonly Finding[] = []
    let ahead: Ahead | undefined
    try {
      const claiming = this.#claims.claim(attempt, id)
      if (claiming instanceof Promise) ahead = findAhead(connection, identity, sorted.wanted, ports)
      const claimed = claiming instanceof Promise ? await claiming : claiming
      this.#credentials.checkRevoked(identity, claimed.revokedBeforeMs)
      checkSessions(ports, this.#context.options, claimed.sessions)
      const standing = channelsFor(claimed.standing, id)
      const { wanted, refused } = withStandingChannels(sorted, standing, request)
      const permitted = withAllStanding(identity, standing)
      const finding = findAll(connection, permitted, wanted, ports, ahead)
      findings = [...(finding instanceof Promise ? await finding : finding), ...refused]
      checkFound(findings, request.partial)
      if (connection.closed) throw new ConnectionGone()
      this.#checkStill(identity, attempt, sorted.wanted.size - 1)
      const inbox = findings.find((one) => one.channel === INBOX) as Finding & { opened: Opened }
      const here = { session: id, node: ports.nodeId }
      const handover = Handover.of(here, claimed, request.departure, ports.former)
      const movedFrom = handover === undefined ? undefined : ports.former.draining(handover.from)
      const session = new Session(
        { id, claim: claimed.claim, movedFrom },
        permitted,
        inbox.opened.subscription,
        this.#context,
      )
      const how = howCame(request, claimed.known)
      ports.metrics.connected(how, connection.transport, ports.clock.monotonicMs() - startedMs)
      this.#claims.served(attempt, session, handover?.from)
      const came = { resume: shownAs(how), client: request.client?.replaceAll(UNFIT_TO_SHOW, '?') }
      const { entries, refused: malformed } = checkedEntries(request.entries, ports)
      this.#install(session, findings, { entries, refused: malformed, came, handover, standing, attempt })
      return session
    } catch (error) {
      letGo(findings, ahead)
      this.#claims.gaveUp(attempt, id, this.#byId.has(id))
      if (error instanceof ConnectionGone) return undefined
      throw error
    } finally {
      // By now it is one of those that are here, or none.
      ports.quotas.arrived(user)
    }
  }

  /** A user's tokens are revoked, also where he is on his way in, or brings a fresh one. */
  revoke(user: string, beforeMs: number): void {
    this.#attempts.revoke(user, beforeMs)
    this.holders.revoke(new Map([[user, beforeMs]]))
    for (const session of [...this.#byId.values()])
      if (session.user === user) this.obey(session, beforeMs, undefined)
  }

  /** A user's connections end that have claims up to here, also those that are on their way in. */
  endUpTo(user: string, claim: number, as?: Closing['as']): void {
    this.#attempts.endUpTo(user, claim)
    for (const session of [...this.#byId.values()])
      if (session.user === user) this.obey(session, undefined, claim, as)
  }

  /** A backend puts sessions on channels, or takes them off, also those that are on their way in. */
  stand(ids: readonly string[], change: StandingChange): void {
    for (const id of ids) {
      this.#attempts.change(id, change)
      const session = this.#byId.get(id)
      if (session === undefined) continue
      carryOut(session, change, this.#context.ports)
      endInTime(() => this.#byId.get(id), change, this.#context.ports)
    }
  }

  /** What was decided about the user of a session. */
  obey(session: Session, revokedBeforeMs?: number, endedUpTo?: number, as?: Closing['as']): void {
    if (this.#context.ports.tokens.isRevoked(session.identity, revokedBeforeMs))
      session.connection.end(new Closing('unauthorized', 'unauthorized', 'the token has been revoked'))
    else if (isEnded({ claim: session.claim, endedUpTo: endedUpTo ?? 0 }))
      session.connection.end(endedByOperator(as))
  }

  /**
   * A newer connection of a session serves at another node. Answers whether one that is newer still serves here; an
   * older one that is on its way ends.
   */
  overtake(taken: TakenOver): boolean {
    this.#attempts.overtake(taken)
    const session = this.#byId.get(taken.session)
    return session !== undefined && session.claim >= taken.claim
  }

  /** Another node has claimed a session and given it up. Where it is connected here, the registry is told, and may know of a newer one. */
  async reclaim(id: string): Promise<void> {
    const session = this.#byId.get(id)
    if (session === undefined) return this.#attempts.doubt(id)
    const { ports } = this.#context
    try {
      const elsewhere = await ports.registry.keep(session.user, id, ports.nodeId)
      if (elsewhere !== undefined) this.heldElsewhere(id, elsewhere)
    } catch (error) {
      // The registry enters all sessions again when it is back.
      ports.failed('entering a session again', error)
    }
  }

  /** The registry says that another node has a session. */
  heldElsewhere(id: string, { node, forMs }: Elsewhere): void {
    const session = this.#byId.get(id)
    if (forMs >= CONNECTS_WITHIN_MS) return session?.connection.end(takenOver())
    // Who has just claimed it may not have it connected yet, and might give it up again; or an older one than this serves there.
    if (session === undefined) return
    if (node !== undefined) this.#context.ports.former.tookOver(node, takenBy(session))
    this.#context.ports.clock.after(CONNECTS_WITHIN_MS - forMs, () => void this.reclaim(id))
  }

  /** The session's connection has gone, once for each. */
  disconnected(session: Session, ended: Ended): void {
    session.close()
    this.#context.ports.witness.ended(session, session.account, ended)
    // A session that was taken over on this node belongs to the newer connection.
    if (this.#byId.get(session.id) !== session) return
    this.#byId.delete(session.id)
    this.#context.ports.left(session.id)
    this.#claims.left(session)
  }

  /** The connection of a session that is live on a channel here. */
  liveOn(channel: string, id: string): Connection | undefined {
    const session = this.#byId.get(id)
    const subscription = session?.subscriptionOf(publicName(channel))
    // An inbox may be another user's.
    return subscription?.live === true && subscription.source.name === channel
      ? session?.connection
      : undefined
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

  #sortOut(identity: Identity, { channels, channelsMax = Infinity }: ConnectRequest): Sorted {
    const { subscriptionsMax } = this.#context.options
    const sorted = sortOut(channels, identity, Math.min(subscriptionsMax, channelsMax))
    const beyond = sorted.refused.some(({ error }) => error?.code === 'limit_exceeded')
    // A limit of its own a transport counts itself.
    if (beyond && subscriptionsMax < channelsMax) this.#context.ports.metrics.limitHit('subscriptions')
    return sorted
  }

  /** After all waits: what was decided meanwhile. `channels`: so many it asks for, beside the inbox. */
  #checkStill(identity: Identity, attempt: Attempt, channels: number): void {
    this.#credentials.checkRevoked(identity, attempt.revokedBeforeMs)
    this.#credentials.checkExpiry(identity)
    if (isEnded(attempt)) throw endedByOperator()
    if (isOvertaken(attempt)) throw takenOver()
    checkChannels(this.#context.ports, identity.user, channels)
  }

  /** From here on nothing waits: the welcome, then the messages of each channel, in one turn of the loop. */
  #install(
    session: Session,
    findings: readonly Finding[],
    { entries, refused, came, handover, standing, attempt }: Arrival,
  ): void {
    const { ports, options } = this.#context
    const { connection } = session
    const stale = this.#byId.get(session.id)
    this.#byId.set(session)
    const channels = new Map<string, Found>()
    for (const one of findings) {
      if (one.channel !== INBOX && one.opened !== undefined)
        session.adopt(one.channel, one.opened.subscription, entries.get(one.channel))
      channels.set(one.channel, found(one, standing))
      if (one.from !== undefined) ports.metrics.channelResumed(resultOf(one))
    }
    // Complete by now: a stream's first cursor names every channel.
    session.beganMs = ports.witness.began(session, came) ?? UNCOUNTED_MS
    const welcome = {
      node: ports.nodeId,
      resumed: came.resume === 'resumed',
      channels,
      pingIntervalMs: options.pingIntervalMs,
      ticket: ports.ticketOf(ownerTagOf(session.id)),
      limits: ports.limits(),
      refused,
    }
    connection.joined(session, welcome)
    const { transport } = connection
    ports.witness.tap?.told(session, 'connected', {
      transport,
      ...(came.client === undefined ? {} : { client: came.client }),
      resumed: welcome.resumed,
      channels: shown(channels),
    })
    if (handover !== undefined) {
      handover.announce(
        findings.every(({ from, opened }) => from === undefined || opened?.recovered === true),
      )
    }
    const replay = handover?.replayOf(session.subscriptionCount)
    for (const { opened } of findings) opened?.subscription.begin(opened.reset, replay)
    session.rest()
    if (attempt.doubted) void this.reclaim(session.id)
    for (const change of attempt.changes ?? []) carryOut(session, change, ports)
    if (stale === undefined) return
    ports.metrics.takenOver()
    stale.connection.end(takenOver())
  }
}

/** What a client calls itself goes into logs, and to terminals. */
const UNFIT_TO_SHOW = /\p{C}/gu
