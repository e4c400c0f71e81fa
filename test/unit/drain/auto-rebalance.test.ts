import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../support/manual-clock.ts'
import { AutoRebalance } from '../../../src/drain/auto-rebalance.ts'
import { JobBook } from '../../../src/drain/job-book.ts'
import type { Job } from '../../../src/drain/job.ts'
import { MemoryRegistry } from '../../../src/registry/memory.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

const SETTLE_MS = 6000

const node = (id: string, connections: number, more: Partial<NodeInfo> = {}): NodeInfo => ({
  id,
  version: '1',
  region: 'eu',
  role: 'all',
  state: 'active',
  startedAt: 0,
  connections,
  pressure: 0,
  address: '127.0.0.1:1',
  rates: { connects: 0, published: 0, delivered: 0 },
  degraded: [],
  ...more,
})

let clock: ManualClock
let book: JobBook

beforeEach(() => {
  clock = new ManualClock()
  const registry = new MemoryRegistry({ nodeTtlMs: 10_000, sessionTtlMs: 10_000 }, clock)
  book = new JobBook({ registry, clock, changed: () => undefined })
})

/** What has been begun once a node has looked, and looked again later. */
async function begunBy(self: NodeInfo, others: readonly NodeInfo[], jobs = 0): Promise<readonly Job[]> {
  const auto = new AutoRebalance(SETTLE_MS, {
    clock,
    log: { info: () => undefined },
    book,
    self: () => self,
    others: () => others,
    jobs: () => jobs,
    target: () => '1',
    failed: (_what, error) => {
      throw error
    },
  })
  auto.look()
  expect([...(await book.running()).values()]).toEqual([])
  clock.pass(SETTLE_MS)
  auto.look()
  auto.look()
  // What it asks of the registry in memory is answered in this turn.
  await new Promise((resolve) => setImmediate(resolve))
  return [...(await book.running()).values()]
}

describe('a node that has joined', () => {
  it('has the others give it its share, once', async () => {
    const jobs = await begunBy(node('new', 0), [
      node('a', 100),
      node('b', 80),
      node('far', 500, { region: 'us' }),
    ])
    expect(jobs).toMatchObject([
      {
        kind: 'rebalance',
        by: 'rebalance.auto',
        reason: 'node new has joined',
        nodes: [
          { id: 'a', clients: 40 },
          { id: 'b', clients: 20 },
        ],
      },
    ])
  })

  it('leaves it to one of those who join together', async () => {
    const [one, two] = [node('new-1', 0), node('new-2', 0)]
    const [first] = await begunBy(one, [node('a', 100), two])
    const over: Job = { ...(first as Job), endedAt: 1, state: 'done' }
    await book.change(over.id, () => over)
    await book.archive({ job: over, text: JSON.stringify(over) })
    expect(await begunBy(two, [node('a', 100), one])).toEqual([])
  })

  it.each<[string, NodeInfo, readonly NodeInfo[], number]>([
    ['the others have no more than it', node('new', 100), [node('a', 100)], 0],
    ['it is not active', node('new', 0, { state: 'cordoned' }), [node('a', 100)], 0],
    ['it has no clients', node('new', 0, { role: 'api' }), [node('a', 100)], 0],
    ['a deploy is under way', node('new', 0), [node('a', 100, { version: '0' })], 0],
    ['another node leaves', node('new', 0), [node('a', 100), node('b', 10, { state: 'draining' })], 0],
    ['a job runs', node('new', 0), [node('a', 100)], 1],
  ])('begins nothing where %s', async (_, self, others, jobs) => {
    expect(await begunBy(self, others, jobs)).toEqual([])
  })
})
