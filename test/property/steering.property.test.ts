import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  latestOf,
  TURNS_MAX,
  redirects,
  isOutdated,
  yieldsTo,
  type Sight,
} from '../../src/cluster/steering.ts'
import type { Target } from '../../src/cluster/orders.ts'
import { MemoryVersions } from '../../src/registry/memory-shelves.ts'
import type { Deploy, NodeInfo } from '../../src/registry/registry.ts'

/** Deploys, rollbacks, and pods that restart whenever they like. */

type Step =
  /** A version that is new, or with numbers perhaps one that was there. */
  | { readonly kind: 'deploy'; readonly pods: number; readonly old: number | undefined }
  | { readonly kind: 'restart' | 'remove' | 'crash' | 'target'; readonly which: number }

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('deploy' as const),
      pods: fc.integer({ min: 1, max: 2 }),
      old: fc.option(fc.nat(5), { nil: undefined }),
    }),
    fc.record({
      kind: fc.constantFrom(
        'restart' as const,
        'restart' as const,
        'remove' as const,
        'crash' as const,
        'target' as const,
      ),
      which: fc.nat(20),
    }),
  ),
  { minLength: 2, maxLength: 30 },
)

interface Pod {
  readonly version: string
  /** What it is told at each start. */
  readonly said: number | undefined
  info: NodeInfo | undefined
}

/** The clients of a deploy go to those of its pods that are up. */
class Rollouts {
  readonly #numbered: boolean
  readonly #seen = new MemoryVersions()
  readonly pods: Pod[] = []
  readonly #versions: string[] = []
  #nowMs = 1_000_000
  #last = 0
  #latest: Deploy | undefined
  target: Target | undefined
  /** What clients should end on, by the order of what was done alone. */
  #wanted: (pod: Pod) => boolean = () => false

  constructor(numbered: boolean) {
    this.#numbered = numbered
  }

  get up(): readonly NodeInfo[] {
    return this.pods.flatMap(({ info }) => info ?? [])
  }

  isWanted(node: NodeInfo): boolean {
    return this.pods.some((pod) => pod.info === node && this.#wanted(pod))
  }

  step(step: Step): void {
    this.#nowMs += 1000
    if (step.kind === 'deploy') this.#deploy(step.pods, step.old)
    else if (step.kind === 'target') this.#say(this.#versions[step.which % this.#versions.length])
    else {
      const pod = this.pods[step.which % Math.max(1, this.pods.length)]
      if (pod === undefined) return
      if (step.kind === 'remove') this.pods.splice(this.pods.indexOf(pod), 1)
      else if (step.kind === 'crash') pod.info = undefined
      else this.#start(pod)
    }
  }

  #deploy(pods: number, old: number | undefined): void {
    this.#last++
    // Who says no numbers has a new version for each deploy, or says what is the target.
    const again =
      this.#numbered && old !== undefined
        ? this.#versions[old % Math.max(1, this.#versions.length)]
        : undefined
    const version = again ?? `1.${this.#last}`
    if (!this.#versions.includes(version)) this.#versions.push(version)
    const said = this.#numbered ? this.#last : undefined
    for (let i = 0; i < pods; i++) {
      const pod = { version, said, info: undefined }
      this.pods.push(pod)
      this.#start(pod)
    }
    this.#wanted = (pod) => pod.version === version && pod.said === said
  }

  #start(pod: Pod): void {
    const { version, said } = pod
    const first = this.#seen.firstSeen(version, undefined, this.#nowMs)
    const deploy = said === undefined ? { generation: first, said: false } : { generation: said, said: true }
    this.#latest = latestOf([this.#latest, deploy], 0)
    pod.info = {
      ...{
        id: `${this.#nowMs}-${this.pods.indexOf(pod)}`,
        version,
        region: 'eu',
        role: 'all',
        state: 'active',
      },
      ...{
        startedAt: this.#nowMs,
        deploy,
        connections: 0,
        pressure: 0,
        address: '127.0.0.1:1',
        degraded: [],
      },
      rates: { connects: 0, published: 0, delivered: 0 },
    }
  }

