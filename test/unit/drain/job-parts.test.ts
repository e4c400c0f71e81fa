import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../support/manual-clock.ts'
import { parsePlan, type Plan } from '../../../src/config/drain-plan.ts'
import { JobBook } from '../../../src/drain/job-book.ts'
import { chosenFrom, drainJob, type JobWish } from '../../../src/drain/job-making.ts'
import { commandOf } from '../../../src/drain/job-hand.ts'
import { advance, type LeaderSight } from '../../../src/drain/job-leader.ts'
import { shareOf } from '../../../src/drain/job-pace.ts'
import { JobRunner } from '../../../src/drain/job-runner.ts'
import type { JobDrain, PartCommand } from '../../../src/drain/job-runner-ports.ts'
import { begun as begunBy, jobIn, type Job, type JobNode } from '../../../src/drain/job.ts'
import { MemoryRegistry } from '../../../src/registry/memory.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

/** Where to and how fast: what an operator says of a job comes to each node of it, and to nobody else. */

const DELAYS = { deregisterMs: 100, graceMs: 1000, closeSpreadMs: 100 }
const node = (id: string): NodeInfo => ({
  id,
  version: '1',
  region: 'eu',
  role: 'all',
  state: 'active',
  startedAt: 0,
  connections: 100,
  pressure: 0,
  address: '127.0.0.1:1',
  rates: { connects: 0, published: 0, delivered: 0 },
  degraded: [],
})
const NODES = [node('a'), node('b')]
const WISH: JobWish = { id: 'drain-1', by: 'ops', plan: 'fast', parallel: 1, target: '1', nowMs: 0 }
const made = (more: Partial<JobWish> = {}): Job =>
  drainJob(chosenFrom(NODES, { region: 'eu' }), 'region eu', { ...WISH, ...more }, DELAYS)

let clock: ManualClock
let book: JobBook
let begun: PartCommand[]
let registry: MemoryRegistry
/** As many as node `a` has. */
let connections: number

