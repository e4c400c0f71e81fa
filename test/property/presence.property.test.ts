import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNewer, newestOf, type Info } from '../../src/presence/info.ts'
import type { SnapshotPart, Users } from '../../src/presence/store.ts'
import { PresenceView, type Change, type Decision } from '../../src/presence/view.ts'

const LEAVE_DELAY_MS = 100
const USERS = ['alice', 'bob', 'carol'] as const
const NODES = [0, 1, 2] as const

const node = fc.constantFrom(...NODES)
const user = fc.constantFrom(...USERS)
/** Few moments, so that two things are said in the same one; who comes back says again what was said before. */
const info = fc.record({
  json: fc.constantFrom<(string | undefined)[]>(undefined, '1', '"two"'),
  at: fc.nat({ max: 9 }),
})
const whose = fc.nat({ max: 3 })
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('enter' as const),
      ...{ node, user, info: fc.option(info, { nil: undefined }) },
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('say' as const), node, user, which: whose, info }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('leave' as const), node, user, which: whose }) },
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
  readonly type: 'join' | 'leave' | 'update'
  readonly json: string | undefined
  readonly atMs: number
}

interface NodeModel {
  readonly id: string
  readonly view: PresenceView
  /** The subscriptions of each user, with what they have said. */
  readonly subscriptions: Map<string, { info: Info | undefined }[]>
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
  readonly #store = new Map<string, { version: number; users: Users }>()

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
        return this.#enter(this.#node(one.node), one.user, one.info)
      case 'say':
        return this.#say(this.#node(one.node), one.user, one.which, one.info)
      case 'leave':
        return this.#leave(this.#node(one.node), one.user, one.which)
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

  /** Of each, what was said last by a connection that is still there. */
  trueMembers(): Map<string, string | undefined> {
    const members = new Map<string, string | undefined>()
    for (const name of USERS) {
      const all = this.#alive().flatMap(({ subscriptions }) => subscriptions.get(name) ?? [])
      if (all.length > 0) members.set(name, newestOf(all.map(({ info: said }) => said))?.json)
    }
    return members
  }

