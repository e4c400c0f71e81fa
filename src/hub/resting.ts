/**
 * Inboxes to which nothing has come. To most users nothing comes for long, and a channel, a subscription and a name are 200 bytes for each. So
 * whoever is alone on such an inbox stands for it himself, and it is made, as if it had been there all the time, with the first message
 * or when anybody asks for it (test/property/resting.property.test.ts).
 *
 *  I1 nobody can tell from outside whether an inbox rests: what is delivered, recovered, counted and told of it is the same
 *  I2 one that has missed a message is found as any other is: its place is compared with the log's head as often
 */
import type { Channel } from './channel.ts'
import type { LogReads } from './log-reads.ts'
import type { Subscriber } from './subscriber.ts'
import type { Subscription } from './subscription.ts'
import { KeyedTable } from '../keyed-table.ts'
import { inboxOf, isInbox } from '../protocol/channel.ts'
import { isSame, type Position } from '../protocol/position.ts'

/** Who stands for his inbox. */
export interface Rester {
  readonly user: string
  readonly connection: Subscriber
  /** Where the inbox is. Asked for while it rests. */
  readonly restsAt: Position
  /** See `Hub.noted`. */
  readonly noted: number
  /** The inbox is there from now on, and he is live on it. */
  woken(subscription: Subscription): void
}

export interface RestingPorts {
  readonly reads: LogReads
  /** One that is new, in the table of all. */
  make(name: string): Channel
  /** One that does not rest. */
  find(name: string): Channel | undefined
  /** It is in the table no more. */
  forget(channel: Channel): void
  /** The last who was on an inbox has gone. */
  left(name: string): void
  /** A head could not be read. */
  failed(): void
}

export class RestingInboxes {
  /** By users: an inbox's name would be a text for each. */
  readonly #resters = new KeyedTable<Rester>(({ user }) => user)
  readonly #ports: RestingPorts

  constructor(ports: RestingPorts) {
    this.#ports = ports
  }

  get size(): number {
    return this.#resters.size
  }

  values(): Generator<Rester, undefined> {
    return this.#resters.values()
  }

  /** By the internal name of any channel. */
  of(name: string): Rester | undefined {
    return this.#resters.size > 0 && isInbox(name) ? this.#resters.get(name.slice(1)) : undefined
  }

  /** See `Hub.local`. */
  local(name: string): { position: Position; subscribers: number } | undefined {
    const one = this.of(name)
    return one === undefined ? undefined : { position: one.restsAt, subscribers: 1 }
  }

  /**
   * `one` is on his inbox by this subscription, and stands for it from now on: the answer is where it is, and neither of the two is there
   * any more. `undefined`: they are needed.
   */
  rest(one: Omit<Rester, 'restsAt'>, subscription: Subscription): Position | undefined {
    const channel = this.#ports.find(inboxOf(one.user))
    const position = channel === subscription.source ? channel.rest(subscription) : undefined
    if (channel === undefined || position === undefined) return undefined
    this.#ports.forget(channel)
    this.#resters.set(one as Rester)
    return position
  }

  /** Who stood for his inbox has gone. */
  leave(one: Rester): void {
    const name = inboxOf(one.user)
    this.#resters.delete(one.user)
    // As where an inbox is dropped that did not rest.
    this.#ports.reads.askAnew(name)
    this.#ports.left(name)
  }

  /** The inbox itself, if it rested. */
  find(name: string): Channel | undefined {
    const one = this.of(name)
    return one === undefined ? undefined : this.wake(one)
  }

  wake(one: Rester): Channel {
    this.#resters.delete(one.user)
    const channel = this.#ports.make(inboxOf(one.user))
    channel.noted = one.noted
    one.woken(channel.wake(one.connection, one.restsAt))
    return channel
  }

  /** See `Channel.check`. It is woken only where it has missed something. */
  check(one: Rester): void {
    const name = inboxOf(one.user)
    const compare = (head: Position): void => {
      // While the log was asked he may have gone, or a message have come.
      if (this.of(name) !== one) this.#ports.find(name)?.check(head)
      else if (!isSame(head, one.restsAt)) this.wake(one).check(head)
    }
    const head = this.#ports.reads.head(name)
    // The log is away: the next check comes by itself.
    if (head instanceof Promise) head.then(compare, () => this.#ports.failed())
    else compare(head)
  }

  clear(): void {
    this.#resters.clear()
  }
}
