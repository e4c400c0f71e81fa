/**
 * Which channels a connection gets, and where each starts, all found at the same time. What goes wrong with one is told of that
 * one.
 */
import type { Connection } from './connection.ts'
import { standingOf } from './more-permissions.ts'
import type { ChannelResumeResult, Identity, SessionPorts } from './ports.ts'
import { openChannel } from './start-position.ts'
import type { Found } from './welcome.ts'
import { after, allOf, type Answer } from '../answer.ts'
import { SluiceError } from '../errors.ts'
import type { Opened } from '../hub/opened.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import type { From } from '../protocol/position.ts'

/** A channel that was found its place, or why not. */
export interface Finding {
  readonly channel: string
  readonly from: From | undefined
  readonly opened: Opened | undefined
  readonly error: SluiceError | undefined
}

type Channels = ReadonlyMap<string, From | undefined>

export interface Sorted {
  /** The inbox is always among them. */
  readonly wanted: Channels
  readonly refused: readonly Finding[]
}

const NONE: readonly Finding[] = []

/**
 * Those that the token allows, in the order in which they were named, up to `max` beside the inbox. A limit keeps nobody out:
 * whoever comes back may have had more before it was lowered.
 */
export function sortOut(channels: Channels, { permissions }: Identity, max: number): Sorted {
  // As most come.
  if (channels.size === 1 && channels.has(INBOX)) return { wanted: channels, refused: NONE }
  const wanted = new Map<string, From | undefined>()
  const refused: Finding[] = []
  for (const [channel, from] of channels) {
    const refuse = (error: SluiceError): void =>
      void refused.push({ channel, from, opened: undefined, error })
    if (channel === INBOX) continue
    if (!permissions.maySubscribe(channel))
      refuse(new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`))
    else if (wanted.size >= max) refuse(beyond(channel, max))
    else wanted.set(channel, from)
  }
  wanted.set(INBOX, channels.get(INBOX))
  return { wanted, refused }
}

export function beyond(channel: string, max: number): SluiceError {
  return new SluiceError('limit_exceeded', `${channel} is one of more than ${max} channels`)
}

/** Whether a connection that does not take a part of what it asked for (`partial`) is refused for this one. */
export function refusesAll({ channel, error }: Finding, partial: boolean): boolean {
  if (error === undefined) return false
  return channel === INBOX || (!partial && error.code !== 'limit_exceeded')
}

/** What was opened while the claim was under way, by channel. */
export type Ahead = ReadonlyMap<string, Answer<Finding>>

/** Fails with what is wrong with one of them where that refuses the whole connection. */
export function checkFound(findings: readonly Finding[], partial: boolean): void {
  const fatal = findings.find((one) => refusesAll(one, partial))?.error
  if (fatal !== undefined) throw fatal
}

/**
 * What can be opened while the claim is under way, so that a store which is elsewhere is waited for once: the claim's answer decides
 * whether any of it is kept, and changes nothing about it. A channel that a backend is asked about waits, since the claim may say that
 * he need not be asked; and an inbox where its log might be read before the user is claimed (`SessionPorts.logBehindClaims`), or is
 * read from a place, which the log does aside.
 */
export function findAhead(
  connection: Connection,
  identity: Identity,
  wanted: Channels,
  ports: SessionPorts,
): Ahead {
  const ahead = new Map<string, Answer<Finding>>()
  for (const [channel, from] of wanted) {
    const isReady =
      channel === INBOX ? from === undefined && ports.logBehindClaims : !ports.hooks.asksFor(channel)
    if (isReady) ahead.set(channel, findOne(connection, identity, channel, from, ports))
  }
  return ahead
}

/** The connection did not come to be: what was opened for it is closed, and what is still being opened as soon as it is there. */
export function letGo(findings: readonly Finding[], ahead: Ahead | undefined): void {
  const close = ({ opened }: Finding): void => opened?.subscription.close()
  for (const finding of findings) close(finding)
  for (const finding of ahead?.values() ?? []) void after(finding, close)
}

/** Never fails: what went wrong is in the answer. `ahead`: is taken where it was found; what it may have failed with is of before the claim. */
export function findAll(
  connection: Connection,
  identity: Identity,
  wanted: Channels,
  ports: SessionPorts,
  ahead?: Ahead,
): Answer<readonly Finding[]> {
  const findings: Answer<Finding>[] = []
  for (const [channel, from] of wanted) {
    const early = ahead?.get(channel)
    const find = (): Answer<Finding> => findOne(connection, identity, channel, from, ports)
    findings.push(early === undefined ? find() : after(early, (one) => (one.error ? find() : one)))
  }
  return allOf(findings)
}

function findOne(
  connection: Connection,
  identity: Identity,
  channel: string,
  from: From | undefined,
  ports: SessionPorts,
): Answer<Finding> {
  const placed = (opened: Opened): Finding => ({ channel, from, opened, error: undefined })
  const failed = (thrown: unknown): Finding => {
    if (thrown instanceof SluiceError) return { channel, from, opened: undefined, error: thrown }
    ports.failed('opening a channel', thrown)
    const error = new SluiceError('internal', 'the channel could not be opened')
    return { channel, from, opened: undefined, error }
  }
  const isStanding = standingOf(identity).has(channel)
  try {
    const opened = openChannel(ports, identity.user, nameOf(channel, identity), from, connection, isStanding)
    return opened instanceof Promise ? opened.then(placed, failed) : placed(opened)
  } catch (error) {
    return failed(error)
  }
}

function nameOf(channel: string, { user }: Identity): string {
  return channel === INBOX ? inboxOf(user) : channel
}

export function found({ channel, opened, error }: Finding, standing: ReadonlySet<string>): Found {
  if (opened === undefined)
    return { position: undefined, recovered: false, error: error?.code ?? ('internal' satisfies ErrorCode) }
  const by = standing.has(channel) ? ({ byBackend: true } as const) : undefined
  return { position: opened.start, recovered: opened.recovered, error: undefined, ...by }
}

const CHANNELS_SHOWN_MAX = 100

/** For who follows the user. */
export function shown(channels: ReadonlyMap<string, Found>): object {
  const first = [...channels].slice(0, CHANNELS_SHOWN_MAX)
  return Object.fromEntries(
    first.map(([channel, { position, ...rest }]) => [channel, { ...position, ...rest }]),
  )
}

export function resultOf({ opened }: Finding): ChannelResumeResult {
  if (opened === undefined) return 'refused'
  return opened.recovered ? 'recovered' : 'reset'
}