  #alive(): NodeModel[] {
    return this.nodes.filter(({ alive }) => alive)
  }

  #node(i: number): NodeModel {
    return this.nodes[i] as NodeModel
  }

  #enter(at: NodeModel, name: string, said: Info | undefined): void {
    if (!at.alive) return
    at.subscriptions.set(name, [...(at.subscriptions.get(name) ?? []), { info: said }])
    this.#carryOut(at, at.view.localEntered(name, ++at.version, this.nowMs, said))
  }

  #say(at: NodeModel, name: string, index: number, said: Info): void {
    const all = at.subscriptions.get(name)
    const one = all?.[index % all.length]
    if (!at.alive || one === undefined) return
    const before = one.info
    one.info = said
    this.#carryOut(at, at.view.localSaid(name, { info: said, before }, ++at.version, this.nowMs))
  }

  #leave(at: NodeModel, name: string, index: number): void {
    const all = at.subscriptions.get(name)
    if (!at.alive || all === undefined) return
    const [gone] = all.splice(index % all.length, 1)
    if (all.length === 0) at.subscriptions.delete(name)
    this.#carryOut(at, at.view.localLeft(name, ++at.version, this.nowMs, gone?.info))
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
    const users = new Map(part.users)
    if (change.present) users.set(change.user, change.info)
    else users.delete(change.user)
    this.#store.set(from.id, { version: change.version, users })
  }

  /** What a node does when the store has lost it. */
  #storeAll(from: NodeModel): void {
    from.unstored = []
    if (from.version === 0) return
    const users = [...from.subscriptions].map(
      ([name, all]) => [name, newestOf(all.map(({ info: said }) => said))] as const,
    )
    this.#store.set(from.id, { version: from.version, users: new Map(users) })
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
    const before = reader.view.members()
    const decisions = reader.view.snapshot(parts, this.nowMs)
    if (first) {
      for (const [name, json] of reader.view.members()) {
        if (!before.has(name)) this.#told(reader, name, 'join', json)
      }
    }
    this.#carryOut(reader, decisions)
  }

  #noticeDeath(dead: NodeModel): void {
    if (dead.alive) return
    this.#store.delete(dead.id)
    for (const one of this.#alive()) this.#carryOut(one, one.view.nodeGone(dead.id, this.nowMs))
  }

  #told(at: NodeModel, name: string, type: Told['type'], json: string | undefined): void {
    const told = at.told.get(name) ?? []
    told.push({ type, json, atMs: this.nowMs })
    at.told.set(name, told)
  }

  #carryOut(at: NodeModel, decisions: readonly Decision[]): void {
    for (const decision of decisions) {
      if (decision.kind === 'tell') {
        this.#told(at, decision.user, decision.type, decision.json)
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
    { do: 'enter', node: 0, user: 'alice', info: undefined },
    { do: 'enter', node: 0, user: 'alice', info: { json: '1', at: 5 } },
    { do: 'say', node: 0, user: 'alice', which: 0, info: { json: '2', at: 4 } },
    { do: 'say', node: 0, user: 'alice', which: 0, info: { json: '3', at: 6 } },
    { do: 'leave', node: 0, user: 'alice', which: 0 },
    { do: 'leave', node: 0, user: 'alice', which: 1 },
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
  it('P1 P4 P5 P6 P7 after one snapshot of a settled store, every node has exactly the true members, with what each said last', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World()
        for (const one of all) world.run(one)
        world.settle()
        for (const one of world.nodes.filter(({ alive }) => alive)) {
          expect(one.view.members()).toEqual(world.trueMembers())
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
        world.run({ do: 'enter', node: 0, user: 'bob', info: undefined })
        world.run({ do: 'store', node: 0 })
        for (const one of all) world.run(one)
        world.arrive(order)
        for (const one of world.nodes) expect(one.view.members()).toEqual(world.trueMembers())
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
            const told = (one.told.get(name) ?? []).flatMap(({ type }) => (type === 'update' ? [] : [type]))
            expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'join' : 'leave')))
            expect(told.at(-1) === 'join').toBe(world.trueMembers().has(name))
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('P8 an update is told between join and leave, of something else than was told last, and the last is true', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World()
        for (const one of all) world.run(one)
        world.settle()
        for (const one of world.nodes.filter(({ alive }) => alive)) {
          for (const [name, told] of one.told) {
            for (const [i, { type, json }] of told.entries()) {
              if (type !== 'update') continue
              expect(['join', 'update']).toContain(told[i - 1]?.type)
              expect(json).not.toBe(told[i - 1]?.json)
            }
            if (world.trueMembers().has(name)) expect(told.at(-1)?.json).toBe(world.trueMembers().get(name))
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('P8 what is newer is told at once, and what is older only after the delay', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(whose, info), { minLength: 1, maxLength: 12 }), (sayings) => {
        const world = new World(1)
        const [here] = world.nodes as [NodeModel]
        for (let i = 0; i < 3; i++) world.run({ do: 'enter', node: 0, user: 'alice', info: undefined })
        for (const [index, said] of sayings) {
          const [last] = (here.told.get('alice') ?? []).slice(-1)
          const before = newestOf((here.subscriptions.get('alice') ?? []).map((one) => one.info))
          world.run({ do: 'say', node: 0, user: 'alice', which: index, info: said })
          const news = here.told.get('alice')?.at(-1)
          if (news?.json !== last?.json) expect(isNewer(said, before) || news?.json === undefined).toBe(true)
          world.pass(LEAVE_DELAY_MS + 1)
          expect(here.told.get('alice')?.at(-1)?.json).toBe(world.trueMembers().get('alice'))
        }
      }),
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
