import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SnapshotPart } from '../../src/presence/store.ts'
import { PresenceView, type Change, type Decision } from '../../src/presence/view.ts'

const LEAVE_DELAY_MS = 100
const USERS = ['alice', 'bob', 'carol'] as const
const NODES = [0, 1, 2] as const

const node = fc.constantFrom(...NODES)
const user = fc.constantFrom(...USERS)
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('enter' as const), node, user }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('leave' as const), node, user }) },
  // Any of what is under way: so announcements overtake one another.
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat(), again: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lose' as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('store' as const), node }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('startRead' as const), node }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('endRead' as const), which: fc.nat() }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 150 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('noticeDeath' as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loseStore' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Told {
  readonly type: 'join' | 'leave'
  readonly atMs: number
}

interface NodeModel {
  readonly id: string
  readonly view: PresenceView
  /** How many subscriptions each user has. */
  readonly subscriptions: Map<string, number>
  /** Whoever was found by the first snapshot counts as told then: he is in the list that subscribers ask for. */
  readonly told: Map<string, Told[]>
  /** What the store has not been told yet, in order. */
  unstored: Change[]
  version: number
  alive: boolean
}

/** Three nodes, a network that loses and mixes up, and a store. Every node keeps a last subscriber of its own. */
class World {
  nowMs = 1_000
  readonly nodes: readonly NodeModel[]
  #underWay: { from: string; to: NodeModel; change: Change }[] = []
  #reads: { reader: NodeModel; parts: Map<string, SnapshotPart> }[] = []
  readonly #store = new Map<string, { version: number; users: Set<string> }>()

  constructor(nodeCount: number = NODES.length) {
    this.nodes = NODES.slice(0, nodeCount).map((i) => ({
      id: `n${i}`,
      view: new PresenceView(LEAVE_DELAY_MS),
      subscriptions: new Map(),
      told: new Map(),
      unstored: [],
      version: 0,
      alive: true,
    }))
  }

  run(one: Step): void {
    switch (one.do) {
      case 'enter':
        return this.#enter(this.#node(one.node), one.user)
      case 'leave':
        return this.#leave(this.#node(one.node), one.user)
      case 'deliver':
        return this.#deliver(one.which, one.again)
      case 'lose':
        this.#underWay.splice(one.which % (this.#underWay.length + 1), 1)
        return
      case 'store':
        return this.#storeNext(this.#node(one.node))
      case 'startRead':
        return this.#startRead(this.#node(one.node))
      case 'endRead':
        return this.#endRead(one.which % (this.#reads.length + 1))
      case 'pass':
        return this.pass(one.ms)
      case 'die':
        if (this.nodes.filter(({ alive }) => alive).length > 1) this.#node(one.node).alive = false
        return
      case 'noticeDeath':
        return this.#noticeDeath(this.#node(one.node))
      case 'loseStore':
        this.#store.clear()
        return
    }
  }

  /** Time passes, and everything that is due is told at its moment. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    while (this.nowMs < untilMs) {
      this.nowMs++
      for (const one of this.#alive()) this.#carryOut(one, one.view.due(this.nowMs))
    }
  }

  /** The dead are noticed, the store learns everything, each node reads it once; what is under way is lost. */
  settle(): void {
    this.#underWay = []
    this.#reads = []
    for (const one of this.nodes) {
      if (one.alive) this.#storeAll(one)
      else this.#noticeDeath(one)
    }
    for (const one of this.#alive()) {
      this.#startRead(one)
      this.#endRead(0)
    }
    this.pass(LEAVE_DELAY_MS + 1)
  }

  /** All that is under way arrives in this order, announcements and reads alike. No node reads again. */
  arrive(order: readonly number[]): void {
    for (const which of order) {
      if (which % 3 === 0) this.#endRead(which % (this.#reads.length + 1))
      else this.#deliver(which, false)
    }
    while (this.#reads.length > 0) this.#endRead(this.#reads.length - 1)
    while (this.#underWay.length > 0) this.#deliver(this.#underWay.length - 1, false)
    this.pass(LEAVE_DELAY_MS + 1)
  }

  trueMembers(): string[] {
    const members = USERS.filter((name) => this.#alive().some(({ subscriptions }) => subscriptions.has(name)))
    return [...members]
  }

  #alive(): NodeModel[] {
    return this.nodes.filter(({ alive }) => alive)
  }

  #node(i: number): NodeModel {
    return this.nodes[i] as NodeModel
  }

  #enter(at: NodeModel, name: string): void {
    if (!at.alive) return
    at.subscriptions.set(name, (at.subscriptions.get(name) ?? 0) + 1)
    this.#carryOut(at, at.view.localEntered(name, ++at.version, this.nowMs))
  }

