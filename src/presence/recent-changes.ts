/**
 * What the other nodes have announced of late, for channels that nobody here is subscribed to.
 *
 * An announcement may arrive just before the first subscriber, and the write that belongs to it just after he has read
 * the store: then neither would have told him. So what is recent is looked at once more behind the first read.
 */
import type { ChannelChange } from './announcements.ts'
import type { Change } from './view.ts'

export interface RecentChange {
  readonly node: string
  readonly change: Change
}

type Generation = Map<string, RecentChange[]>

export class RecentChanges {
  #current: Generation = new Map()
  #previous: Generation = new Map()

  add(node: string, change: ChannelChange): void {
    const known = this.#current.get(change.channel)
    if (known === undefined) this.#current.set(change.channel, [{ node, change }])
    else known.push({ node, change })
  }

  of(channel: string): RecentChange[] {
    return [...(this.#previous.get(channel) ?? []), ...(this.#current.get(channel) ?? [])]
  }

  /** Forgets what was there at the last call already. */
  age(): void {
    this.#previous = this.#current
    this.#current = new Map()
  }
}
