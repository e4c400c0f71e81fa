import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DoorKeeper, type Condition, type OtherDoor } from '../../src/publish/door-keeper.ts'

const OPTIONS = { returnMs: 3000, silenceMs: 4500, answerMs: 1000 }
const TICK_MS = 250
/** An answer to a question of this tick is there at the next. */
const ASK_TICKS = 12

/** Nodes of one cluster that hear one another, as far as none is cut. */
class World {
  readonly nodes: Door[]
  now = 0

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, at) => new Door(this, at))
  }

  tick(conditions: readonly Condition[]): boolean[] {
    this.now += TICK_MS
    const open = this.nodes.map((node, at) => node.look(conditions[at] as Condition))
    for (const node of this.nodes) node.answer()
    return open
  }
}

class Door {
  readonly #world: World
  readonly #at: number
  readonly #keeper = new DoorKeeper(OPTIONS)
  readonly #answers = new Map<number, { readonly said: OtherDoor; readonly afterMs: number }>()
  #askedMs = -Infinity
  condition: Condition = 'well'
  open = true

  constructor(world: World, at: number) {
    this.#world = world
    this.#at = at
  }

  look(condition: Condition): boolean {
    this.condition = condition
    this.open = this.#keeper.look(this.#world.now, condition, (ms) => {
      if (this.#world.now - this.#askedMs >= ASK_TICKS * TICK_MS) this.#askedMs = this.#world.now
      return [...this.#answers.values()].filter(({ afterMs }) => afterMs >= ms).map(({ said }) => said)
    })
    return this.open
  }

  /** What the others say now to what was asked in this tick. */
  answer(): void {
    if (this.#askedMs !== this.#world.now || this.condition === 'cut') return
    for (const other of this.#world.nodes) {
      if (other === this || other.condition === 'cut') continue
      const said = { well: other.condition === 'well', open: other.open }
      this.#answers.set(other.#at, { said, afterMs: this.#askedMs })
    }
  }
}

const condition = fc.constantFrom<Condition>('well', 'well', 'ill', 'ill', 'cut')
const history = (count: number): fc.Arbitrary<Condition[][]> =>
  fc
    .array(
      fc.record({
        conditions: fc.tuple(...Array.from({ length: count }, () => condition)),
        ticks: fc.integer({ min: 1, max: 30 }),
      }),
      { maxLength: 12 },
    )
    .map((all) => all.flatMap(({ conditions, ticks }) => Array.from({ length: ticks }, () => conditions)))

const forMs = (ms: number, conditions: Condition[]): Condition[][] =>
  Array.from({ length: Math.ceil(ms / TICK_MS) }, () => conditions)

function run(moments: readonly (readonly Condition[])[]): boolean[][] {
  const world = new World(moments[0]?.length ?? 1)
  return moments.map((conditions) => world.tick(conditions))
}

describe('the door of a node for publishes over NATS', () => {
  it('D1 is open as long as the node has always been well', () => {
    fc.assert(
      fc.property(history(2), (moments) => {
        const open = run(moments.map(([, other]) => ['well', other as Condition]))
        expect(open.every(([own]) => own)).toBe(true)
      }),
    )
  })

  it('D2 closes where the node is ill and another one is well, and stays open where nobody is', () => {
    const sick = run([...forMs(1000, ['well', 'well']), ...forMs(1000, ['ill', 'well'])])
    expect(sick.at(-1)).toEqual([false, true])
    const all = run([...forMs(1000, ['well', 'well']), ...forMs(20_000, ['ill', 'ill'])])
    expect(all.every((open) => open.every(Boolean))).toBe(true)
    expect(run(forMs(20_000, ['ill'])).every(([open]) => open)).toBe(true)
  })

  it('D3 opens after the node has been well for a while, not while it comes and goes', () => {
    const sick = forMs(2000, ['ill', 'well'])
    const flaps = Array.from({ length: 10 }, () => [...forMs(1000, ['well', 'well']), ...sick]).flat()
    const open = run([...sick, ...flaps]).map(([own]) => own)
    expect(open.slice(sick.length).some(Boolean)).toBe(false)
    const returned = run([...sick, ...forMs(OPTIONS.returnMs, ['well', 'well']), ['well', 'well']])
    expect(returned.at(-3)).toEqual([false, true])
    expect(returned.at(-1)).toEqual([true, true])
  })

  it('D3 opens where the one that took them is not well any more, or is not heard any more', () => {
    for (const other of ['ill', 'cut'] as const) {
      const open = run([
        ...forMs(2000, ['ill', 'well']),
        ...forMs(OPTIONS.silenceMs + 2 * TICK_MS, ['ill', other]),
      ])
      expect(open[3]).toEqual([false, true])
      expect(open.at(-1)?.[0]).toBe(true)
    }
  })

  it('D4 is closed without NATS, and open at once when it is back and the node is well', () => {
    const cut = run([...forMs(20_000, ['cut', 'cut']), ['well', 'well'], ['well', 'well']])
    expect(cut.slice(0, -2).some((open) => open.some(Boolean))).toBe(false)
    expect(cut.at(-1)).toEqual([true, true])
    // The other stores take a moment longer.
    const healed = run([...forMs(5000, ['cut', 'well']), ...forMs(4000, ['ill', 'well']), ['well', 'well']])
    expect(healed.slice(0, -1).some(([own]) => own)).toBe(false)
    expect(healed.at(-1)).toEqual([true, true])
  })

  it('D5 is open at one node at least, of those that hear one another, but for the time of a question', () => {
    fc.assert(
      fc.property(history(3), (moments) => {
        let closedMs = 0
        const longest = OPTIONS.silenceMs + OPTIONS.answerMs + OPTIONS.returnMs
        for (const [at, open] of run(moments).entries()) {
          const reachable = (moments[at] as Condition[]).some((one) => one !== 'cut')
          closedMs = reachable && !open.some(Boolean) ? closedMs + TICK_MS : 0
          expect(closedMs).toBeLessThanOrEqual(longest)
        }
      }),
      { numRuns: 500 },
    )
  })
})
