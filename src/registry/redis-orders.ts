/**
 * What was decided about users, in Redis: which user and up to where, by when it was decided. The newest are remembered.
 */
import { pairs } from './node-table.ts'
import type { Orders } from './registry.ts'
import { registryScript, type Run } from './redis-scripts.ts'
import type { RedisScript } from '../drivers/redis-port.ts'

const ORDERS_MAX = 10_000

const ORDER = registryScript('order', 2)
const ORDERS = registryScript('orders', 2)
export const ORDER_SCRIPTS: readonly RedisScript[] = [ORDER, ORDERS]

export class RedisOrders {
  readonly #run: Run
  /** Of one hash slot. */
  readonly #keys: readonly [string, string]
  readonly #max: number

  constructor(run: Run, prefix: string, max = ORDERS_MAX) {
    this.#run = run
    this.#keys = [`${prefix}:{orders}:when`, `${prefix}:{orders}:upto`]
    this.#max = max
  }

  async add(kind: 'revoked' | 'disconnected', user: string, upTo: number, ttlMs: number): Promise<void> {
    await this.#run('hot', ORDER, [...this.#keys, `${kind[0]}${user}`, upTo, ttlMs, this.#max])
  }

  async since(ms: number): Promise<Omit<Orders, 'changed'>> {
    const answer = await this.#run('bulk', ORDERS, [...this.#keys, ms, this.#max])
    const [time, full, ...fields] = answer as [Buffer, number, ...Buffer[]]
    const revoked = new Map<string, number>()
    const disconnected = new Map<string, number>()
    for (const [order, upTo] of pairs(fields.map(String)))
      (order.startsWith('r') ? revoked : disconnected).set(order.slice(1), Number(upTo))
    return { nowMs: Number(time), complete: full === 0, revoked, disconnected }
  }
}