  #say(version: string | undefined): void {
    if (version === undefined) return
    this.target = { version, over: latestOf([this.#latest], this.#nowMs), by: 'ops', at: this.#nowMs }
    this.#wanted = (pod) => pod.version === version
  }
}

const sightOf = (self: NodeInfo, { up, target }: Rollouts): Sight => ({
  self,
  others: up.filter((other) => other !== self),
  target,
  leaving: new Set(),
})

describe.each([
  ['by when versions were first seen', false],
  ['by numbers that are said', true],
])('steering %s', (_, numbered) => {
  const played = steps.map((drawn) => {
    const rollouts = new Rollouts(numbered)
    for (const step of drawn) rollouts.step(step)
    return rollouts
  })

  it('T1 a node of the target turns nobody away, and T2 every other one does while one of the target is up', () => {
    fc.assert(
      fc.property(played, (rollouts) => {
        if (!rollouts.up.some((node) => rollouts.isWanted(node))) return
        for (const node of rollouts.up)
          expect(isOutdated(sightOf(node, rollouts))).toBe(!rollouts.isWanted(node))
      }),
    )
  })

  it('every client ends on the target when the balancer has shown it each node once, in a bounded number of turns', () => {
    fc.assert(
      fc.property(played, fc.nat(20), fc.boolean(), (rollouts, start, served) => {
        const { up } = rollouts
        if (up.length === 0) return
        let turns = 0
        let at = up[start % up.length] as NodeInfo
        while (redirects(turns, served, sightOf(at, rollouts)))
          at = up[(start + ++turns) % up.length] as NodeInfo
        expect(turns).toBeLessThanOrEqual(TURNS_MAX)
        const reachable = up.some((node) => rollouts.isWanted(node)) && up.length <= 3
        if (reachable) expect(rollouts.isWanted(at)).toBe(true)
      }),
    )
  })
})

/** A job takes nodes away one after the other, behind a balancer that shows everybody the emptiest node that is ready. */
class Leaving {
  readonly nodes: Map<string, NodeInfo>
  readonly leaving: Set<string>
  readonly moves = new Map<number, number>()
  readonly at = new Map<number, string>()

  constructor(staying: readonly string[], going: readonly string[], clients: readonly number[]) {
    const all = [
      ...staying.map((region, i) => ({ id: `s${i}`, region })),
      ...going.map((region, i) => ({ id: `l${i}`, region })),
    ]
    this.nodes = new Map(all.map(({ id, region }) => [id, infoOf(id, region)]))
    this.leaving = new Set(all.map(({ id }) => id).filter((id) => id.startsWith('l')))
    for (const [client, place] of clients.entries())
      this.#enter(client, (all[place % all.length] as NodeInfo).id)
  }

  /** `stale`: what the balancer shows at first, ready or not. */
  leave(id: string, served: boolean, stale: readonly string[]): void {
    this.#change(id, { state: 'draining' })
    for (const [client, at] of this.at) {
      if (at !== id) continue
      this.#change(id, { connections: (this.nodes.get(id) as NodeInfo).connections - 1 })
      this.moves.set(client, (this.moves.get(client) ?? 0) + 1)
      let turns = 0
      for (;;) {
        const shown = turns < stale.length ? this.nodes.get(stale[turns] as string) : this.#emptiest()
        if (shown === undefined) throw new Error('no node is ready')
        if (shown.state === 'active' && !redirects(turns, served, this.#sight(shown))) {
          this.#enter(client, shown.id)
          break
        }
        turns++
      }
    }
    this.nodes.delete(id)
    this.leaving.delete(id)
  }

  #emptiest(): NodeInfo | undefined {
    const ready = [...this.nodes.values()].filter(
      (node) => node.state === 'active' && yieldsTo(this.#sight(node)).length === 0,
    )
    return ready.toSorted((a, b) => a.connections - b.connections)[0]
  }

  #sight(self: NodeInfo): Sight {
    const others = [...this.nodes.values()].filter((node) => node !== self)
    return { self, others, target: undefined, leaving: this.leaving }
  }

  #enter(client: number, id: string): void {
    this.at.set(client, id)
    this.#change(id, { connections: (this.nodes.get(id) as NodeInfo).connections + 1 })
  }

  #change(id: string, change: Partial<NodeInfo>): void {
    this.nodes.set(id, { ...(this.nodes.get(id) as NodeInfo), ...change })
  }
}

function infoOf(id: string, region: string): NodeInfo {
  return {
    ...{ id, region, version: '1', role: 'all', state: 'active', startedAt: 0, connections: 0, pressure: 0 },
    ...{ address: '127.0.0.1:1', degraded: [], rates: { connects: 0, published: 0, delivered: 0 } },
  }
}

describe('a job that takes nodes away one after the other', () => {
  const region = fc.constantFrom('eu', 'us')
  const drawn = fc.record({
    staying: fc.array(region, { minLength: 1, maxLength: 3 }),
    going: fc.array(region, { minLength: 1, maxLength: 5 }),
    clients: fc.array(fc.nat(20), { maxLength: 30 }),
    served: fc.boolean(),
    stale: fc.array(fc.nat(20), { maxLength: 6 }),
  })

  it('T3 T4 moves each client once where a node of its region stays, whichever node the balancer prefers and for a while takes for ready', () => {
    fc.assert(
      fc.property(drawn, ({ staying, going, clients, served, stale }) => {
        fc.pre(going.every((one) => staying.includes(one)))
        const world = new Leaving(staying, going, clients)
        for (const id of [...world.leaving]) {
          const shown = [...world.nodes.keys()]
          world.leave(
            id,
            served,
            stale.map((at) => shown[at % shown.length] as string),
          )
        }
        for (const moves of world.moves.values()) expect(moves).toBe(1)
        expect(world.nodes.size).toBe(staying.length)
      }),
    )
  })

  it('T4 leaves a node ready whose whole region goes, or which no other one can stand in for', () => {
    fc.assert(
      fc.property(drawn, fc.nat(), ({ staying, going, clients }, draw) => {
        const world = new Leaving(staying, going, clients)
        const id = [...world.leaving][draw % world.leaving.size] as string
        const self = world.nodes.get(id) as NodeInfo
        const others = [...world.nodes.values()].filter((node) => node !== self)
        const yields = (sight: Partial<Sight>): number =>
          yieldsTo({ self, others, target: undefined, leaving: world.leaving, ...sight }).length
        expect(yields({}) > 0).toBe(staying.some((one) => one === self.region))
        expect(yields({ leaving: new Set() })).toBe(0)
        for (const lacks of [{ state: 'draining' }, { pressure: 1 }, { role: 'api' }] as const)
          expect(yields({ others: others.map((node) => ({ ...node, ...lacks })) })).toBe(0)
      }),
    )
  })
})
