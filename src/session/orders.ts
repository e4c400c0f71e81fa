/**
 * Keeps the promise of a revocation and of a disconnection on a node that was not told: what was decided is kept in the registry, and
 * compared with who is connected here on a timer, and when the backbone or the store comes back.
 */
import type { Sessions } from './sessions.ts'
import { jitter, type Clock, type Timer } from '../clock.ts'
import { asSluiceError } from '../errors.ts'
import type { Orders, Registry } from '../registry/registry.ts'

export interface OrderPorts {
  readonly registry: Pick<Registry, 'orders' | 'revoked'>
  readonly sessions: Pick<Sessions, 'all' | 'get' | 'obey'>
  readonly clock: Clock
  /** Whether this node hears what others tell it. */
  hears(): boolean
  failed(what: string, error: unknown): void
}

/** Where all is told, this is for what gets lost on the way all the same. */
const LOOK_MS = [30_000, 60_000] as const
/** Where nothing is heard, it is the only way. */
const UNHEARD_MS = [2_000, 4_000] as const
/** All nodes have the backbone or the store back in the same moment. */
const RETURN_MS = [0, 1_000] as const
/** Decided before the last look and not in it: a store that took over, and its clock. */
const OVERLAP_MS = 60_000
/** So many sessions are compared in one turn of the event loop. */
const SLICE = 2_000
/** Where too much was decided to be kept, each user is asked for: so many at a time, with a pause in between. */
const ASK_BATCH = 100
const ASK_PAUSE_MS = 100

export class OrderWatch {
  readonly #ports: OrderPorts
  /** By the clock of the store; 0: everything that is remembered. */
  #sinceMs = 0
  #timer: Timer | undefined
  #looking = false
  /** Called back since the last look began. */
  #calledBack = false
  #closed = false

  constructor(ports: OrderPorts) {
    this.#ports = ports
    this.#later()
  }

  /** The backbone or the store is back: something may have been missed, or the store may be another one. */
  returned(): void {
    this.#sinceMs = 0
    this.#calledBack = true
    if (!this.#looking) this.#later()
  }

  /** Never fails: it is done again. */
  async look(): Promise<void> {
    if (this.#looking || this.#closed) return
    this.#looking = true
    this.#calledBack = false
    this.#timer?.cancel()
    try {
      const orders = await this.#ports.registry.orders(this.#sinceMs)
      await this.#compare(orders)
      if (!orders.complete) await this.#askForAll()
      if (!this.#calledBack) this.#sinceMs = Math.max(0, orders.nowMs - OVERLAP_MS)
    } catch (error) {
      if (asSluiceError(error).code !== 'unavailable') this.#ports.failed('comparing revocations', error)
    } finally {
      this.#looking = false
      this.#later()
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #later(): void {
    const { clock } = this.#ports
    if (this.#closed) return
    this.#timer?.cancel()
    const usualMs = this.#ports.hears() ? LOOK_MS : UNHEARD_MS
    const [lowMs, highMs] = this.#calledBack ? RETURN_MS : usualMs
    this.#timer = clock.after(jitter(clock, lowMs, highMs), () => void this.look())
  }

  async #compare({ revoked, disconnected }: Orders): Promise<void> {
    if (revoked.size + disconnected.size === 0) return
    const { sessions } = this.#ports
    let compared = 0
    for (const session of sessions.all()) {
      sessions.obey(session, revoked.get(session.user), disconnected.get(session.user))
      if (++compared % SLICE === 0) await this.#pause(0)
      if (this.#closed) return
    }
  }

  async #askForAll(): Promise<void> {
    const { registry, sessions } = this.#ports
    let batch: Promise<void>[] = []
    for (const { id, user } of sessions.all()) {
      const asked = registry.revoked(user).then((beforeMs) => {
        const session = sessions.get(id)
        if (session !== undefined) sessions.obey(session, beforeMs, undefined)
      })
      batch.push(asked)
      if (batch.length < ASK_BATCH) continue
      await Promise.all(batch)
      batch = []
      await this.#pause(ASK_PAUSE_MS)
      if (this.#closed) return
    }
    await Promise.all(batch)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.after(ms, resolve))
  }
}
