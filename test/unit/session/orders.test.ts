import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Orders, Registry } from '../../../src/registry/registry.ts'
import { SluiceError } from '../../../src/errors.ts'
import { OrderWatch } from '../../../src/session/orders.ts'
import { settled, World, type WorldNode } from '../../support/session-world.ts'

/** A node that is told nothing, and looks into the registry. */

let world: World
let node: WorldNode
let watch: OrderWatch
let hears: boolean
let asked: number[]
let registry: Pick<Registry, 'orders' | 'revoked'>
const failures: unknown[] = []

beforeEach(() => {
  world = new World(['n1'])
  node = world.node('n1')
  hears = true
  asked = []
  registry = {
    orders(sinceMs) {
      asked.push(sinceMs)
      return world.registry.orders(sinceMs)
    },
    revoked: (user) => world.registry.revoked(user),
  }
  watch = new OrderWatch({
    registry: {
      orders: (sinceMs) => registry.orders(sinceMs),
      revoked: (user) => registry.revoked(user),
      standing: (user) => world.registry.standing(user),
    },
    sessions: node.sessions,
    clock: world.clock,
    hears: () => hears,
    failed: (_what, error) => failures.push(error),
  })
})
afterEach(async () => {
  watch.close()
  expect(failures.splice(0)).toEqual([])
  await world.close()
})

const issuedMs = (seconds: number): number => world.identity(`ann * ${seconds}`).issuedAtMs as number

async function pass(ms: number): Promise<void> {
  world.clock.pass(ms)
  await settled()
}

describe('a node that was not told', () => {
  it('ends the connections whose tokens are revoked, and no others', async () => {
    const old = await node.connected('ann * -60')
    const fresh = await node.connected('ann * 100')
    const other = await node.connected('bob * -60')
    await world.registry.revoke('ann', issuedMs(0), 1e9)
    await pass(60_000)
    expect(old.ended).toMatchObject({ code: 'unauthorized' })
    expect([fresh.closed, other.closed]).toEqual([false, false])
  })

  it('ends the connections that an operator ended, and none that came after', async () => {
    const before = await node.connected('ann')
    await world.registry.disconnect('ann', 1e9)
    world.clock.pass(1)
    const after = await node.connected('ann')
    await pass(60_000)
    await pass(60_000)
    expect(before.ended).toMatchObject({ code: 'forbidden' })
    expect(after.closed).toBe(false)
  })

  it('looks within seconds where it hears nothing, and seldom where it does', async () => {
    await pass(60_000)
    asked.length = 0
    await pass(29_000)
    expect(asked).toEqual([])
    hears = false
    await pass(60_000)
    asked.length = 0
    for (let second = 0; second < 12; second++) await pass(1000)
    expect(asked.length).toBeGreaterThanOrEqual(3)
  })

  it('asks for what is new, and for everything when the backbone or the store is back', async () => {
    await pass(60_000)
    expect(asked).toEqual([0])
    await pass(60_000)
    expect(asked.length).toBe(2)
    expect(asked[1]).toBeGreaterThan(world.clock.now() - 200_000)
    watch.returned()
    await pass(1000)
    expect(asked.slice(2)).toEqual([0])
  })

  it('asks again after a failure, for the same', async () => {
    const { orders } = registry
    registry = { ...registry, orders: () => Promise.reject(new SluiceError('unavailable', 'away')) }
    const old = await node.connected('ann * -60')
    await world.registry.revoke('ann', issuedMs(0), 1e9)
    await pass(60_000)
    expect(old.closed).toBe(false)
    registry = { ...registry, orders }
    await pass(60_000)
    expect(old.closed).toBe(true)
    expect(asked).toEqual([0])
  })

  it('asks for each user where more was decided than is remembered', async () => {
    const revoked = await Promise.all(Array.from({ length: 150 }, (_, i) => node.connected(`u${i} * -60`)))
    const kept = await node.connected('ann * -60')
    for (let i = 0; i < 150; i++) await world.registry.revoke(`u${i}`, issuedMs(0), 1e9)
    const none: Orders = {
      nowMs: 1,
      complete: false,
      revoked: new Map(),
      disconnected: new Map(),
      changed: new Set<string>(),
    }
    registry = { ...registry, orders: () => Promise.resolve(none) }
    await pass(60_000)
    await pass(1000)
    await pass(1000)
    expect(revoked.filter(({ closed }) => !closed).length).toBe(0)
    expect(kept.closed).toBe(false)
  })

  it('compares thousands in slices, between which others are served', async () => {
    const all = await Promise.all(Array.from({ length: 4500 }, (_, i) => node.connected(`u${i % 3} * -60`)))
    await world.registry.revoke('u1', issuedMs(0), 1e9)
    await pass(60_000)
    const after = all.filter(({ closed }) => closed).length
    expect(after).toBeGreaterThan(0)
    expect(after).toBeLessThan(1500)
    for (let i = 0; i < 5; i++) await pass(1)
    expect(all.filter(({ closed }) => closed).length).toBe(1500)
  })
})
