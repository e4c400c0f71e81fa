import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latestOf, TURNS_MAX, redirects, isOutdated, type Sight } from '../../src/cluster/steering.ts'
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
