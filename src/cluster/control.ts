/**
 * What nodes tell one another beside messages. Typed here, carried as opaque bytes by the backbone. A node that does not
 * know a kind (it is older than the sender) ignores it.
 */
import type { Answered } from './cut-off.ts'
import { linkWordIn, type LinkAnswer, type LinkRequest, type LinkWord } from './link-relay.ts'
import { sessionOrderIn, wordedIn, type SessionOrder, type Wording } from './session-order.ts'
import type { Backbone, Sent } from '../backbone/backbone.ts'
import type { Follow } from '../observe/recording.ts'
import {
  countsIn,
  partIn,
  questionIn,
  type ChannelCount,
  type Part,
  type Question,
} from '../occupancy/question.ts'
import { isObject, objectIn, textsIn } from '../protocol/json.ts'
import { isPosition, type Position } from '../protocol/position.ts'

interface Recovered {
  /** Every channel went on where it was. */
  readonly recovered: boolean
}

/** What a backend wants of a subscription that it makes, beside where it begins. */
export interface StandTerms {
  /** What the client is told with it, and what is said of the user there; both as JSON. */
  readonly data?: string
  readonly info?: string
  /** It ends then, in milliseconds since 1970. */
  readonly untilMs?: number
}

interface Stand extends StandTerms {
  readonly channels: readonly string[]
  readonly on: boolean
  /** Where each begins, of those that have a log. */
  readonly from?: Readonly<Record<string, Position>>
}

export type ControlMessage =
  /** An operator ends a user's connections, those with claims up to a number. */
  | { readonly kind: 'disconnect'; readonly user: string; readonly claim: number; readonly as?: Wording }
  /** A backend wants something of single connections. */
  | { readonly kind: 'order'; readonly sessions: readonly string[]; readonly order: SessionOrder }
  /** A user's tokens issued up to a moment are revoked. */
  | { readonly kind: 'revoke'; readonly user: string; readonly beforeMs: number }
  /** A backend puts sessions on channels, or takes them off. */
  | ({ readonly kind: 'stand'; readonly sessions: readonly string[] } & Stand)
  /** The messages of a channel were removed from the log. */
  | { readonly kind: 'forget'; readonly channel: string }
  /** A session is connected to the sender now, after so long without a connection: one of it here with a smaller claim is stale. */
  | ({
      readonly kind: 'takenOver'
      readonly session: string
      readonly claim: number
      readonly detachedForMs: number
    } & Recovered)
  /** A session was claimed by the sender and given up again: who has it connected still says so in the registry. */
  | { readonly kind: 'givenUp'; readonly session: string }
  /** A stream or a poll that was sent away from here, and is named so (`departureKey`), is at the sender now. */
  | ({ readonly kind: 'cameBack'; readonly client: string } & Recovered)
  /** So many messages a client that is at the sender now had to catch up on; `client`: its session, or as in `cameBack`. */
  | { readonly kind: 'replayed'; readonly client: string; readonly messages: number }
  /** The sender is not well, and asks whether others are; see `inquiry.ts`. */
  | { readonly kind: 'howAreYou'; readonly number: number }
  /** The answer to that, with its number. */
  | ({ readonly kind: 'iAm'; readonly number: number } & Answered)
  /** What a client of a link has sent, and the answer to it; see `link-relay.ts`. */
  | LinkWord
  /** A job of the cluster has changed, and stands in the registry. */
  | { readonly kind: 'jobChanged' }
  /** Which channels the receiver has subscribers on, and what it answers; see `occupancy`. */
  | { readonly kind: 'occupancyAsk'; readonly number: number; readonly question: Question }
  | { readonly kind: 'occupancyAnswer'; readonly number: number; readonly part: Part }
  /** A backend ends the connections that have signed in as a user of its app, which a dialect has named so. */
  | { readonly kind: 'signOut'; readonly user: string }
  /** How many connections there are on channels, as the sender was answered by all nodes. */
  | { readonly kind: 'subscriptionCounts'; readonly counts: readonly ChannelCount[] }
  /** The sender to itself; see `canary.ts`. */
  | { readonly kind: 'canary'; readonly word: number }
  /** The sender follows a user; see `traces.ts`. */
  | ({ readonly kind: 'trace' } & Follow)
  /** What was seen of him here, to who follows. */
  | { readonly kind: 'traced'; readonly id: string; readonly lines: readonly string[] }
  /** The sender follows no longer. */
  | { readonly kind: 'traceOver'; readonly id: string }

