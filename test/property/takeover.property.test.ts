import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settled, World, type FakeConnection } from '../support/session-world.ts'

/**
 * Connections of one session on two nodes, with real sessions over a registry that takes its time: claim, install, takeover and
 * close in any order. At most one connection stays, and it is the newest that was welcomed.
 */

const NODES = ['n1', 'n2', 'n3'] as const
const RECHECKS_MAX = 3
const WAITS = 2
/** Longer than who has claimed a session may take until it is connected. */
const RECHECK_MS = 11_000

type Step =
  | { readonly kind: 'connect'; readonly node: number }
  /** A client leaves. */
  | { readonly kind: 'cut'; readonly which: number }
  /** A call of a store is carried out, or answered. */
  | { readonly kind: 'call'; readonly which: number }
  /** What one node told another is heard, or never. */
  | { readonly kind: 'hear'; readonly which: number; readonly lost: boolean }
  /** The log fails, so that a connection that has claimed the session does not get it. */
  | { readonly kind: 'fail'; readonly failing: boolean }

const index = fc.nat(20)

function steps(loss: boolean): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('connect' as const), node: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), which: index }) },
      { weight: 12, arbitrary: fc.record({ kind: fc.constant('call' as const), which: index }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('hear' as const),
          which: index,
          lost: loss ? fc.boolean() : fc.constant(false),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), failing: fc.boolean() }) },
    ),
    { maxLength: 60 },
  )
}

/** The last gives up where the first serves: the registry has it there, and who came in between is the newest. */
const GIVEN_UP_BESIDE_AN_OLDER: Step[] = [
  { kind: 'connect', node: 2 },
  { kind: 'connect', node: 1 },
  { kind: 'cut', which: 1 },
  { kind: 'connect', node: 0 },
  { kind: 'cut', which: 3 },
]

class Race {
  readonly world = new World(NODES)
  readonly connections: FakeConnection[] = []
  /** Of those that were cut by the client. */
  readonly left = new Set<FakeConnection>()
  #session: string | undefined
  #failing = false

  async begin(): Promise<void> {
    const { world } = this
    const first = await world.node('n1').connected('ann')
    this.#session = first.session?.id
    this.connections.push(first)
    world.posting = 'when told'
    world.calls.held = () => true
    world.calls.failing = (name) => this.#failing && (name === 'head' || name === 'last')
  }

  async take(step: Step): Promise<void> {
    const { world, connections } = this
    const { calls, mail } = world
    if (step.kind === 'connect') {
      const node = world.node(NODES[step.node] as string)
      connections.push(node.connect('ann', { session: this.#session }).connection)
    } else if (step.kind === 'cut') {
      const connection = connections[step.which % connections.length] as FakeConnection
      if (!connection.closed) this.left.add(connection)
      connection.cut()
    } else if (step.kind === 'call') {
      const next = calls.next()
      next[step.which % Math.max(next.length, 1)]?.step()
    } else if (step.kind === 'hear') {
      const [letter] = mail.splice(step.which % Math.max(mail.length, 1), 1)
      if (letter !== undefined && !step.lost) world.node(letter.to).hear(letter.payload)
    } else this.#failing = step.failing
    await settled()
  }

  /** All is carried out, answered and heard. */
  async settle(): Promise<void> {
    const { calls, mail } = this.world
    this.#failing = false
    while (calls.waiting.length + mail.length > 0) {
      const [letter] = mail.splice(0, 1)
      if (letter !== undefined) this.world.node(letter.to).hear(letter.payload)
      calls.next()[0]?.step()
      await settled()
    }
  }

  /** Whoever found the session just claimed by another node looks again later. */
  async wait(): Promise<void> {
    for (let round = 0; round < WAITS; round++) {
      this.world.clock.pass(RECHECK_MS)
      await this.settle()
    }
  }

  /** Each node compares what it has connected with the registry, as it does where words may have been lost. */
  async recheck(): Promise<void> {
    for (let round = 0; round < RECHECKS_MAX; round++) {
      await this.wait()
      for (const node of this.world.nodes.values())
        for (const { id } of node.sessions.all()) void node.sessions.reclaim(id)
      await this.settle()
    }
  }

  async check(lossy: boolean): Promise<void> {
    const { world, connections } = this
    const welcomed = connections
      .filter((one) => one.welcomed)
      .toSorted((a, b) => (b.session?.claim as number) - (a.session?.claim as number))
    const [newest] = welcomed
    const open = connections.filter((one) => one.welcomed && !one.closed)
    const stays = newest !== undefined && !this.left.has(newest)
    // Where nobody has heard of the newest before it left, an older one may have stayed, and is the only one.
    if (stays || !lossy) expect(open).toEqual(stays ? [newest] : [])
    else expect(open.length).toBeLessThanOrEqual(1)
    const places = open.map((one) => ({ session: this.#session, node: one.node.id }))
    expect(world.registry.locate('ann')).toEqual(places)
    const here = [...world.nodes.values()].map(({ sessions }) => sessions.count)
    expect(here.reduce((sum, count) => sum + count)).toBe(open.length)
    for (const node of world.nodes.values()) {
      expect(node.failures).toEqual([])
      expect(node.hub.subscriptionCount).toBe(node.sessions.count)
    }
  }
}

async function run(all: readonly Step[], then: 'at once' | 'wait' | 'recheck'): Promise<void> {
  const race = new Race()
  try {
    await race.begin()
    for (const step of all) await race.take(step)
    await race.settle()
    if (then !== 'at once') await race[then]()
    await race.check(then === 'recheck')
  } finally {
    await race.world.calls.release()
    await race.world.close()
  }
}

describe('connections of one session on several nodes', () => {
  it('leave at most one, the newest, whatever comes first', async () => {
    await fc.assert(
      fc.asyncProperty(steps(false), (all) => run(all, 'wait')),
      { numRuns: 300, examples: [[GIVEN_UP_BESIDE_AN_OLDER]] },
    )
  })

  it('leave at most one although words between nodes are lost, once the nodes have compared', async () => {
    await fc.assert(
      fc.asyncProperty(steps(true), (all) => run(all, 'recheck')),
      { numRuns: 300 },
    )
  })

  it('are found by each other at once where all take the session over at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2], { minLength: 2 }),
        fc.infiniteStream(index),
        (nodes, order) =>
          run(
            [
              ...nodes.map((node): Step => ({ kind: 'connect', node })),
              ...[...order.take(40)].map((which): Step =>
                which % 4 === 0 ? { kind: 'hear', which, lost: false } : { kind: 'call', which },
              ),
            ],
            'at once',
          ),
      ),
      { numRuns: 300 },
    )
  })
})
