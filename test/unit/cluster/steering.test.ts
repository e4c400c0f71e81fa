import { describe, expect, it } from 'vitest'
import {
  isFuller,
  isOutdated,
  latestOf,
  TURNS_MAX,
  TURNS_UNSERVED_MAX,
  redirects,
  type Sight,
} from '../../../src/cluster/steering.ts'
import type { Target } from '../../../src/cluster/orders.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

const node = (more: Partial<NodeInfo>): NodeInfo => ({
  id: 'n',
  version: '1',
  region: 'eu',
  role: 'all',
  state: 'active',
  startedAt: 0,
  deploy: seen(100),
  connections: 0,
  pressure: 0,
  address: '127.0.0.1:1',
  rates: { connects: 0, published: 0, delivered: 0 },
  degraded: [],
  ...more,
})

function seen(generation: number): NonNullable<NodeInfo['deploy']> {
  return { generation, said: false }
}

function said(generation: number): NonNullable<NodeInfo['deploy']> {
  return { generation, said: true }
}

const NOBODY: ReadonlySet<string> = new Set()

const sight = (self: Partial<NodeInfo>, others: readonly Partial<NodeInfo>[], target?: Target): Sight => ({
  self: node(self),
  others: others.map(node),
  target,
  leaving: NOBODY,
})

const targetOf = (version: string, over: Target['over']): Target => ({ version, over, by: 'ops', at: 0 })

describe('a moving client', () => {
  it('stays where all nodes are of one version, whatever each knows of when it was first seen', () => {
    expect(isOutdated(sight({}, [{ deploy: seen(200) }]))).toBe(false)
    expect(isOutdated(sight({}, []))).toBe(false)
  })

  it('goes on where another version was deployed later', () => {
    expect(isOutdated(sight({}, [{ version: '2', deploy: seen(200) }]))).toBe(true)
    expect(isOutdated(sight({ version: '2', deploy: seen(200) }, [{}]))).toBe(false)
  })

  it('is not sent back when an old pod restarts: when a process began does not count', () => {
    const restarted = { startedAt: 900 }
    expect(isOutdated(sight({ version: '2', deploy: seen(200), startedAt: 200 }, [restarted]))).toBe(false)
    expect(isOutdated(sight(restarted, [{ version: '2', deploy: seen(200), startedAt: 200 }]))).toBe(true)
  })

  it('is not sent back when the store has lost when the old version was seen first, while one node knows it', () => {
    const wrong = { deploy: seen(900) }
    const newer = { version: '2', deploy: seen(200) }
    expect(isOutdated(sight(newer, [wrong, {}]))).toBe(false)
    expect(isOutdated(sight(wrong, [newer, {}]))).toBe(true)
  })

  it('follows what was said before what was seen, and the greater of what was said', () => {
    expect(isOutdated(sight({ deploy: seen(1e12) }, [{ version: '2', deploy: said(3) }]))).toBe(true)
    expect(isOutdated(sight({ deploy: said(4) }, [{ version: '2', deploy: said(3) }]))).toBe(false)
    // The same version with another configuration is another deploy.
    expect(isOutdated(sight({ deploy: said(3) }, [{ deploy: said(4) }]))).toBe(true)
  })

  it('goes to the target of operators, until a later deploy comes', () => {
    const target = targetOf('1', seen(300))
    expect(isOutdated(sight({}, [{ version: '2', deploy: seen(200) }], target))).toBe(false)
    expect(isOutdated(sight({ version: '2', deploy: seen(200) }, [{}], target))).toBe(true)
    expect(isOutdated(sight({}, [{ version: '3', deploy: seen(301) }], target))).toBe(true)
    const overSaid = targetOf('1', said(7))
    expect(isOutdated(sight({ version: '2', deploy: said(7) }, [{ deploy: said(6) }], overSaid))).toBe(true)
    expect(isOutdated(sight({ deploy: said(6) }, [{ version: '2', deploy: said(8) }], overSaid))).toBe(true)
  })

  it('stays where it is not known of which deploy a node is', () => {
    const { deploy: _, ...unknown } = node({ version: '2' })
    expect(isOutdated({ self: node({}), others: [unknown], target: undefined, leaving: NOBODY })).toBe(false)
    expect(isOutdated({ self: unknown, others: [node({})], target: undefined, leaving: NOBODY })).toBe(false)
  })

  it('T3 goes on from a node that a job drains to any that it does not, also in another region', () => {
    const leaving = new Set(['self', 'b'])
    const at = (self: Partial<NodeInfo>, others: readonly Partial<NodeInfo>[]): Sight => ({
      ...sight(self, others),
      leaving,
    })
    expect(isOutdated(at({ id: 'self' }, [{ id: 'b' }, { id: 'c' }]))).toBe(true)
    expect(isOutdated(at({ id: 'self' }, [{ id: 'b' }, { id: 'c', region: 'us' }]))).toBe(true)
    // There is nowhere else.
    expect(isOutdated(at({ id: 'self' }, [{ id: 'b' }]))).toBe(false)
    expect(isOutdated(at({ id: 'self' }, [{ id: 'c', state: 'draining' }]))).toBe(false)
    // Nobody is sent to a node that is drained next, of whatever deploy.
    expect(isOutdated(at({ id: 'c' }, [{ id: 'b', version: '2', deploy: seen(200) }]))).toBe(false)
    expect(isFuller(at({ id: 'c', connections: 100 }, [{ id: 'b', connections: 0 }]))).toBe(false)
  })

  it('goes on from a node that is kept out to any that is not', () => {
    expect(isOutdated(sight({ state: 'cordoned', version: '2', deploy: seen(200) }, [{}]))).toBe(true)
    expect(isOutdated(sight({ state: 'cordoned' }, [{ state: 'cordoned' }]))).toBe(false)
  })

  it.each([
    { state: 'starting' },
    { state: 'draining' },
    { state: 'cordoned' },
    { pressure: 0.9 },
    { region: 'us' },
    { role: 'api' },
  ] as const)('stays where the other node is %o', (more) => {
    expect(isOutdated(sight({}, [{ version: '2', deploy: seen(200), ...more }]))).toBe(false)
  })
})

