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
    expect(capacityOf(SELF, [full, half]).room).toBe(30)
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