export type TakenOver = Omit<Extract<ControlMessage, { readonly kind: 'takenOver' }>, 'kind'>

export interface ControlSink {
  disconnect(user: string, claim: number, as: Wording | undefined): void
  order(sessions: readonly string[], order: SessionOrder): void
  revoke(user: string, beforeMs: number): void
  forget(channel: string): void
  stand(sessions: readonly string[], stand: Stand): void
  takenOver(taken: TakenOver): void
  givenUp(session: string): void
  cameBack(client: string, recovered: boolean): void
  replayed(client: string, messages: number): void
  howAreYou(number: number): void
  iAm(number: number, said: Answered): void
  linkAsk(number: number, request: LinkRequest): void
  linkAnswer(number: number, answer: LinkAnswer): void
  jobChanged(): void
  signOut(user: string): void
  occupancyAsk(number: number, question: Question): void
  occupancyAnswer(number: number, part: Part): void
  subscriptionCounts(counts: readonly ChannelCount[]): void
  canary(word: number): void
  trace(follow: Follow): void
  traced(id: string, lines: readonly string[]): void
  traceOver(id: string): void
}

/** `node` undefined: to all nodes, the sender included. */
export function send(backbone: Backbone, node: string | undefined, message: ControlMessage): Sent {
  return backbone.control(node, controlBytes(message))
}

export function controlBytes(message: ControlMessage): Uint8Array {
  return Buffer.from(JSON.stringify(message))
}

/** Answers whether the payload was a message of a known kind. */
export function dispatch(payload: Uint8Array, sink: ControlSink): boolean {
  const message = parse(payload)
  if (message === undefined) return false
  switch (message.kind) {
    case 'disconnect':
    case 'order':
    case 'stand':
    case 'forget':
    case 'revoke':
      dispatchWish(message, sink)
      return true
    case 'takenOver':
      sink.takenOver(message)
      return true
    case 'givenUp':
      sink.givenUp(message.session)
      return true
    case 'cameBack':
      sink.cameBack(message.client, message.recovered)
      return true
    case 'replayed':
      sink.replayed(message.client, message.messages)
      return true
    case 'howAreYou':
      sink.howAreYou(message.number)
      return true
    case 'iAm':
      sink.iAm(message.number, message)
      return true
    case 'linkAsk':
      sink.linkAsk(message.number, message.request)
      return true
    case 'linkAnswer':
      sink.linkAnswer(message.number, { status: message.status, body: message.body })
      return true
    case 'jobChanged':
      sink.jobChanged()
      return true
    case 'occupancyAsk':
      sink.occupancyAsk(message.number, message.question)
      return true
    case 'occupancyAnswer':
      sink.occupancyAnswer(message.number, message.part)
      return true
    case 'signOut':
      sink.signOut(message.user)
      return true
    case 'subscriptionCounts':
      sink.subscriptionCounts(message.counts)
      return true
    case 'canary':
      sink.canary(message.word)
      return true
    default:
      return dispatchTrace(message, sink)
  }
}

/** What backends and operators want, of users and of channels. */
type Wish = Extract<ControlMessage, { readonly kind: 'disconnect' | 'order' | 'stand' | 'forget' | 'revoke' }>

function dispatchWish(message: Wish, sink: ControlSink): void {
  switch (message.kind) {
    case 'disconnect':
      return sink.disconnect(message.user, message.claim, message.as)
    case 'order':
      return sink.order(message.sessions, message.order)
    case 'stand':
      return sink.stand(message.sessions, message)
    case 'forget':
      return sink.forget(message.channel)
    case 'revoke':
      return sink.revoke(message.user, message.beforeMs)
  }
}

type TraceMessage = Extract<ControlMessage, { readonly kind: 'trace' | 'traced' | 'traceOver' }>

function dispatchTrace(message: TraceMessage, sink: ControlSink): true {
  if (message.kind === 'trace') sink.trace(message)
  else if (message.kind === 'traced') sink.traced(message.id, message.lines)
  else sink.traceOver(message.id)
  return true
}

