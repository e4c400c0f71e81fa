/**
 * A registry of which every call is counted, with how it ended.
 */
import type { Answer } from '../answer.ts'
import type { Clock } from '../clock.ts'
import type {
  Claimed,
  Elsewhere,
  NodeInfo,
  Orders,
  Place,
  Registry,
  RegistryWatcher,
  Shelf,
  Standing,
  StandingWish,
  Swapped,
} from './registry.ts'

type Op = Exclude<keyof Registry, 'watch' | 'recheck' | 'healthy' | 'close'>

interface Cell {
  inc(): void
}

export type RegistryCounters = Readonly<Record<Op, { readonly ok: Cell; readonly error: Cell }>>

export class CountedRegistry implements Registry {
  readonly #registry: Registry
  readonly #counters: RegistryCounters
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #took: (ms: number | undefined) => void

  /** `took`: how long a call took; `undefined`: it has failed. */
  constructor(
    registry: Registry,
    counters: RegistryCounters,
    clock: Pick<Clock, 'monotonicMs'>,
    took: (ms: number | undefined) => void,
  ) {
    this.#registry = registry
    this.#counters = counters
    this.#clock = clock
    this.#took = took
  }

  watch(watcher: RegistryWatcher): void {
    this.#registry.watch(watcher)
  }

  recheck(): void {
    this.#registry.recheck()
  }

  claim(user: string, session: string, node: string): Answer<Claimed> {
    return this.#counted('claim', this.#registry.claim(user, session, node))
  }

  release(user: string, session: string, node: string): Promise<void> {
    return this.#counted('release', this.#registry.release(user, session, node))
  }

  keep(user: string, session: string, node: string): Promise<Elsewhere | undefined> {
    return this.#counted('keep', this.#registry.keep(user, session, node))
  }

  locate(user: string): Answer<readonly Place[]> {
    return this.#counted('locate', this.#registry.locate(user))
  }

  revoke(user: string, beforeMs: number, ttlMs: number): Promise<void> {
    return this.#counted('revoke', this.#registry.revoke(user, beforeMs, ttlMs))
  }

  revoked(user: string): Promise<number | undefined> {
    return this.#counted('revoked', this.#registry.revoked(user))
  }

  disconnect(user: string, ttlMs: number): Promise<number> {
    return this.#counted('disconnect', this.#registry.disconnect(user, ttlMs))
  }

  putOn(user: string, wish: StandingWish): Promise<void> {
    return this.#counted('putOn', this.#registry.putOn(user, wish))
  }

  takeOff(user: string, wish: StandingWish): Promise<void> {
    return this.#counted('takeOff', this.#registry.takeOff(user, wish))
  }

  standing(user: string): Promise<readonly Standing[]> {
    return this.#counted('standing', this.#registry.standing(user))
  }

  orders(sinceMs: number): Promise<Orders> {
    return this.#counted('orders', this.#registry.orders(sinceMs))
  }

  heartbeat(node: NodeInfo): Promise<void> {
    return this.#counted('heartbeat', this.#registry.heartbeat(node))
  }

  nodes(): Promise<readonly NodeInfo[]> {
    return this.#counted('nodes', this.#registry.nodes())
  }

  leave(node: string): Promise<void> {
    return this.#counted('leave', this.#registry.leave(node))
  }

  firstSeen(version: string, knownMs: number | undefined): Promise<number> {
    return this.#counted('firstSeen', this.#registry.firstSeen(version, knownMs))
  }

  put(shelf: Shelf, key: string, text: string, ttlMs: number): Promise<void> {
    return this.#counted('put', this.#registry.put(shelf, key, text, ttlMs))
  }

  take(shelf: Shelf, key: string): Promise<boolean> {
    return this.#counted('take', this.#registry.take(shelf, key))
  }

  read(shelf: Shelf, keys?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#counted('read', this.#registry.read(shelf, keys))
  }

  swap(shelf: Shelf, key: string, before: string | undefined, text: string, ttlMs: number): Promise<Swapped> {
    return this.#counted('swap', this.#registry.swap(shelf, key, before, text, ttlMs))
  }

  healthy(): boolean {
    return this.#registry.healthy()
  }

  close(): Promise<void> {
    return this.#registry.close()
  }

  #counted<T>(op: Op, answer: Promise<T>): Promise<T>
  #counted<T>(op: Op, answer: Answer<T>): Answer<T>
  #counted<T>(op: Op, answer: Answer<T>): Answer<T> {
    const { ok, error } = this.#counters[op]
    if (!(answer instanceof Promise)) {
      ok.inc()
      this.#took(0)
      return answer
    }
    const askedMs = this.#clock.monotonicMs()
    answer.then(
      () => {
        ok.inc()
        this.#took(this.#clock.monotonicMs() - askedMs)
      },
      () => {
        error.inc()
        this.#took(undefined)
      },
    )
    return answer
  }
}
