/**
 * How many connections are on each channel, told to its clients where it changes (`pusher_internal:subscription_count`). Whoever sees a change
 * asks all nodes once a second, for all channels that have changed meanwhile, and tells the others what he was answered.
 */
import { nameOf } from './form.ts'
import { kindOf } from './channel.ts'
import { subscriptionCount } from './frames.ts'
import type { Clock } from '../../clock.ts'

export interface CountPorts {
  readonly clock: Pick<Clock, 'after' | 'monotonicMs'>
  /** Of the whole cluster, by internal names; one that is not in the answer has nobody. */
  readonly count: (channels: readonly string[]) => Promise<ReadonlyMap<string, number>>
  /** To the other nodes: what `counted` is called with there. */
  readonly tellOthers: (counts: readonly ChannelCount[]) => void
  readonly failed: (what: string, error: unknown) => void
}

export type ChannelCount = readonly [channel: string, connections: number]

interface Listener {
  say(frame: string): void
}

interface Channel {
  readonly listeners: Set<Listener>
  told: number
  toldAtMs: number
}

const ASK_MS = 1_000
/** As Pusher does: of a channel with more than this it is told every few seconds only. */
const MANY = 100
const MANY_MS = 5_000
const AT_ONCE = 500

export class Counts {
  readonly #ports: CountPorts
  readonly #channels = new Map<string, Channel>()
  readonly #changed = new Set<string>()
  #waits = false

  constructor(ports: CountPorts) {
    this.#ports = ports
  }

  enter(name: string, listener: Listener): void {
    if (kindOf(nameOf(name)).access === 'presence' || kindOf(nameOf(name)).access === 'user') return
    const channel = this.#channels.get(name) ?? { listeners: new Set(), told: -1, toldAtMs: -Infinity }
    this.#channels.set(name, channel)
    channel.listeners.add(listener)
    this.#change(name)
  }

  leave(name: string, listener: Listener): void {
    const channel = this.#channels.get(name)
    if (channel?.listeners.delete(listener) !== true) return
    if (channel.listeners.size === 0) this.#channels.delete(name)
    this.#change(name)
  }

  /** Another node has counted. */
  counted(counts: readonly ChannelCount[]): void {
    for (const [name, connections] of counts) this.#tell(name, connections)
  }

  #change(name: string): void {
    this.#changed.add(name)
    this.#askLater()
  }

  async #ask(): Promise<void> {
    const { clock, count, tellOthers, failed } = this.#ports
    const nowMs = clock.monotonicMs()
    const due = [...this.#changed].filter((name) => this.#isDue(name, nowMs)).slice(0, AT_ONCE)
    for (const name of due) this.#changed.delete(name)
    try {
      if (due.length > 0) {
        const counts = await count(due)
        const all = due.map((name): ChannelCount => [name, counts.get(name) ?? 0])
        this.counted(all)
        tellOthers(all)
      }
    } catch (error) {
      failed('counting the subscriptions of channels', error)
    }
    this.#waits = false
    if (this.#changed.size > 0) this.#askLater()
  }

  #askLater(): void {
    if (this.#waits) return
    this.#waits = true
    this.#ports.clock.after(ASK_MS, () => void this.#ask())
  }

  #isDue(name: string, nowMs: number): boolean {
    const channel = this.#channels.get(name)
    return channel === undefined || channel.told <= MANY || nowMs - channel.toldAtMs >= MANY_MS
  }

  #tell(name: string, connections: number): void {
    const channel = this.#channels.get(name)
    if (channel === undefined || channel.told === connections) return
    channel.told = connections
    channel.toldAtMs = this.#ports.clock.monotonicMs()
    const frame = subscriptionCount(nameOf(name), connections)
    for (const listener of channel.listeners) listener.say(frame)
  }
}
