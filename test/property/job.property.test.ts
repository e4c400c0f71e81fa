import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePlan, type Plan } from '../../src/config/drain-plan.ts'
import { DrainCore } from '../../src/drain/core.ts'
import { stepOf, type Local } from '../../src/drain/job-hand.ts'
import { advance, type LeaderSight } from '../../src/drain/job-leader.ts'
import { back, begun, changed, ended, isOver, nodeOf, type Job, type JobNode } from '../../src/drain/job.ts'
import { lengthMs, scheduleOf } from '../../src/drain/schedule.ts'

/** Nodes that die, freeze, answer late, and lead although another one does; over one shelf. */

const NODE_TTL_MS = 3000
const LEASE_MS = 3000
const ANSWER_MS = 5000
const DELAYS = { deregisterMs: 500, graceMs: 1000, closeSpreadMs: 500 }
const OUTSIDERS = 2
const CALM_MS = 10 * 60_000

function jobOf(nodes: readonly Pick<JobNode, 'id' | 'clients'>[], more: Partial<Job> = {}): Job {
  return {
    id: 'job-1',
    kind: 'drain',
    state: 'running',
    by: 'tests',
    what: 'region eu',
    at: 0,
    plan: '5s',
    planFrom: 0,
    planTold: 0,
    parallel: 1,
    nodes: nodes.map((node) => ({ region: 'eu', version: '1', part: 'waiting', ...node })),
    ...more,
  }
}

/** What a node has read, and has not acted upon yet. */
interface Snapshot {
  readonly text: string
  readonly job: Job
  readonly atMs: number
}

class Node {
  readonly id: string
  alive = true
  frozen = false
  seenMs = 0
  seen: Snapshot | undefined
  /** As leaders do, it looks at the table of nodes, and acts on it later. */
  table: ReadonlySet<string> = new Set()
  local: Local = 'none'
  begins = 0
  held = false
  /** Not told yet. */
  left: number
  told = 0
  readonly missingSinceMs = new Map<string, number>()

  constructor(id: string, clients: number) {
    this.id = id
    this.left = clients
  }
}

class World {
  nowMs = 0
  text: string
  lease: { holder: string; untilMs: number } | undefined
  readonly nodes: readonly Node[]
  readonly parallel: number
  asks = 0
  /** Two who led at the same time have both written. */
  rivals = 0
  #lastWriter = ''

  constructor(job: Job) {
    this.text = JSON.stringify(job)
    this.parallel = job.parallel
    this.nodes = [
      ...job.nodes.map(({ id, clients }) => new Node(id, clients)),
      ...Array.from({ length: OUTSIDERS }, (_, index) => new Node(`outside-${index}`, 0)),
    ]
  }

  get job(): Job {
    return JSON.parse(this.text) as Job
  }

  swap(before: string, job: Job | undefined): boolean {
    if (job === undefined || before !== this.text) return false
    this.text = JSON.stringify(job)
    return true
  }

  look(node: Node): void {
    node.seenMs = this.nowMs
    node.seen = { text: this.text, job: this.job, atMs: this.nowMs }
    node.table = new Set(
      this.nodes.filter(({ seenMs }) => this.nowMs - seenMs <= NODE_TTL_MS).map(({ id }) => id),
    )
  }

