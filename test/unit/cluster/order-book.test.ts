import { expect, it } from 'vitest'
import { OrderBook } from '../../../src/cluster/order-book.ts'
import { NO_ORDERS } from '../../../src/cluster/orders.ts'
import type { Log } from '../../../src/observe/log.ts'
import { MemoryRegistry } from '../../../src/registry/memory.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const DAY_MS = 86_400_000

it('what operators have ordered holds for thirty days and no longer: nobody may remember to have said it', async () => {
  const clock = new ManualClock(1_700_000_000_000)
  const registry = new MemoryRegistry({ nodeTtlMs: 1e12, sessionTtlMs: 1e12 }, clock)
  const membership = {
    others: [],
    orders: NO_ORDERS,
    refresh: () => Promise.resolve([]),
    beat: () => Promise.resolve(),
  }
  const book = new OrderBook({
    registry,
    membership: () => membership,
    clock,
    log: { info: () => undefined, warn: () => undefined } as unknown as Log,
    self: () => ({ version: '1', address: '127.0.0.1:1' }),
    cordoned: () => undefined,
  })
  await book.setTarget('1', 'ops')
  await book.cordon({ kind: 'version', what: '2' }, 'ops')
  const ordered = async (): Promise<number> => (await registry.read('orders')).size
  clock.pass(30 * DAY_MS - 1)
  expect(await ordered()).toBe(2)
  clock.pass(1)
  expect(await ordered()).toBe(0)
  expect(await book.clearTarget()).toBe(false)
  expect(await book.uncordon({ kind: 'version', what: '2' })).toBe(false)
  await registry.close()
})
