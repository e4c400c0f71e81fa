import { describe, expect, it } from 'vitest'
import {
  isFuller,
  isOutdated,
  TURNS_MAX,
  TURNS_UNSERVED_MAX,
  turnsAway,
} from '../../../src/cluster/steering.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

const node = (more: Partial<NodeInfo>): NodeInfo => ({
  id: 'n',
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

const self = node({ startedAt: 100 })

describe('a moving client', () => {
  it('stays where all nodes are of one version', () => {
    expect(isOutdated(self, [node({ startedAt: 200 })])).toBe(false)
    expect(isOutdated(self, [])).toBe(false)
  })

  it('goes on where another version was started last', () => {
    expect(isOutdated(self, [node({ version: '2', startedAt: 200 })])).toBe(true)
  })

  it('stays where this version was started last: a deploy may take an older one back', () => {
    expect(isOutdated(self, [node({ version: '2', startedAt: 50 })])).toBe(false)
    expect(isOutdated(self, [node({ version: '2', startedAt: 200 }), node({ startedAt: 300 })])).toBe(false)
  })

  it.each([
    { state: 'starting' },
    { state: 'draining' },
    { pressure: 0.9 },
    { region: 'us' },
    { role: 'api' },
  ] as const)('stays where the other node is %o', (more) => {
    expect(isOutdated(self, [node({ version: '2', startedAt: 200, ...more })])).toBe(false)
  })
})

describe('a full node', () => {
  it('is better left for those that have fewer clients', () => {
    expect(isFuller(node({ connections: 100 }), [node({ connections: 0 })])).toBe(true)
    expect(isFuller(node({ connections: 100 }), [node({ connections: 95 })])).toBe(false)
    expect(isFuller(node({ connections: 0 }), [node({ connections: 100 })])).toBe(false)
    expect(isFuller(node({ connections: 100 }), [])).toBe(false)
    expect(isFuller(node({ connections: 100 }), [node({ connections: 0, state: 'draining' })])).toBe(false)
  })
})

describe('a client', () => {
  const newer = [node({ version: '2', startedAt: 200 })]

  it('is turned away a few times, fewer where nothing serves it meanwhile, and let in then', () => {
    expect(TURNS_UNSERVED_MAX).toBeLessThan(TURNS_MAX)
    for (const [served, max] of [
      [true, TURNS_MAX],
      [false, TURNS_UNSERVED_MAX],
    ] as const) {
      expect(turnsAway(max - 1, served, self, newer)).toBe(true)
      expect(turnsAway(max, served, self, newer)).toBe(false)
    }
  })

  it('that nothing serves is not turned away for the sake of even numbers', () => {
    const full = node({ connections: 100 })
    const empty = [node({ connections: 0 })]
    expect(turnsAway(0, true, full, empty)).toBe(true)
    expect(turnsAway(0, false, full, empty)).toBe(false)
  })
})