  /** On what it saw, which may be old. */
  lead(node: Node, believes: boolean): void {
    const { lease } = this
    const holds = lease === undefined || lease.untilMs <= this.nowMs || lease.holder === node.id
    if (holds) this.lease = { holder: node.id, untilMs: this.nowMs + LEASE_MS }
    if ((!holds && !believes) || node.seen === undefined) return
    const sight: LeaderSight = {
      ...DELAYS,
      nowMs: this.nowMs,
      answerMs: ANSWER_MS,
      leaveMs: NODE_TTL_MS,
      here: (id) => node.table.has(id),
      told: (id) => this.#find(id).told,
      left: (id) => this.#find(id).left,
    }
    const { text, job } = node.seen
    const next = advance(job, sight)
    if (next === job || !this.swap(text, next)) return
    if (!holds && this.#lastWriter !== node.id) this.rivals++
    this.#lastWriter = node.id
  }

  act(node: Node): void {
    if (node.seen === undefined) return
    const { text, job } = node.seen
    const step = stepOf(job, node.id, node.local)
    switch (step.kind) {
      case 'claim':
        if (!this.swap(text, begun(job, node.id, this.nowMs))) break
        if (node.local === 'none') node.begins++
        node.local = 'runs'
        node.held = false
        this.look(node)
        break
      case 'follow':
        // It has begun and was not heard: the word came through, the answer did not.
        if (node.local === 'none') node.begins++
        node.local = 'runs'
        node.held = job.state === 'paused'
        break
      case 'hold':
        node.held = true
        break
      case 'back':
        node.held = true
        this.swap(text, back(job, node.id, this.nowMs))
        break
      case 'cancel':
        node.local = 'over'
        break
      case 'nothing':
        break
    }
    const own = nodeOf(this.job, node.id)
    if (own === undefined || isOver(this.job)) return
    const { told } = node
    if (node.local === 'over' || (node.local === 'runs' && node.left === 0)) {
      const cancelled = node.local === 'over'
      // Who has ended says so until it is written.
      if (this.swap(this.text, ended(this.job, node.id, { nowMs: this.nowMs, told, cancelled })))
        node.local = 'over'
    }
  }

  mayAsk(node: Node): boolean {
    const { seen } = node
    if (!node.alive || node.frozen || node.local !== 'runs' || node.held || node.left === 0) return false
    if (seen === undefined || this.nowMs - seen.atMs > NODE_TTL_MS) return false
    return seen.job.state === 'running' && nodeOf(seen.job, node.id)?.part === 'moving'
  }

  ask(node: Node): void {
    if (!this.mayAsk(node)) return
    const asking = this.nodes.filter((one) => this.mayAsk(one))
    // J1
    const all = this.job.now === true || asking.some(({ seen }) => seen?.job.now)
    if (!all) expect(asking.length).toBeLessThanOrEqual(this.parallel)
    this.asks++
    node.left--
    node.told++
  }

  #find(id: string): Node {
    return this.nodes.find((node) => node.id === id) as Node
  }
}

const events = fc.array(
  fc.record({
    passMs: fc.constantFrom(0, 0, 0, 100, 300, 1500),
    who: fc.nat(6),
    what: fc.constantFrom(
      ...(['look', 'look', 'look', 'lead', 'lead', 'lead', 'act', 'act', 'act', 'ask', 'ask'] as const),
      ...([
        'usurp',
        'usurp',
        'freeze',
        'freeze',
        'thaw',
        'kill',
        'pause',
        'resume',
        'cancel',
        'now',
      ] as const),
    ),
  }),
  { minLength: 50, maxLength: 300 },
)
const sizes = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 })

describe('a job', () => {
  it('J1 J2 J3 keeps to its parallelism, begins each node once, and ends, whoever dies, freezes or leads beside another', () => {
    let asks = 0
    let rivals = 0
    let lost = 0
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 3 }), events, (clients, parallel, all) => {
        const job = jobOf(
          clients.map((count, index) => ({ id: `n${index}`, clients: count })),
          { parallel },
        )
        const world = new World(job)
        for (const { passMs, who, what } of all) {
          world.nowMs += passMs
          const node = world.nodes[who % world.nodes.length] as Node
          happen(world, node, what)
        }
        // From here on nobody dies any more, and everybody looks now and then.
        for (const node of world.nodes) node.frozen = false
        if (world.job.state === 'paused')
          world.swap(world.text, changed(world.job, { paused: false }, world.nowMs))
        const untilMs = world.nowMs + CALM_MS
        while (!isOver(world.job) && world.nowMs < untilMs) {
          world.nowMs += 100
          for (const node of world.nodes) {
            if (!node.alive) continue
            world.look(node)
            world.lead(node, false)
            world.look(node)
            world.act(node)
            world.ask(node)
          }
        }
        // J2 J3
        expect(isOver(world.job)).toBe(true)
        for (const { begins } of world.nodes) expect(begins).toBeLessThanOrEqual(1)
        for (const { id, part } of world.job.nodes) {
          expect(['gone', 'stayed', 'left', 'lost', 'silent']).toContain(part)
          const node = world.nodes.find((one) => one.id === id) as Node
          if (part === 'gone') expect(node.left).toBe(0)
          if (part === 'lost') lost++
        }
        asks += world.asks
        rivals += world.rivals
      }),
      { numRuns: 1000 },
    )
    expect(asks).toBeGreaterThan(500)
    expect(rivals).toBeGreaterThan(0)
    expect(lost).toBeGreaterThan(0)
  })

  it('J4 asks nobody once all have heard that it is paused or cancelled', () => {
    for (const change of [{ paused: true }, { cancel: true }] as const) {
      const world = new World(jobOf([{ id: 'a', clients: 5 }]))
      const [node, outside] = world.nodes as [Node, Node]
      const round = (): void => {
        world.nowMs += 100
        for (const one of [outside, node]) world.look(one)
        world.lead(outside, false)
        world.look(node)
        world.act(node)
        world.ask(node)
      }
      round()
      round()
      expect(node.told).toBeGreaterThan(0)
      world.swap(world.text, changed(world.job, change, world.nowMs))
      const before = node.told
      for (let i = 0; i < 20; i++) round()
      expect(node.told).toBe(before)
    }
  })
})

