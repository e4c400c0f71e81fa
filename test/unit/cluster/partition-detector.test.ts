import { describe, expect, it } from 'vitest'
import { PartitionDetector } from '../../../src/cluster/partition-detector.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

const GRACE_MS = 100

const node = (more: Partial<NodeInfo> = {}): NodeInfo => ({
  id: 'other',
  version: '1',
  region: 'here',
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

/** Another node, and when it has said so. */
const said =
  (atMs: number, more: Partial<NodeInfo> = {}) =>
  (ms: number): readonly NodeInfo[] =>
    atMs >= ms ? [node(more)] : []

describe('a node without the backbone', () => {
  const alone = (): PartitionDetector => new PartitionDetector({ region: 'here', graceMs: GRACE_MS })

  it('is isolated once another has said for a while, after the loss, that it is well', () => {
    const isolation = alone()
    expect(isolation.look(1000, false, said(999))).toBe(false)
    expect(isolation.look(1010, false, said(1010))).toBe(false)
    expect(isolation.look(1109, false, said(1010))).toBe(false)
    expect(isolation.look(1110, false, said(1010))).toBe(true)
  })

  it('is not by what another said before the loss, however long ago that was', () => {
    const isolation = alone()
    for (const nowMs of [1000, 1100, 2000, 9000]) expect(isolation.look(nowMs, false, said(999))).toBe(false)
  })

  it('is not where the others notice the loss later, or come back earlier', () => {
    const isolation = alone()
    const degraded = { degraded: ['backbone'] }
    isolation.look(1000, false, said(999))
    expect(isolation.look(1050, false, said(1050))).toBe(false)
    expect(isolation.look(1120, false, said(1120, degraded))).toBe(false)
    expect(isolation.look(5000, false, said(5000))).toBe(false)
    expect(isolation.look(5099, false, said(5000))).toBe(false)
    expect(isolation.look(5100, true, said(5000))).toBe(false)
    // Another loss is another matter.
    expect(isolation.look(6000, false, said(6000))).toBe(false)
  })

  it.each([
    ['is of another region', { region: 'there' }],
    ['has no clients', { role: 'api' as const }],
    ['is going away', { state: 'draining' as const }],
    ['has lost it too', { degraded: ['log', 'backbone'] }],
  ])('is not for the sake of a node that %s', (_what, more) => {
    const isolation = alone()
    for (const nowMs of [1000, 1100, 2000])
      expect(isolation.look(nowMs, false, said(nowMs, more))).toBe(false)
  })
})
