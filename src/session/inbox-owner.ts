/**
 * A session's own inbox: a subscription as any other, or, while nothing has come to it, only the place where it rests (`RestingInboxes`).
 */
import type { Connection } from './connection.ts'
import type { SessionPorts } from './ports.ts'
import type { RestingInboxes, Rester } from '../hub/resting.ts'
import type { Subscription } from '../hub/subscription.ts'
import { Account } from '../observe/account.ts'
import type { Position } from '../protocol/position.ts'

export abstract class InboxOwner extends Account implements Rester {
  readonly connection: Connection
  #inbox: Subscription | Position

  constructor(inbox: Subscription) {
    super()
    this.#inbox = inbox
    this.connection = inbox.subscriber as Connection
  }

  abstract get user(): string
  /** With the inbox. */
  abstract get subscriptionCount(): number
  protected abstract get isClosed(): boolean
  protected abstract get ports(): Pick<SessionPorts, 'hub'>

  private get resting(): RestingInboxes {
    return this.ports.hub.resting
  }

  /** Until something comes, the session stands for it. */
  rest(): void {
    if (this.isClosed || isPlace(this.#inbox)) return
    this.#inbox = this.resting.rest(this, this.#inbox) ?? this.#inbox
  }

  get restsAt(): Position {
    return this.#inbox as Position
  }

  /** Nobody else is on it, so that is all that its user is on. */
  get noted(): number {
    return this.subscriptionCount - 1
  }

  woken(inbox: Subscription): void {
    this.#inbox = inbox
  }

  /** `undefined`: it rested until the session ended. */
  protected get inbox(): Subscription | undefined {
    if (isPlace(this.#inbox) && !this.isClosed) this.resting.wake(this)
    return isPlace(this.#inbox) ? undefined : this.#inbox
  }

  protected resumeInbox(): void {
    if (!isPlace(this.#inbox)) this.#inbox.resume()
  }

  protected closeInbox(): void {
    if (isPlace(this.#inbox)) this.resting.leave(this)
    else this.#inbox.close()
  }
}

function isPlace(inbox: Subscription | Position): inbox is Position {
  return 'epoch' in inbox
}