function happen(world: World, node: Node, what: string): void {
  const outside = node.id.startsWith('outside')
  if (what === 'thaw') node.frozen = false
  // Somebody has to be left.
  if (what === 'kill' && !(outside && node.id === 'outside-0')) node.alive = false
  if (!node.alive || node.frozen) return
  switch (what) {
    case 'look':
      world.look(node)
      break
    case 'lead':
    case 'usurp':
      world.lead(node, what === 'usurp')
      break
    case 'act':
      world.act(node)
      break
    case 'ask':
      world.ask(node)
      break
    case 'freeze':
      node.frozen = true
      break
    case 'pause':
    case 'resume':
      world.swap(world.text, changed(world.job, { paused: what === 'pause' }, world.nowMs))
      break
    case 'cancel':
      // Seldom, or nothing would ever go on.
      if (world.nowMs % 7 === 0) world.swap(world.text, changed(world.job, { cancel: true }, world.nowMs))
      break
    case 'now':
      if (world.nowMs % 5 === 0) world.swap(world.text, changed(world.job, { now: true }, world.nowMs))
      break
  }
}

/** The nodes of a job with their real drains; every client moves as soon as it is asked. */
class Fleet {
  nowMs = 0
  job: Job
  readonly #cores = new Map<string, DrainCore>()
  readonly #here: Map<string, number>
  readonly #plans = new Map<string, string>()

  constructor(job: Job) {
    this.job = job
    this.#here = new Map(job.nodes.map(({ id, clients }) => [id, clients]))
  }