function parse(payload: Uint8Array): ControlMessage | undefined {
  const value = objectIn(Buffer.from(payload).toString())
  if (value === undefined) return undefined
  const { kind, user, beforeMs, session, client, messages, word, ...rest } = value
  const recovered = rest['recovered'] === true
  if (kind === 'disconnect' && typeof user === 'string')
    return { kind, user, claim: claimOf(rest), ...wordedIn(rest['as']) }
  if (kind === 'order') return orderIn(rest)
  if (kind === 'forget' && typeof rest['channel'] === 'string') return { kind, channel: rest['channel'] }
  if (kind === 'signOut' && typeof user === 'string') return { kind, user }
  if (kind === 'revoke' && typeof user === 'string' && typeof beforeMs === 'number')
    return { kind, user, beforeMs }
  if (kind === 'stand') return standIn(rest)
  if (kind === 'takenOver' && typeof session === 'string')
    return { kind, session, recovered, claim: claimOf(rest), detachedForMs: gapOf(rest) }
  if (kind === 'givenUp' && typeof session === 'string') return { kind, session }
  if (kind === 'cameBack' && typeof client === 'string') return { kind, client, recovered }
  if (kind === 'replayed' && typeof client === 'string' && typeof messages === 'number')
    return { kind, client, messages }
  if (kind === 'howAreYou' && typeof rest['number'] === 'number') return { kind, number: rest['number'] }
  if (kind === 'iAm' && typeof rest['number'] === 'number')
    return { kind, number: rest['number'], ...saidOf(rest) }
  if (kind === 'linkAsk' || kind === 'linkAnswer') return linkWordIn({ kind, ...rest })
  if (kind === 'jobChanged') return { kind }
  if (kind === 'occupancyAsk' || kind === 'occupancyAnswer') return occupancyIn(kind, rest)
  if (kind === 'subscriptionCounts') return { kind, counts: countsIn(rest) }
  if (kind === 'canary' && typeof word === 'number') return { kind, word }
  return traceIn(value as Record<string, unknown>)
}

function orderIn({ sessions, order: wanted }: Record<string, unknown>): ControlMessage | undefined {
  const order = sessionOrderIn(wanted)
  if (!Array.isArray(sessions) || order === undefined) return undefined
  return { kind: 'order', sessions: textsIn(sessions), order }
}

function standIn({
  sessions,
  channels,
  on,
  from,
  data,
  info,
  untilMs,
}: Record<string, unknown>): ControlMessage | undefined {
  if (!Array.isArray(sessions) || !Array.isArray(channels) || typeof on !== 'boolean') return undefined
  const places = Object.entries(isObject(from) ? from : {}).filter(
    ([, place]) => isObject(place) && isPosition(place as Record<keyof Position, unknown>),
  )
  const stand = {
    ...{ sessions: textsIn(sessions), channels: textsIn(channels), on },
    ...(typeof data === 'string' ? { data } : {}),
    ...(typeof info === 'string' ? { info } : {}),
    ...(typeof untilMs === 'number' ? { untilMs } : {}),
  }
  // Not by assignment: a channel may be named `__proto__`.
  return { kind: 'stand', ...stand, from: Object.fromEntries(places) as Record<string, Position> }
}

function occupancyIn(
  kind: 'occupancyAsk' | 'occupancyAnswer',
  { number, question, part }: Record<string, unknown>,
): ControlMessage | undefined {
  if (typeof number !== 'number') return undefined
  if (kind === 'occupancyAsk') {
    const asked = isObject(question) ? questionIn(question) : undefined
    return asked === undefined ? undefined : { kind, number, question: asked }
  }
  const answered = isObject(part) ? partIn(part) : undefined
  return answered === undefined ? undefined : { kind, number, part: answered }
}

function traceIn({
  kind,
  id,
  user,
  forMs,
  eventsMax,
  payloads,
  lines,
}: Record<string, unknown>): ControlMessage | undefined {
  if (typeof id !== 'string') return undefined
  if (
    kind === 'trace' &&
    typeof user === 'string' &&
    typeof forMs === 'number' &&
    typeof eventsMax === 'number'
  )
    return { kind, id, user, forMs, eventsMax, payloads: payloads === true }
  if (kind === 'traced' && Array.isArray(lines)) return { kind, id, lines: textsIn(lines) }
  if (kind === 'traceOver') return { kind, id }
  return undefined
}

/** A node of an older version says no claim: it means all that there are. */
function claimOf({ claim }: Record<string, unknown>): number {
  return typeof claim === 'number' ? claim : Number.POSITIVE_INFINITY
}

/** What is not said is not good. */
function saidOf({ state, role, degraded, door }: Record<string, unknown>): Answered {
  return {
    state: state === 'active' ? state : 'closing',
    role: role === 'all' || role === 'edge' ? role : 'api',
    degraded: Array.isArray(degraded) ? textsIn(degraded) : ['unknown'],
    door: door === true,
  }
}

function gapOf({ detachedForMs }: Record<string, unknown>): number {
  return typeof detachedForMs === 'number' ? detachedForMs : 0
}
