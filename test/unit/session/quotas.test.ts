import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rateOf, type Rate } from '../../../src/admission/bucket.ts'
import { UserQuotas } from '../../../src/session/quotas.ts'

const NONE = { connections: 0, subscriptions: 0, publishesPerSecond: 0 }

describe('quotas of a user', () => {
  it('Q1 no more connections than allowed, of each user, those included that are on their way', () => {
    const quotas = new UserQuotas({ ...NONE, connections: 3 })
    expect([1, 2, 3].map(() => quotas.arrive('ann', 1, false))).toEqual([true, true, false])
    expect(quotas.arrive('ben', 2, false)).toBe(true)
    quotas.arrived('ann')
    expect(quotas.arrive('ann', 1, false)).toBe(true)
    expect(quotas.arrive('ann', 2, false)).toBe(false)
  })

  it('Q1 a connection may take the place of one that has not ended yet', () => {
    const quotas = new UserQuotas({ ...NONE, connections: 1 })
    expect(quotas.arrive('ann', 1, false)).toBe(false)
    expect(quotas.arrive('ann', 1, true)).toBe(true)
    expect(quotas.arriving('ann')).toBe(1)
  })

  it('Q2 no more subscriptions than allowed, of each user', () => {
    const quotas = new UserQuotas({ ...NONE, subscriptions: 3 })
    quotas.subscribe('ann')
    expect(quotas.hasRoom('ann', 2)).toBe(true)
    expect(quotas.hasRoom('ann', 3)).toBe(false)
    expect(quotas.hasRoom('ben', 3)).toBe(true)
    quotas.unsubscribe('ann')
    expect(quotas.hasRoom('ann', 3)).toBe(true)
  })

  it('Q3 publishes come back with time, twice those of a second after a pause', () => {
    const quotas = new UserQuotas({ ...NONE, publishesPerSecond: 10 })
    const many = (nowMs: number): number => {
      for (let count = 0; ; count++) if (quotas.publish('ann', nowMs) > 0) return count
    }
    expect(many(0)).toBe(20)
    expect(many(500)).toBe(5)
    expect(many(10_000)).toBe(20)
    expect(quotas.publish('ann', 10_000)).toBeCloseTo(100, 0)
    expect(quotas.publish('ben', 10_000)).toBe(0)
  })

  it('Q3 an allowance that is used up stays so, whatever connections the user ends and opens', () => {
    const quotas = new UserQuotas({ ...NONE, publishesPerSecond: 10 })
    while (quotas.publish('ann', 0) === 0);
    expect(quotas.publish('ann', 1)).toBeGreaterThan(0)
  })

  it('Q3 an allowance is remembered through its own generation and the next, and a clock that jumps begins another', () => {
    const quotas = new UserQuotas({ ...NONE, publishesPerSecond: 1 })
    const useUp = (user: string, nowMs: number): number => {
      for (let count = 0; ; count++) if (quotas.publish(user, nowMs) > 0) return count
    }
    expect(useUp('ann', 0)).toBe(2)
    expect(quotas.size).toBe(1)
    // Within the time of a generation, which is that of a burst.
    expect(useUp('ben', 1900)).toBe(2)
    expect(quotas.size).toBe(2)
    // The next one remembers those of the one before, and no more.
    expect(useUp('ann', 3800)).toBe(2)
    expect(quotas.size).toBe(3)
    expect(useUp('ben', 3800)).toBe(1)
    expect(useUp('cleo', 6000)).toBe(2)
    expect(quotas.size).toBe(3)
    expect(useUp('cleo', 8500)).toBe(2)
    expect(quotas.size).toBe(2)
    // Back.
    expect(useUp('dora', 0)).toBe(2)
    expect(quotas.size).toBe(2)
  })

  it('Q3 a generation lasts as long as an empty allowance takes to be full', () => {
    const quotas = new UserQuotas({ ...NONE, publishesPerSecond: 1 })
    const { capacityMs } = rateOf(1, 2) as Rate
    for (const [generations, user] of ['ann', 'ben', 'cleo'].entries())
      quotas.publish(user, generations * capacityMs)
    // The second still belongs to the first one’s.
    expect(quotas.size).toBe(3)
  })

  it('Q4 knows as many users as there is anything to know of', () => {
    const quotas = new UserQuotas({ connections: 5, subscriptions: 5, publishesPerSecond: 1 })
    expect(quotas.size).toBe(0)
    quotas.arrive('ann', 0, false)
    expect(quotas.size).toBe(1)
    quotas.subscribe('ann')
    expect(quotas.size).toBe(2)
    quotas.publish('ann', 0)
    expect(quotas.size).toBe(3)
    quotas.arrived('ann')
    quotas.unsubscribe('ann')
    expect(quotas.size).toBe(1)
    expect(quotas.limits).toEqual({ connections: 5, subscriptions: 5, publishesPerSecond: 1 })
  })

  it('0 is no limit', () => {
    const quotas = new UserQuotas(NONE)
    for (let i = 0; i < 1000; i++) {
      expect(quotas.arrive('ann', i, false)).toBe(true)
      expect(quotas.hasRoom('ann', 1000)).toBe(true)
      quotas.subscribe('ann')
      expect(quotas.publish('ann', 0)).toBe(0)
    }
  })

  it('Q4 who has gone leaves nothing behind, and who is there is counted right', () => {
    const user = fc.constantFrom('ann', 'ben', 'cleo')
    const step = fc.oneof(
      fc.record({ kind: fc.constant('connect' as const), user }),
      fc.record({ kind: fc.constant('disconnect' as const), user }),
      fc.record({ kind: fc.constant('subscribe' as const), user, count: fc.nat(5) }),
      fc.record({ kind: fc.constant('publish' as const), user, ms: fc.nat(3000) }),
    )
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const limits = { connections: 40, subscriptions: 60, publishesPerSecond: 1 }
        const quotas = new UserQuotas(limits)
        const connections = new Map<string, number>()
        const subscriptions = new Map<string, number>()
        const add = (to: Map<string, number>, name: string, count: number): void => {
          to.set(name, (to.get(name) ?? 0) + count)
        }
        let nowMs = 0
        for (const one of steps) {
          const has = {
            connections: connections.get(one.user) ?? 0,
            subscriptions: subscriptions.get(one.user) ?? 0,
          }
          switch (one.kind) {
            case 'connect':
              expect(quotas.arrive(one.user, 0, false)).toBe(has.connections < limits.connections)
              if (has.connections < limits.connections) add(connections, one.user, 1)
              break
            case 'disconnect':
              if (has.connections === 0) break
              quotas.arrived(one.user)
              add(connections, one.user, -1)
              break
            case 'subscribe': {
              const fits = has.subscriptions + one.count <= limits.subscriptions
              expect(quotas.hasRoom(one.user, one.count)).toBe(fits)
              for (let i = 0; fits && i < one.count; i++) quotas.subscribe(one.user)
              if (fits) add(subscriptions, one.user, one.count)
              break
            }
            case 'publish':
              nowMs += one.ms
              quotas.publish(one.user, nowMs)
              break
          }
          expect(quotas.arriving(one.user)).toBe(connections.get(one.user) ?? 0)
          expect(quotas.subscriptions(one.user)).toBe(subscriptions.get(one.user) ?? 0)
        }
        for (const [name, count] of connections) for (let i = 0; i < count; i++) quotas.arrived(name)
        for (const [name, count] of subscriptions) for (let i = 0; i < count; i++) quotas.unsubscribe(name)
        // Two generations later, nobody's allowance is remembered but that of who publishes now.
        for (const laterMs of [3000, 6000]) quotas.publish('dora', nowMs + laterMs)
        expect(quotas.size).toBeLessThanOrEqual(2)
      }),
    )
  })
})