  get toldSoFar(): number {
    return [...this.#cores.values()].reduce((sum, { counts }) => sum + counts.told, 0)
  }

  partOf(id: string): string | undefined {
    return nodeOf(this.job, id)?.part
  }

  /** They come from elsewhere. */
  join(id: string, clients: number): void {
    this.#here.set(id, (this.#here.get(id) ?? 0) + clients)
  }

  tick(): void {
    this.nowMs += 100
    this.job = advance(this.job, {
      ...DELAYS,
      nowMs: this.nowMs,
      answerMs: ANSWER_MS,
      leaveMs: NODE_TTL_MS,
      here: () => true,
      told: (id) => this.#cores.get(id)?.counts.told ?? 0,
      left: (id) => this.#here.get(id) ?? 0,
    })
    for (const { id, part, plan = '', moveAt = 0, deadlineAt = Infinity, batchAsked, batchUntil = 0 } of this
      .job.nodes) {
      if (part === 'called') {
        this.job = begun(this.job, id, this.nowMs) ?? this.job
        const options = {
          plan: parsePlan(plan) as Plan,
          ...DELAYS,
          deregisterMs: Math.max(DELAYS.deregisterMs, moveAt - this.nowMs),
          returnMs: 0,
          deadlineMs: deadlineAt - this.nowMs,
          ...(batchAsked === undefined
            ? {}
            : { underway: { asked: batchAsked, nextInMs: batchUntil - this.nowMs } }),
        }
        this.#cores.set(id, new DrainCore(options, this.#here.get(id) as number, this.nowMs))
        this.#plans.set(id, plan)
      }
      const core = this.#cores.get(id)
      if (core === undefined || part !== 'moving') continue
      if (this.#plans.get(id) !== plan) core.setPlan(parsePlan(plan) as Plan, moveAt - this.nowMs)
      this.#plans.set(id, plan)
      this.#drain(id, core)
    }
  }

  #drain(id: string, core: DrainCore): void {
    let here = this.#here.get(id) as number
    for (const decision of core.tick(this.nowMs, here, { ok: true, reason: '', room: Infinity })) {
      if (decision.kind === 'ask') {
        for (let i = 0; i < decision.count && here > 0; i++, here--) {
          const client = `${id}-${here}`
          core.asked(client, 'websocket', 0, this.nowMs)
          core.confirm(client, { gapMs: 0, recovered: true }, this.nowMs)
          core.gone(client, this.nowMs)
        }
      }
      if (decision.kind === 'evict') throw new Error('nobody had to be closed')
      if (decision.kind === 'done') {
        const underway = core.underway(this.nowMs)
        const ending = { nowMs: this.nowMs, told: core.counts.told, cancelled: false, underway }
        this.job = ended(this.job, id, ending) ?? this.job
      }
    }
    this.#here.set(id, here)
  }
}

const lanes = fc.integer({ min: 1, max: 3 })
const regions = fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 6 })
const batches: fc.Arbitrary<Exclude<Plan, { kind: 'fast' }>> = fc.oneof(
  fc.record({
    kind: fc.constant('percent' as const),
    percent: fc.integer({ min: 1, max: 100 }),
    everyMs: fc.integer({ min: 500, max: 20_000 }),
  }),
  fc.record({
    kind: fc.constant('count' as const),
    count: fc.integer({ min: 1, max: 100 }),
    everyMs: fc.integer({ min: 500, max: 20_000 }),
  }),
)

function planText(plan: Exclude<Plan, { kind: 'fast' }>): string {
  if (plan.kind === 'over') return `${plan.totalMs}ms`
  return `${plan.kind === 'percent' ? `${plan.percent}%` : plan.count}/${plan.everyMs}ms`
}

