import { describe, expect, it } from 'vitest'
import { capacityOf } from '../../../src/drain/cluster-health.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

const node = (more: Partial<NodeInfo> = {}): NodeInfo => ({
  id: 'n2',
  version: '1',
  region: 'eu',
  role: 'all',
  state: 'active',
  startedAt: 0,
  connections: 0,
  pressure: 0,
  address: '127.0.0.1:1',
  rates: { connects: 0, published: 0, delivered: 0 },
  degraded: [],
  ...more,
})

const SELF = { region: 'eu', degraded: [] }
const WELL = { ok: true, reason: '', room: Infinity }

describe('a cluster', () => {
  it('takes more where another node is active', () => {
    expect(capacityOf(SELF, [node()])).toEqual(WELL)
    expect(capacityOf(SELF, [node({ role: 'edge' })])).toEqual(WELL)
  })

  it.each([
    ['nobody', []],
    ['a node that drains', [node({ state: 'draining' })]],
    ['a node that closes', [node({ state: 'closing' })]],
    ['a node without client connections', [node({ role: 'api' })]],
  ])('takes nothing where there is only %s', (_, others) => {
    expect(capacityOf(SELF, others)).toEqual({
      ok: false,
      why: 'alone',
      reason: 'no other node is active',
      room: 0,
      alone: true,
    })
  })

  it('takes nothing yet where another node starts, and is not gone', () => {
    const others = [node({ state: 'starting' }), node({ state: 'draining' })]
    expect(capacityOf(SELF, others)).toEqual({
      ok: false,
      why: 'alone',
      reason: 'no other node is active',
      room: 0,
    })
  })

  it('is given time while a node has more than half its waiting room full', () => {
    expect(capacityOf(SELF, [node({ pressure: 0.5 })])).toEqual(WELL)
    expect(capacityOf(SELF, [node(), node({ id: 'n3', pressure: 0.51 })])).toEqual({
      ok: false,
      why: 'queue',
      reason: 'node n3 queues connections',
      room: Infinity,
    })
  })

  it('is judged by the nodes of the region, where there are any', () => {
    const far = node({ id: 'n9', region: 'us', pressure: 1, degraded: ['log'] })
    expect(capacityOf(SELF, [node(), far])).toEqual(WELL)
    expect(capacityOf(SELF, [far]).reason).toBe('node n9 queues connections')
    expect(capacityOf(SELF, [node({ state: 'draining' }), node({ region: 'us' })])).toEqual(WELL)
  })

  it('is not asked to take clients by a node that cannot hear of their moves', () => {
    expect(capacityOf({ ...SELF, degraded: ['registry'] }, [node()])).toEqual({
      ok: false,
      why: 'unwell',
      reason: 'the registry does not answer',
      room: Infinity,
    })
  })

  it('takes nothing while one of those that would take is without a part', () => {
    expect(capacityOf(SELF, [node({ degraded: ['backbone', 'log'] })])).toEqual({
      ok: false,
      why: 'other_unwell',
      reason: 'node n2 is without its backbone, log',
      room: Infinity,
    })
  })

  it('is not held up by a node that takes nothing itself', () => {
    const api = node({ id: 'n4', role: 'api', pressure: 1, degraded: ['log'] })
    expect(capacityOf(SELF, [node(), api, node({ id: 'n5', state: 'draining', pressure: 1 })])).toEqual(WELL)
  })

  it('has the room that is left to the nodes that take clients, and names one that has none', () => {
    const full = node({ id: 'b', connections: 60, connectionsMax: 60, pressure: 1 })
    expect(capacityOf(SELF, [full])).toEqual({
      ok: true,
      reason: '',
      room: 0,
      full: 'node b is at its limit of 60 connections',
    })
    const half = node({ id: 'c', connections: 20, connectionsMax: 50 })
    for (const both of [
      [full, half],
      [half, full],
    ])
      expect(capacityOf(SELF, both)).toMatchObject({
        room: 30,
        full: 'node b is at its limit of 60 connections',
      })
    expect(capacityOf(SELF, [full, half, node({ connections: 100_000 })])).toEqual(WELL)
    expect(capacityOf(SELF, [full, node({ ...half, state: 'draining' }), node({ region: 'us' })]).room).toBe(
      0,
    )
  })

  it('is not waited for by a node that alone is not well', () => {
    const self = { ...SELF, degraded: ['backbone'] }
    const unwell = { ok: false, why: 'unwell', reason: 'the backbone does not answer', room: Infinity }
    expect(capacityOf(self, [node()])).toEqual(unwell)
    expect(capacityOf(self, [node()], { cutOff: true })).toEqual({ ...unwell, cutOff: true })
    expect(capacityOf(SELF, [node()], { cutOff: true })).toEqual(WELL)
  })
})

