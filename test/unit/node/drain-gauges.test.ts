import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../support/manual-clock.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { NO_ORDERS, type Target } from '../../../src/cluster/orders.ts'
import type { DrainProgress } from '../../../src/drain/drain.ts'
import { NOTHING } from '../../../src/drain/tally.ts'
import { createJobs, type Jobs } from '../../../src/node/jobs.ts'
import { createLog } from '../../../src/observe/log.ts'
import { createMetrics, type Metrics } from '../../../src/observe/metrics.ts'
import { MemoryRegistry } from '../../../src/registry/memory.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

/** What the dashboards and alerts on drains read. */

const SELF: NodeInfo = {
  id: 'a',
  version: '1.4.0',
  region: 'eu',
  role: 'all',
  state: 'active',
  startedAt: 0,
  deploy: { generation: 1, said: true },
  connections: 100,
  pressure: 0,
  address: '127.0.0.1:1',
  rates: { connects: 0, published: 0, delivered: 0 },
  degraded: [],
}
const MOVING: DrainProgress = {
  ...NOTHING,
  state: 'moving',
  plan: '5%/2m',
  total: 100,
  transports: {},
  remaining: 60,
  elapsedMs: 1000,
  ratePerSecond: 2,
  remainingMs: 30_000,
}

let clock: ManualClock
let metrics: Metrics
let jobs: Jobs
const movements: { progress: DrainProgress | undefined; rebalanceProgress: DrainProgress | undefined } = {
  progress: undefined,
  rebalanceProgress: undefined,
}
const orders: { target: Target | undefined } = { target: undefined }

beforeEach(() => {
  clock = new ManualClock()
  metrics = createMetrics({
    node: { node: 'a', version: '1.4.0', region: 'eu', role: 'all' },
    process: false,
  })
  Object.assign(movements, { progress: undefined, rebalanceProgress: undefined })
  orders.target = undefined
  const drain = Object.assign(movements, {
    begin: () => new Promise<never>(() => undefined),
    rebalance: () => new Promise<never>(() => undefined),
    cancel() {},
    cancelRebalance() {},
    hold() {},
    underway: undefined,
  })
  jobs = createJobs({
    config: loadConfig({ settings: { log: { level: 'silent' } }, dev: true }),
    ...{ clock, metrics, drain },
    log: createLog({ level: 'silent', pretty: false, bindings: {} }),
    registry: new MemoryRegistry({ nodeTtlMs: 10_000, sessionTtlMs: 10_000 }, clock),
    membership: {
      others: [{ ...SELF, id: 'b', version: '1.5.0', deploy: { generation: 2, said: true } }],
      get orders() {
        return { ...NO_ORDERS, target: orders.target }
      },
      jobs: new Map(),
      refresh: () => Promise.resolve([]),
    },
    info: () => SELF,
    changed() {},
    emptied() {},
    failed(_what, error) {
      throw error
    },
  })
})

function seen(name: string): readonly string[] {
  return metrics
    .page(undefined)
    .text.split('\n')
    .filter((line) => line.startsWith(`sluice_${name}`) && !line.endsWith(' 0'))
}

describe('the gauges of drains', () => {
  it('are silent where nothing moves', async () => {
    for (const name of ['drain_state', 'drain_holding', 'drain_remaining', 'drain_estimate', 'jobs_running'])
      expect(seen(name)).toEqual([])
  })

  it('say the state, what is left and how long it takes', async () => {
    movements.progress = MOVING
    expect(seen('drain_state')).toEqual(['sluice_drain_state{state="moving"} 1'])
    expect(seen('drain_remaining')).toEqual(['sluice_drain_remaining 60'])
    expect(seen('drain_estimate')).toEqual(['sluice_drain_estimate_seconds 30'])
    expect(seen('drain_holding')).toEqual([])
  })

  it('say why nobody is asked, in a word of a bounded set, and nothing of how long', async () => {
    const { remainingMs: _, ...rest } = MOVING
    movements.progress = {
      ...rest,
      state: 'waiting',
      holding: 'no other node is active',
      holdReason: 'alone',
    }
    expect(seen('drain_holding')).toEqual(['sluice_drain_holding{reason="alone"} 1'])
    expect(seen('drain_estimate')).toEqual([])
  })

  it('say of one that is over how it ended, and nothing else', async () => {
    movements.progress = { ...MOVING, state: 'cancelled', holdReason: 'alone' }
    expect(seen('drain_state')).toEqual(['sluice_drain_state{state="cancelled"} 1'])
    expect([seen('drain_remaining'), seen('drain_holding')]).toEqual([[], []])
  })

  it('count a rebalance as what moves, and not as a drain', async () => {
    movements.rebalanceProgress = { ...MOVING, remaining: 7 }
    expect(seen('drain_state')).toEqual([])
    expect(seen('drain_remaining')).toEqual(['sluice_drain_remaining 7'])
  })
})

describe('the mark of a deploy', () => {
  it('is when the version that clients go to became another one, and does not move meanwhile', async () => {
    const at = (): string => `sluice_deploy_changed_seconds ${clock.now() / 1000}`
    jobs.look(clock.monotonicMs())
    expect(jobs.target()).toBe('1.5.0')
    const first = at()
    expect(seen('deploy_changed')).toEqual([first])
    clock.pass(5000)
    jobs.look(clock.monotonicMs())
    expect(seen('deploy_changed')).toEqual([first])
    orders.target = { version: '1.4.0', by: 'ops', at: 1, over: { generation: 2, said: true } }
    jobs.look(clock.monotonicMs())
    expect(jobs.target()).toBe('1.4.0')
    expect(seen('deploy_changed')).toEqual([at()])
    expect(at()).not.toBe(first)
  })
})