describe('the pace of a job', () => {
  it('J5 a batch is one of all nodes together, also where one node ends and the next begins', () => {
    fc.assert(
      fc.property(regions, batches, lanes, (clients, plan, parallel) => {
        const total = clients.reduce((sum, one) => sum + one, 0)
        const nodes = clients.map((count, index) => ({ id: `n${index}`, clients: count }))
        const fleet = new Fleet(jobOf(nodes, { plan: planText(plan), parallel }))
        const batch =
          plan.kind === 'percent' ? (total * plan.percent) / 100 : plan.kind === 'count' ? plan.count : 0
        const rounds = lengthMs(scheduleOf(plan, total)) / 100 + 50 * clients.length
        for (let i = 0; i < Math.min(rounds * 4 + 200, 60_000) && !isOver(fleet.job); i++) {
          fleet.tick()
          const { everyMs } = plan as { everyMs: number }
          // And one more of each node that has had a part, and of those at work one when its share changes: none can ask for a
          // part of a client.
          const due = batch * (fleet.nowMs / everyMs + 1)
          if (fleet.toldSoFar > due + clients.length + parallel)
            expect(fleet.toldSoFar).toBeLessThanOrEqual(due)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('J5 a node goes on with the batch in which the one before it has ended: nobody is asked early, and no batch is late', () => {
    const crowds = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(crowds, batches, (clients, plan) => {
        const total = clients.reduce((sum, one) => sum + one, 0)
        const nodes = clients.map((count, index) => ({ id: `n${index}`, clients: count }))
        const fleet = new Fleet(jobOf(nodes, { plan: planText(plan) }))
        const { everyMs } = plan as { everyMs: number }
        const batch =
          plan.kind === 'percent' ? (total * plan.percent) / 100 : (plan as { count: number }).count
        // None can ask for a part of a client: fewer, and as much sooner.
        const count = Math.max(1, Math.floor(batch + 1e-9))
        const stepMs = Math.max(1, Math.round((count * everyMs) / batch))
        // Beside the plan: for who is called and cannot begin yet.
        const lastMs = (total / count + 2) * stepMs + clients.length * (DELAYS.deregisterMs + 500)
        let fromMs: number | undefined
        while (!isOver(fleet.job) && fleet.toldSoFar < total && fleet.nowMs <= lastMs) {
          fleet.tick()
          if (fleet.toldSoFar === 0) continue
          fromMs ??= fleet.nowMs
          // Each node may be half a millisecond off.
          const due = count * (1 + Math.floor((fleet.nowMs - fromMs + clients.length) / stepMs))
          if (fleet.toldSoFar > due) expect(fleet.toldSoFar).toBeLessThanOrEqual(due)
        }
        expect(fleet.toldSoFar).toBe(total)
      }),
      { numRuns: 50 },
    )
  })

  it('J5 all nodes together are done by the time that was said, where their own delays leave some', () => {
    const seconds = fc.integer({ min: 60, max: 300 })
    fc.assert(
      fc.property(regions, seconds, lanes, (clients, totalS, parallel) => {
        const nodes = clients.map((count, index) => ({ id: `n${index}`, clients: count }))
        const fleet = new Fleet(jobOf(nodes, { plan: `${totalS}s`, parallel }))
        const total = clients.reduce((sum, one) => sum + one, 0)
        let doneMs = 0
        for (let i = 0; i < totalS * 20 && !isOver(fleet.job); i++) {
          fleet.tick()
          if (fleet.toldSoFar < total) doneMs = fleet.nowMs
        }
        expect(isOver(fleet.job)).toBe(true)
        expect(fleet.toldSoFar).toBe(total)
        expect(doneMs).toBeLessThanOrEqual(totalS * 1000 * 1.05 + 2000)
        // And not in a hurry either: they are spread over it.
        if (total >= 100) expect(doneMs).toBeGreaterThan(totalS * 1000 * 0.7)
      }),
      { numRuns: 30 },
    )
  })

  it('J5 so are those who come to a node that waits for its turn, or that takes newcomers before it moves anybody', () => {
    const seconds = fc.integer({ min: 60, max: 300 })
    const grown = fc.record({
      part: fc.constantFrom('waiting', 'moving'),
      by: fc.integer({ min: 1, max: 300 }),
    })
    fc.assert(
      fc.property(regions, seconds, grown, (clients, totalS, { part, by }) => {
        const nodes = [...clients, 0].map((count, index) => ({ id: `n${index}`, clients: count }))
        const last = (nodes.at(-1) as { id: string }).id
        const fleet = new Fleet(jobOf(nodes, { plan: `${totalS}s` }))
        const total = clients.reduce((sum, one) => sum + one, by)
        let joined = false
        let doneMs = 0
        for (let i = 0; i < totalS * 20 && !isOver(fleet.job); i++) {
          if (!joined && fleet.partOf(last) === part) {
            fleet.join(last, by)
            joined = true
          }
          fleet.tick()
          if (fleet.toldSoFar < total) doneMs = fleet.nowMs
        }
        expect(isOver(fleet.job)).toBe(true)
        expect(fleet.toldSoFar).toBe(total)
        expect(doneMs).toBeLessThanOrEqual(totalS * 1000 * 1.05 + 2000)
      }),
      { numRuns: 30 },
    )
  })

  it('ends by its deadline, with all nodes at once where there is no time for one after the other', () => {
    const nodes = Array.from({ length: 6 }, (_, index) => ({ id: `n${index}`, clients: 100 }))
    const fleet = new Fleet(jobOf(nodes, { plan: '1h', deadlineAt: 60_000 }))
    while (fleet.nowMs < 60_000 && !isOver(fleet.job)) fleet.tick()
    expect(isOver(fleet.job)).toBe(true)
    expect(fleet.toldSoFar).toBe(600)
  })
})