beforeEach(() => {
  clock = new ManualClock()
  registry = new MemoryRegistry({ nodeTtlMs: 10_000, sessionTtlMs: 10_000 }, clock)
  book = new JobBook({ registry, clock, changed: () => undefined })
  begun = []
  connections = 100
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What the job orders of node `a` until it is moving clients, as it leads. */
async function ordered(job: Job, ends?: Pick<JobDrain, 'underway'>): Promise<readonly PartCommand[]> {
  await book.create(job)
  let shelf = await registry.read('jobs')
  const drain: JobDrain = {
    begin(wish) {
      begun.push(wish)
      return ends === undefined ? new Promise(() => undefined) : Promise.resolve('gone')
    },
    rebalance: () => new Promise(() => undefined),
    cancel() {},
    cancelRebalance() {},
    hold() {},
    progress: undefined,
    underway: ends?.underway,
    rebalanceProgress: undefined,
  }
  const runner = new JobRunner(
    { leaseMs: 10_000, answerMs: 30_000 },
    {
      ...{ nodeId: 'a', clock, book, drain, delays: DELAYS },
      log: { info() {}, warn() {} } as never,
      others: () => NODES.filter(({ id }) => id !== 'a'),
      connections: () => connections,
      jobs: () => shelf,
      read: async () => runner.look(clock.monotonicMs()),
      emptied() {},
      failed(_what, error) {
        throw error
      },
    },
  )
  for (let looks = 0; looks < 8; looks++) {
    shelf = await registry.read('jobs')
    runner.look(clock.monotonicMs())
    await turn()
  }
  await runner.close()
  return begun
}

describe('a job that says where to', () => {
  it('tells each node of it once, with its beginning', async () => {
    const orders = await ordered(made({ to: 'us', plan: '1m' }))
    expect(orders.filter(({ to }) => to !== undefined)).toEqual([orders[0]])
    expect(orders[0]).toMatchObject({ to: 'us' })
  })

  it('and one that does not leaves clients to their usual address', async () => {
    expect((await ordered(made())).some((order) => 'to' in order)).toBe(false)
  })

  it('is one that others may have written: what is no text there is no job', () => {
    const job = made({ to: 'us' })
    expect(jobIn(job.id, JSON.stringify(job))).toMatchObject({ to: 'us' })
    expect(jobIn(job.id, JSON.stringify({ ...job, to: 5 }))).toBeUndefined()
  })
})

const first = (job: Job): JobNode => job.nodes[0] as JobNode

describe('a job that is as fast as the others take it', () => {
  it('gives each node no pace of its own, from now on, however many move at a time', async () => {
    const sight = { ...DELAYS, nowMs: 500, told: () => 0, left: () => undefined }
    for (const lanes of [1, 2])
      expect(shareOf(made(), first(made()), lanes, sight)).toEqual({ plan: 'fast', moveAt: 500 })
    expect((await ordered(made()))[0]).toMatchObject({ plan: 'fast' })
  })

  it('while a plan of its own is divided among those that move at a time', () => {
    const sight = { ...DELAYS, nowMs: 0, told: () => 0, left: () => undefined }
    const half = made({ plan: '10/1s', parallel: 2 })
    expect(shareOf(half, first(half), 2, sight).plan).toBe('5/1s')
  })
})

describe('a batch in which the part of a node has ended', () => {
  const UNTIL = { batchAsked: 3, batchUntil: 700 }

  it('is gone on with by the node that is called next, and by nobody else', async () => {
    const nowMs = await book.nowMs()
    await ordered(made({ plan: '10/1s', nowMs }), { underway: { asked: 3, nextInMs: 700 } })
    const job = jobIn('drain-1', (await registry.read('jobs')).get('drain-1') ?? '')
    expect(job?.nodes[0]).toMatchObject({ id: 'a', part: 'gone' })
    expect(job?.nodes[0]).not.toHaveProperty('batchAsked')
    expect(job?.nodes[1]).toMatchObject({
      id: 'b',
      part: 'called',
      batchAsked: 3,
      batchUntil: nowMs + 700,
      moveAt: nowMs,
    })
  })

  it('is told to the drain of that node at its beginning alone', () => {
    const job = made({ plan: '10/1s' })
    const moving: JobNode = { ...first(job), part: 'moving', plan: '10/1s', share: 's', ...UNTIL }
    expect(commandOf(job, moving, undefined, 500).underway).toEqual({ asked: 3, nextInMs: 200 })
    expect(commandOf(job, moving, { share: 's' }, 500)).not.toHaveProperty('underway')
  })

  it('that is full is not gone on with: the next node waits until its own is due', () => {
    const called: JobNode = { ...first(made()), part: 'called', batchAsked: 10, batchUntil: 700 }
    const sight = { ...DELAYS, nowMs: 0, told: () => 0, left: () => undefined }
    expect(shareOf(made({ plan: '10/1s' }), called, 1, sight)).toEqual({ plan: '10/1s', moveAt: 700 })
  })
})

describe('a node that had no clients when the job was made, and is given those of one that has died', () => {
  const lone = (plan: string): Job => {
    const job = made({ plan, deadlineMs: 600_000, nowMs: clock.now() })
    return { ...job, nodes: [{ ...first(job), clients: 0 }] }
  }
  const perSecond = ({ plan = '' }: Pick<PartCommand, 'plan'>): number => {
    const { kind, ...rest } = parsePlan(plan) as Plan
    expect(kind).toBe('count')
    const { count, everyMs } = rest as { count: number; everyMs: number }
    return (count / everyMs) * 1000
  }

  it('is given a pace for those that it has when it begins', async () => {
    connections = 500
    const [over] = await ordered(lone('100s'))
    expect(perSecond(over as PartCommand)).toBeCloseTo(5, 0)
  })

  it('also where that is a part of all', async () => {
    connections = 500
    const [percent] = await ordered(lone('10%/10s'))
    expect(perSecond(percent as PartCommand)).toBeCloseTo(5, 0)
  })

  it('waits for no part of the plan as long as it has none', () => {
    const sight = { ...DELAYS, nowMs: 700, told: () => 0, left: () => 0 }
    for (const clients of [0, 1]) {
      const job = made({ plan: '1%/5m' })
      const one = { ...job, nodes: [{ ...first(job), clients }] }
      expect(shareOf(one, first(one), 1, sight).moveAt).toBe(700)
    }
  })

  it('is given another one where they come while it waits for balancers, and not for one or two', () => {
    const sight = (left: number): LeaderSight => ({
      ...{ ...DELAYS, nowMs: 0, answerMs: 30_000, leaveMs: 10_000 },
      ...{ here: () => true, told: () => 0, left: () => left },
    })
    const planOf = (job: Job): string => first(job).plan ?? ''
    const empty = advance({ ...lone('100s'), at: 0, planFrom: 0, deadlineAt: 600_000 }, sight(0))
    const moving = begunBy(empty, 'a', 0) as Job
    expect(advance(moving, sight(1))).toBe(moving)
    const grown = advance(moving, sight(400))
    expect(perSecond({ plan: planOf(grown) })).toBeCloseTo(4, 0)
    for (const left of [500, 300, 0]) expect(advance(grown, sight(left))).toBe(grown)
    expect(perSecond({ plan: planOf(advance(grown, sight(600))) })).toBeCloseTo(6, 0)
  })
})
