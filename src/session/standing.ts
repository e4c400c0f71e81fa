/**
 * What backends have put a session on, beside what its client asks for: the word of a backend goes before the token's.
 */
import { ConnectionGone } from './connection.ts'
import { beyond, type Sorted } from './finding.ts'
import { standingOf } from './more-permissions.ts'
import { publicIdOf } from './session-id.ts'
import type { Session } from './session.ts'
import type { ConnectRequest } from './sessions.ts'
import type { StandTerms } from '../cluster/control.ts'
import type { Clock } from '../clock.ts'
import { asSluiceError } from '../errors.ts'
import type { Position } from '../protocol/position.ts'
import type { Standing } from '../registry/registry.ts'

/** Some sessions are put on channels, or taken off. */
export interface StandingChange extends StandTerms {
  readonly channels: readonly string[]
  readonly on: boolean
  /** Where those begin that have a log: what is published once the backend has its answer is behind it. */
  readonly from?: Readonly<Record<string, Position>>
}

/** Of one channel. */
export interface StandOn extends StandTerms {
  readonly from?: Position | undefined
}

interface FaultPort {
  failed(what: string, error: unknown): void
}

/** Whether a wish for one session, or for all of a user (`undefined`), is for this one. */
export function concerns(wanted: string | undefined, session: string): boolean {
  return wanted === undefined || wanted === session || wanted === publicIdOf(session)
}

export function channelsFor(standing: readonly Standing[] | undefined, session: string): ReadonlySet<string> {
  if (standing === undefined) return NO_CHANNELS
  return new Set(standing.filter((one) => concerns(one.session, session)).map(({ channel }) => channel))
}

const NO_CHANNELS: ReadonlySet<string> = new Set()
const NOWHERE: Readonly<Record<string, Position>> = {}

/**
 * With those that a connection is put on, where it has not asked for them, or may not. The limits of what a client may ask for do not
 * hold for them, but for that of a transport whose client has to come back with all of their places.
 */
export function withStandingChannels(
  { wanted, refused }: Sorted,
  channels: ReadonlySet<string>,
  { channelsMax = Infinity, placeOf }: Pick<ConnectRequest, 'channelsMax' | 'placeOf'>,
): Sorted {
  if (channels.size === 0) return { wanted, refused }
  const all = new Map(wanted)
  const others = refused.filter(({ channel }) => !channels.has(channel))
  for (const channel of channels) {
    if (all.has(channel)) continue
    const named = refused.find((one) => one.channel === channel)
    const from = named === undefined ? placeOf?.(channel) : named.from
    // With the inbox.
    if (all.size <= channelsMax) all.set(channel, from)
    else others.push({ channel, from, opened: undefined, error: beyond(channel, channelsMax) })
  }
  return { wanted: all, refused: others }
}

/** Never fails. `ports` are told of what is a fault of ours; what cannot be had now is had once the store is back. */
export function carryOut(
  session: Session,
  { channels, on, from = NOWHERE, ...terms }: StandingChange,
  ports: FaultPort,
): void {
  for (const channel of channels)
    session.stand(channel, on, { from: from[channel], ...terms }).catch((error: unknown) => {
      if (error instanceof ConnectionGone || asSluiceError(error).code !== 'internal') return
      ports.failed('putting a session on a channel', error)
    })
}

/** The longest time that a timer of the runtime can wait. */
const WAIT_MAX_MS = 2 ** 31 - 1

/** A change that has an end is undone then, where the session is still here: nobody is held in memory for it. */
export function endInTime(
  find: () => Session | undefined,
  { channels, on, untilMs }: StandingChange,
  ports: FaultPort & { readonly clock: Pick<Clock, 'now' | 'after'> },
): void {
  if (!on || untilMs === undefined) return
  const inMs = Math.min(Math.max(untilMs - ports.clock.now(), 0), WAIT_MAX_MS)
  ports.clock.after(inMs, () => {
    const session = find()
    if (session !== undefined) carryOut(session, { channels, on: false }, ports)
  })
}

/** Makes a session be on what stands for it, and on nothing of that kind beside. */
export function reconcile(session: Session, standing: readonly Standing[], ports: FaultPort): void {
  const wanted = channelsFor(standing, session.id)
  const gone = [...standingOf(session.identity)].filter((channel) => !wanted.has(channel))
  carryOut(session, { channels: gone, on: false }, ports)
  // Again for those that it should have been put on before, and could not.
  carryOut(session, { channels: [...wanted], on: true }, ports)
}
