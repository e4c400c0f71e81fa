/**
 * Where operators' orders for the cluster are given, and what this node makes of them.
 */
import type { Membership } from './membership.ts'
import {
  cordonKey,
  cordonOf,
  NO_ORDERS,
  TARGET_KEY,
  type Cordon,
  type Orders,
  type Target,
} from './orders.ts'
import { latestOf } from './steering.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { Deploy, NodeInfo, Registry } from '../registry/registry.ts'

/** Longer than any deploy takes, and not for ever: what nobody remembers to have said must not hold. */
export const ORDER_TTL_MS = 30 * 86_400_000

export interface OrderBookPorts {
  readonly registry: Pick<Registry, 'put' | 'take' | 'read'>
  readonly membership: () => Pick<Membership, 'refresh' | 'others' | 'orders' | 'beat'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  readonly self: () => Pick<NodeInfo, 'version' | 'address' | 'deploy'>
  /** `undefined`: the node is not kept out, or not any more. */
  readonly cordoned: (cordon: Cordon | undefined) => void
}

export class OrderBook {
  readonly #ports: OrderBookPorts
  #known: Orders = NO_ORDERS
  #cordon: Cordon | undefined
  /** The latest deploy that this node has ever heard of: one that crashes again and again is not in the table at each moment. */
  #latest: Deploy | undefined

  constructor(ports: OrderBookPorts) {
    this.#ports = ports
  }

  get orders(): Orders {
    return this.#ports.membership().orders
  }

  /** The table was read, and the orders with it. */
  look(): void {
    const { log, self, cordoned, membership } = this.#ports
    const deploys = membership().others.map(({ deploy }) => deploy)
    this.#latest = latestOf([this.#latest, self().deploy, ...deploys], 0)
    const { target } = this.orders
    if (target?.version !== this.#known.target?.version || target?.at !== this.#known.target?.at) {
      if (target === undefined)
        log.info({}, 'the latest deploy is what clients go to: no other target is set any more')
      else
        log.info(
          { version: target.version, by: target.by },
          'clients go to this version: an operator has said so',
        )
    }
    this.#known = this.orders
    const cordon = cordonOf(this.orders, self())
    if (cordon?.kind !== this.#cordon?.kind || cordon?.what !== this.#cordon?.what) {
      if (cordon === undefined) log.info({}, 'the node is not cordoned any more')
      else
        log.warn(
          { [cordon.kind]: cordon.what, by: cordon.by },
          'the node is cordoned: it is not ready, and takes no clients that are moving; sluice uncordon ends it',
        )
      cordoned(cordon)
    }
    this.#cordon = cordon
  }

  /** Fails with `unavailable`. */
  async setTarget(version: string, by: string): Promise<Target> {
    const { registry, membership, clock } = this.#ports
    // Whoever has come just now counts too.
    await membership().refresh()
    const at = clock.now()
    const target = { version, by, at, over: latestOf([this.#latest], at) }
    await registry.put('orders', TARGET_KEY, JSON.stringify(target), ORDER_TTL_MS)
    await membership().beat()
    return target
  }

  /** Answers whether there was one. Fails with `unavailable`. */
  clearTarget(): Promise<boolean> {
    return this.#take(TARGET_KEY)
  }

  /** Fails with `unavailable`. */
  async cordon(what: Pick<Cordon, 'kind' | 'what'>, by: string): Promise<void> {
    const cordon = { ...what, by, at: this.#ports.clock.now() }
    await this.#ports.registry.put('orders', cordonKey(cordon), JSON.stringify(cordon), ORDER_TTL_MS)
    await this.#ports.membership().beat()
  }

  /** Answers whether it was there. Fails with `unavailable`. */
  uncordon(what: Pick<Cordon, 'kind' | 'what'>): Promise<boolean> {
    return this.#take(cordonKey(what))
  }

  async #take(key: string): Promise<boolean> {
    const was = await this.#ports.registry.take('orders', key)
    await this.#ports.membership().beat()
    return was
  }
}