  #leave(at: NodeModel, name: string): void {
    const count = at.subscriptions.get(name)
    if (!at.alive || count === undefined) return
    if (count === 1) at.subscriptions.delete(name)
    else at.subscriptions.set(name, count - 1)
    this.#carryOut(at, at.view.localLeft(name, ++at.version, this.nowMs))
  }

  #deliver(which: number, again: boolean): void {
    const at = which % (this.#underWay.length + 1)
    const one = this.#underWay[at]
    if (one === undefined) return
    if (!again) this.#underWay.splice(at, 1)
    if (one.to.alive) this.#carryOut(one.to, one.to.view.changed(one.from, one.change, this.nowMs))
  }

  #storeNext(from: NodeModel): void {
    if (!from.alive) return
    if (this.#store.get(from.id) === undefined) return this.#storeAll(from)
    const change = from.unstored.shift()
    const part = this.#store.get(from.id)
    if (change === undefined || part === undefined) return
    const users = new Set(part.users)
    if (change.present) users.add(change.user)
    else users.delete(change.user)
    this.#store.set(from.id, { version: change.version, users })
  }

  /** What a node does when the store has lost it. */
  #storeAll(from: NodeModel): void {
    from.unstored = []
    if (from.version === 0) return
    this.#store.set(from.id, { version: from.version, users: new Set(from.subscriptions.keys()) })
  }

  #startRead(reader: NodeModel): void {
    if (!reader.alive) return
    const parts = new Map([...this.#store].filter(([id]) => id !== reader.id))
    this.#reads.push({ reader, parts })
  }

  #endRead(which: number): void {
    const [read] = this.#reads.splice(which, 1)
    if (read === undefined || !read.reader.alive) return
    const { reader, parts } = read
    const first = !reader.view.complete
    const before = new Set(reader.view.members())
    const decisions = reader.view.snapshot(parts, this.nowMs)
    if (first) {
      for (const name of reader.view.members()) {
        if (!before.has(name)) this.#told(reader, name, 'join')
      }
    }
    this.#carryOut(reader, decisions)
  }

  #noticeDeath(dead: NodeModel): void {
    if (dead.alive) return
    this.#store.delete(dead.id)
    for (const one of this.#alive()) this.#carryOut(one, one.view.nodeGone(dead.id, this.nowMs))
  }

  #told(at: NodeModel, name: string, type: Told['type']): void {
    const told = at.told.get(name) ?? []
    told.push({ type, atMs: this.nowMs })
    at.told.set(name, told)
  }

  #carryOut(at: NodeModel, decisions: readonly Decision[]): void {
    for (const decision of decisions) {
      if (decision.kind === 'tell') {
        this.#told(at, decision.user, decision.type)
      } else {
        at.unstored.push(decision.change)
        for (const to of this.nodes) {
          if (to !== at) this.#underWay.push({ from: at.id, to, change: decision.change })
        }
      }
    }
  }
}

function play(steps: readonly Step[], after: (world: World) => void): void {
  const world = new World()
  for (const one of steps) {
    world.run(one)
    after(world)
  }
}

const steps = fc.array(step, { maxLength: 80 })
/** One user comes and goes on one node and another node looks on: so all orders are met within the runs. */
const stepsWithoutLoss = fc.array(
  fc.constantFrom<Step>(
    { do: 'enter', node: 0, user: 'alice' },
    { do: 'leave', node: 0, user: 'alice' },
    { do: 'store', node: 0 },
    { do: 'store', node: 0 },
    { do: 'startRead', node: 1 },
    { do: 'endRead', which: 0 },
    { do: 'endRead', which: 1 },
    { do: 'deliver', which: 0, again: false },
    { do: 'deliver', which: 2, again: false },
    { do: 'deliver', which: 2, again: true },
    { do: 'pass', ms: 60 },
  ),
  { maxLength: 30 },
)

describe('presence across three nodes, of which some die, with a network that loses and a store that forgets', () => {
  it('P1 P4 P5 P6 P7 after one snapshot of a settled store, every node has exactly the true members', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World()
        for (const one of all) world.run(one)
        world.settle()
        for (const one of world.nodes.filter(({ alive }) => alive)) {
          expect(sorted(one.view.members())).toEqual(world.trueMembers())
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('P4 P5 where nothing is lost, neither its order nor late snapshots make any difference', () => {
    fc.assert(
      fc.property(stepsWithoutLoss, fc.array(fc.nat({ max: 8 }), { maxLength: 12 }), (all, order) => {
        const world = new World(2)
        // The store knows of the node from the start: in a channel that it knows nothing of for long, nobody is.
        world.run({ do: 'enter', node: 0, user: 'bob' })
        world.run({ do: 'store', node: 0 })
        for (const one of all) world.run(one)
        world.arrive(order)
        for (const one of world.nodes) expect(sorted(one.view.members())).toEqual(world.trueMembers())
      }),
      { numRuns: 6_000 },
    )
  })

  it('P2 what is told of a user alternates, and ends with what is true', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World()
        for (const one of all) world.run(one)
        world.settle()
        for (const one of world.nodes.filter(({ alive }) => alive)) {
          for (const name of USERS) {
            const told = (one.told.get(name) ?? []).map(({ type }) => type)
            expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'join' : 'leave')))
            expect(told.at(-1) === 'join').toBe(world.trueMembers().includes(name))
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('P3 of a user who is on this node, no leave is told, and none earlier than the delay after he left it', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const lastHereMs = new Map<string, number>()
        play(all, (world) => {
          for (const one of world.nodes) {
            for (const name of USERS) {
              const key = `${one.id} ${name}`
              const last = one.told.get(name)?.at(-1)
              const here = one.alive && one.subscriptions.has(name)
              if (here) lastHereMs.set(key, world.nowMs)
              if (last?.type !== 'leave') continue
              expect(here).toBe(false)
              const sinceMs = lastHereMs.get(key)
              if (sinceMs !== undefined) expect(last.atMs - sinceMs).toBeGreaterThanOrEqual(LEAVE_DELAY_MS)
            }
          }
        })
      }),
      { numRuns: 1_000 },
    )
  })
})

function sorted(names: readonly string[]): string[] {
  return names.toSorted((a, b) => a.localeCompare(b))
}
