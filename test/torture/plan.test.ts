import { describe, expect, it } from 'vitest'
import { CLIENTS, GATEWAYS, NATS_SERVERS, REDIS_SERVERS, SENTINELS, type Fault } from './fault.ts'
import { FAULTS } from './faults.ts'
import { planOf, planOfNamed, rulesOf, type Planned } from './plan.ts'

const HOSTS = [...GATEWAYS, ...NATS_SERVERS, ...REDIS_SERVERS, ...SENTINELS, CLIENTS]
const planned = (fault: string): Planned => ({ fault, gateway: 'g2', nats: 'n3', sentinel: 's1' })

describe('the faults', () => {
  it('have names of their own, and each does something', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length)
    for (const { name, lies = [], deeds = [] } of FAULTS)
      expect(lies.length + deeds.length, name).toBeGreaterThan(0)
  })

  it.each(FAULTS.filter(({ lies }) => lies !== undefined))(
    '$name lets no host fall out of its lies',
    ({ name }) => {
      for (const { from, to } of rulesOf({ faults: [planned(name)], seconds: 1 }, 'r1')) {
        expect(HOSTS).toEqual(expect.arrayContaining([...from, ...to]))
        expect(from.length * to.length).toBeGreaterThan(0)
      }
    },
  )
})

describe('a plan', () => {
  it('is the same for the same seed, and another one for another', () => {
    expect(planOf(7, FAULTS, 600)).toEqual(planOf(7, FAULTS, 600))
    expect(planOf(7, FAULTS, 600)).not.toEqual(planOf(8, FAULTS, 600))
  })

  it('has each fault once before any comes again', () => {
    const rounds = planOf(3, FAULTS, 10_000)
    const first = rounds.slice(0, FAULTS.length).map(({ faults }) => faults[0]?.fault)
    expect(new Set(first)).toEqual(new Set(FAULTS.map(({ name }) => name)))
  })

  it('has some rounds with two faults, which concern different gateways and NATS servers', () => {
    const two = planOf(5, FAULTS, 10_000).filter(({ faults }) => faults.length === 2)
    expect(two.length).toBeGreaterThan(5)
    for (const { faults } of two) {
      const [one, other] = faults as [Planned, Planned]
      expect(one.gateway).not.toBe(other.gateway)
      expect(one.nats).not.toBe(other.nats)
    }
  })

  it('of named faults has these, in this order', () => {
    const named = [FAULTS[4], FAULTS[1]] as Fault[]
    const rounds = planOfNamed(1, named)
    expect(rounds.map(({ faults }) => faults.map(({ fault }) => fault))).toEqual(
      named.map(({ name }) => [name]),
    )
  })

  it('cuts the way that a fault names, and no other', () => {
    const oneWay = rulesOf({ faults: [planned('gateway-deaf-to-nats')], seconds: 1 }, 'r1')
    expect(oneWay).toEqual([{ from: ['n1', 'n2', 'n3'], to: ['g2'], rule: { loss: 1 } }])
    const both = rulesOf({ faults: [planned('replication-cut')], seconds: 1 }, 'r2')
    expect(both.map(({ from, to }) => [from, to])).toEqual([
      [['r2'], ['r1']],
      [['r1'], ['r2']],
    ])
  })
})