it('where clients are sent to a region, only its nodes count', () => {
  const elsewhere = node({ region: 'west', connections: 3, connectionsMax: 10 })
  expect(capacityOf(SELF, [node(), elsewhere], { to: 'west' })).toMatchObject({ ok: true, room: 7 })
  expect(capacityOf(SELF, [node()], { to: 'west' })).toEqual({
    ok: false,
    why: 'alone',
    reason: 'no node of the region west is active',
    room: 0,
  })
})

describe('a cluster of which other nodes are to be drained as well', () => {
  const leaving = (...ids: string[]) => ({ nodes: new Set(ids), together: true })

  it('takes clients where one of the nodes stays, and is judged by that one', () => {
    const going = node({ id: 'n9', pressure: 1 })
    expect(capacityOf(SELF, [going, node()], { leaving: leaving('n9') })).toEqual(WELL)
  })

  it('takes nothing from one of those that are drained together while another one starts', () => {
    expect(
      capacityOf(SELF, [node(), node({ id: 'n3', state: 'starting' })], { leaving: leaving('n2') }),
    ).toEqual({
      ok: false,
      why: 'alone',
      reason: 'all other nodes that are active are to be drained as well',
      room: 0,
    })
  })

  it('takes clients from one of them where none stays and none starts: whose place is taken again comes after it', () => {
    expect(capacityOf(SELF, [node()], { leaving: leaving('n2') })).toEqual(WELL)
  })

  it('takes clients from a node that goes for another reason: they are moved twice, and are somewhere', () => {
    expect(capacityOf(SELF, [node()], { leaving: { nodes: new Set(['n2']), together: false } })).toEqual(WELL)
  })

  it('is no other cluster than any where nobody is active at all', () => {
    expect(capacityOf(SELF, [], { leaving: leaving('n2') })).toMatchObject({
      reason: 'no other node is active',
      alone: true,
    })
  })
})

describe('what is offered', () => {
  it('is the sum of those that take clients and say so', () => {
    const others = [node({ offers: 30 }), node({ id: 'n3', offers: 12 }), node({ id: 'n4' })]
    expect(capacityOf(SELF, others)).toEqual({ ...WELL, rate: 42 })
    expect(capacityOf(SELF, [...others, node({ id: 'n5', region: 'us', offers: 100 })]).rate).toBe(42)
    expect(capacityOf(SELF, [node({ offers: 0 })]).rate).toBe(0)
  })

  it('is shared by all that are drained at this moment', () => {
    const draining = [node({ id: 'n3', state: 'draining', offers: 7 }), node({ id: 'n4', state: 'draining' })]
    expect(capacityOf(SELF, [node({ offers: 30 }), ...draining]).rate).toBe(10)
    expect(capacityOf(SELF, [node({ offers: 30 }), node({ id: 'n5', state: 'closing' })]).rate).toBe(30)
  })
})

it('an api node that starts is not one that will take clients', () => {
  const starting = node({ state: 'starting', role: 'api' })
  expect(capacityOf(SELF, [starting])).toMatchObject({ ok: false, alone: true })
})

describe('a node near its limit of connections', () => {
  const near = (connections: number) => node({ connections, connectionsMax: 50, pressure: 1 })

  it('is waited for while it queues connections that it has room for, and not when it has none', () => {
    expect(capacityOf(SELF, [near(49)])).toMatchObject({ ok: false, why: 'queue', room: 1 })
    expect(capacityOf(SELF, [near(50)])).toMatchObject({ ok: true, room: 0 })
  })

  it('takes nothing from the room of the others where it is over its limit', () => {
    const others = [near(70), node({ id: 'n3', connections: 40, connectionsMax: 50 })]
    expect(capacityOf(SELF, others)).toEqual({
      ok: true,
      reason: '',
      room: 10,
      full: 'node n2 is at its limit of 50 connections',
    })
  })
})