it('the latest deploy is the greatest that was said, or else now', () => {
  expect(latestOf([seen(5), undefined], 100)).toEqual(seen(100))
  expect(latestOf([said(5), seen(900), said(4)], 100)).toEqual(said(5))
})

describe('a full node', () => {
  const full = { connections: 100 }

  it('is better left for those that have fewer clients', () => {
    expect(isFuller(sight(full, [{}]))).toBe(true)
    expect(isFuller(sight(full, [{ connections: 95 }]))).toBe(false)
    expect(isFuller(sight({}, [{ connections: 100 }]))).toBe(false)
    expect(isFuller(sight(full, []))).toBe(false)
    expect(isFuller(sight(full, [{ state: 'draining' }]))).toBe(false)
  })

  it('is not left for one of an earlier deploy, which would send the client back', () => {
    expect(isFuller(sight({ ...full, version: '2', deploy: seen(200) }, [{}]))).toBe(false)
    expect(isFuller(sight(full, [{ version: '2', deploy: seen(200) }], targetOf('1', seen(300))))).toBe(false)
  })
})

describe('a client', () => {
  const newer = { version: '2', deploy: seen(200) }

  it('is turned away a few times, fewer where nothing serves it meanwhile, and let in then', () => {
    expect(TURNS_UNSERVED_MAX).toBeLessThan(TURNS_MAX)
    for (const [served, max] of [
      [true, TURNS_MAX],
      [false, TURNS_UNSERVED_MAX],
    ] as const) {
      expect(redirects(max - 1, served, sight({}, [newer]))).toBe(true)
      expect(redirects(max, served, sight({}, [newer]))).toBe(false)
    }
  })

  it('that nothing serves is not turned away for the sake of even numbers', () => {
    const uneven = sight({ connections: 100 }, [{}])
    expect(redirects(0, true, uneven)).toBe(true)
    expect(redirects(0, false, uneven)).toBe(false)
  })
})
