/**
 * Keeps the promise of a revocation and of a disconnection on a node that was not told: what was decided is kept in the registry, and
 * compared with who is connected here on a timer, and when the backbone or the store comes back.
 */
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import { reconcile } from './standing.ts'
import { jitter, type Clock, type Timer } from '../clock.ts'
import { asSluiceError } from '../errors.ts'
import type { Orders, Registry } from '../registry/registry.ts'

export interface OrderPorts {
  readonly registry: Pick<Registry, 'orders' | 'revoked' | 'standing'>
  readonly sessions: Pick<Sessions, 'all' | 'get' | 'obey' | 'holders'>
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

  async #compare({ revoked, disconnected, changed }: Orders): Promise<void> {
    // More than are remembered, and told of all while it hears: only who did not hear looks at each user.
    const isChanged = changed === undefined ? () => this.#sinceMs === 0 : (user: string) => changed.has(user)
    if (revoked.size + disconnected.size + (changed?.size ?? 1) === 0) return
    const { sessions } = this.#ports
    const toReconcile: Pick<Session, 'id' | 'user'>[] = []
    sessions.holders.revoke(revoked)
    let compared = 0
    for (const session of sessions.all()) {
      sessions.obey(session, revoked.get(session.user), disconnected.get(session.user))
      if (isChanged(session.user)) toReconcile.push(session)
      if (++compared % SLICE === 0) await this.#pause(0)
      if (this.#closed) return
    }
    await this.#inBatches(toReconcile, (one) => this.#reconcile(one))
  }

  #askForAll(): Promise<void> {
    const { registry, sessions } = this.#ports
    return this.#inBatches(sessions.all(), async ({ id, user }) => {
      const beforeMs = await registry.revoked(user)
      const session = sessions.get(id)
      if (session !== undefined) sessions.obey(session, beforeMs, undefined)
    })
  }

  async #reconcile({ id, user }: Pick<Session, 'id' | 'user'>): Promise<void> {
    const { registry, sessions } = this.#ports
    const standing = await registry.standing(user)
    const session = sessions.get(id)
    if (session !== undefined) reconcile(session, standing, this.#ports)
  }

  async #inBatches<One>(all: Iterable<One>, ask: (one: One) => Promise<void>): Promise<void> {
    let batch: Promise<void>[] = []
    for (const one of all) {
      batch.push(ask(one))
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
