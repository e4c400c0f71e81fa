/**
 * The channels of one connection: on each of them it is let in by the time that it is called here.
 */
import type { Cache, Cached } from './cache.ts'
import { kindOf } from './channel.ts'
import type { Counts } from './counts.ts'
import { nameOf } from './form.ts'
import * as frames from './frames.ts'
import { Membership } from './membership.ts'
import type { Rosters } from './rosters.ts'
import { jitter, type Clock } from '../../clock.ts'
import { SluiceError } from '../../errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { Position } from '../../protocol/position.ts'
import type { Session } from '../../session/session.ts'
import type { Start } from '../../session/welcome.ts'

export interface SubscriptionPorts {
  readonly cache: Cache
  readonly rosters: Rosters
  readonly counts: Pick<Counts, 'enter' | 'leave'> | undefined
  readonly clock: Clock
}

/** The way to the client. */
export interface Client {
  say(frame: string): void
  give(message: Message): void
  /** It is on the channel, and every message after the position follows. */
  began(name: string, position: Position | undefined): void
}

/** How a client comes onto a channel. */
export interface Entering {
  /** Of a presence channel. */
  readonly member: frames.Member | undefined
  /** Where it goes on; `undefined`: with what comes. */
  readonly from: Position | undefined
}

/** A subscribe that is being answered. */
interface Joining {
  /** The client does not want it any more. */
  left: boolean
}

/** As its own user it is in no channel: who is a member says the app. */
const NOBODY = 'absent'
/** A subscribe that cannot be had now is tried again: a client of Pusher does so only when it connects anew. */
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 3000

export class Subscriptions {
  readonly #client: Client
  readonly #ports: SubscriptionPorts
  readonly #membersMax: number
  readonly #joining = new Map<string, Joining>()
  readonly #memberships = new Map<string, Membership>()
  /** Those of which the number of connections is told. */
  readonly #counted = new Set<string>()
  #closed = false

  constructor(client: Client, ports: SubscriptionPorts, membersMax: number) {
    this.#client = client
    this.#ports = ports
    this.#membersMax = membersMax
  }

  // By internal names.

  /** The client is told when it is on the channel, or why not. */
  enter(session: Session, name: string, entering: Entering): void {
    const under = this.#joining.get(name)
    if (under === undefined) void this.#join(session, name, entering)
    else under.left = false
  }

  /** Also where it is on its way to it. */
  leave(session: Session, name: string): void {
    const under = this.#joining.get(name)
    if (under === undefined) this.#drop(session, name)
    else under.left = true
  }

  /** As whom it is in a presence channel. */
  memberOn(name: string): frames.Member | undefined {
    return this.#memberships.get(name)?.member
  }

  /** The connection has gone. */
  close(): void {
    this.#closed = true
    for (const joining of this.#joining.values()) joining.left = true
    for (const [channel, membership] of this.#memberships) this.#ports.rosters.leave(channel, membership)
    this.#memberships.clear()
    for (const name of this.#counted) this.#ports.counts?.leave(name, this.#client)
    this.#counted.clear()
  }

  async #join(session: Session, name: string, entering: Entering): Promise<void> {
    const joining: Joining = { left: this.#closed }
    this.#joining.set(name, joining)
    try {
      await this.#joinWhenItGoes(session, name, entering, joining)
    } finally {
      this.#joining.delete(name)
    }
    if (joining.left && !this.#closed) this.#drop(session, name)
  }

  async #joinWhenItGoes(
    session: Session,
    name: string,
    { member, from }: Entering,
    joining: Joining,
  ): Promise<void> {
    for (;;) {
      try {
        await (member === undefined
          ? this.#joinPlain(session, name, from)
          : this.#joinAsMember(session, name, member, from))
        return
      } catch (thrown) {
        const error = session.refusal(thrown)
        if (error === undefined || joining.left) return
        if (!error.retryable || error.code === 'internal') {
          this.#client.say(frames.subscriptionError(nameOf(name), ...worded(error)))
          return
        }
        await this.#later()
        // eslint-disable-next-line typescript/no-unnecessary-condition -- it may have left meanwhile
        if (joining.left) return
      }
    }
  }

  async #joinPlain(session: Session, name: string, from: Position | undefined): Promise<void> {
    const cached = from === undefined ? await this.#cachedOf(session, name) : undefined
    const told = ({ position }: Start): void => {
      this.#client.say(frames.subscriptionSucceeded(nameOf(name)))
      this.#giveCached(name, cached)
      this.#client.began(name, position)
    }
    await session.subscribe(name, from ?? cached?.head, told, entryOf(session, name))
    if (this.#closed || this.#ports.counts === undefined || this.#counted.has(name)) return
    this.#counted.add(name)
    this.#ports.counts.enter(name, this.#client)
  }

  async #joinAsMember(
    session: Session,
    name: string,
    member: frames.Member,
    from: Position | undefined,
  ): Promise<void> {
    const { rosters } = this.#ports
    const known = this.#memberships.get(name)
    if (known !== undefined) {
      const roster = await rosters.open(name)
      this.#client.say(frames.subscriptionSucceeded(nameOf(name), roster.shownTo(known.member)))
      rosters.release(name)
      return
    }
    const cached = from === undefined ? await this.#cachedOf(session, name) : undefined
    const roster = await rosters.open(name)
    let isMember = false
    try {
      if (!roster.takes(member, this.#membersMax)) throw new ChannelFull(this.#membersMax)
      const told = ({ position }: Start): void => {
        this.#client.say(frames.subscriptionSucceeded(nameOf(name), roster.shownTo(member)))
        this.#giveCached(name, cached)
        this.#client.began(name, position)
        // What was said may have found that it has gone.
        if (this.#closed) return
        const membership = new Membership(this.#client, nameOf(name), member)
        this.#memberships.set(name, membership)
        rosters.enter(name, membership)
        isMember = true
      }
      await session.subscribe(name, from ?? cached?.head, told, entryOf(session, name))
      if (!isMember) rosters.release(name)
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
      this.#client.say(frames.cacheMiss(nameOf(name)))
      this.#ports.cache.missed(name)
    } else this.#client.give(message)
  }

  #drop(session: Session, name: string): void {
    this.#dropMembership(name)
    if (this.#counted.delete(name)) this.#ports.counts?.leave(name, this.#client)
    session
      .unsubscribe(name, () => undefined)
      .catch((error: unknown) => {
        // Who leaves a channel that he is not on is told nothing.
        if (!(error instanceof SluiceError) || error.code !== 'not_found') session.refusal(error)
      })
  }

  #dropMembership(name: string): void {
    const membership = this.#memberships.get(name)
    if (membership === undefined) return
    this.#memberships.delete(name)
    this.#ports.rosters.leave(name, membership)
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
