import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DrainCore } from '../../src/drain/core.ts'
import { capacityOf } from '../../src/drain/cluster-health.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** Nodes that know of each other what a table said some time ago, and are told to stop at about the same time. */

const TICK_MS = 100
const HEARTBEAT_MS = 1000
const ALONE_MS = 2 * HEARTBEAT_MS
const GRACE_MS = 1000
const CLIENTS = 7
/** All have been told, and none starts any more. */
const ALL_TOLD_MS = 10_000
const PATIENCE_MS = 60_000

interface Drawn {
  readonly startsAtMs: number
  readonly readyAtMs: number
  readonly toldAtMs: number
  /** When in the time between two heartbeats it has its own. */
  readonly phaseMs: number
  /** Told that the others stop as well. */
  readonly withOthers: boolean
}

const moment = (maxMs: number): fc.Arbitrary<number> =>
  fc.nat(maxMs / TICK_MS).map((ticks) => ticks * TICK_MS)
const nodes = fc.array(
  fc.record({
    startsAtMs: moment(3000),
    readyAtMs: moment(6000),
    toldAtMs: moment(ALL_TOLD_MS),
    phaseMs: moment(HEARTBEAT_MS - TICK_MS),
    withOthers: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
)

class FakeNode {
  readonly #drawn: Drawn
  readonly info: NodeInfo
  #core: DrainCore | undefined
  #others: readonly NodeInfo[] = []
  #clients = CLIENTS
  readonly #leaving = new Map<string, number>()
  gone = false

  constructor(drawn: Drawn, index: number) {
    this.#drawn = drawn
    this.info = {
      id: `n${index}`,
      version: '1',
      region: '',
      role: 'all',
      state: 'starting',
      startedAt: 0,
      connections: 0,
      pressure: 0,
      address: '',
      rates: { connects: 0, published: 0, delivered: 0 },
      degraded: [],
    }
  }

  /** As it is now, for the table. */
  stateAt(nowMs: number): NodeInfo | undefined {
    if (this.gone || nowMs < this.#drawn.startsAtMs) return undefined
    if (this.#core !== undefined) return { ...this.info, state: 'draining' }
    return { ...this.info, state: nowMs < this.#drawn.readyAtMs ? 'starting' : 'active' }
  }

  tick(nowMs: number, table: readonly NodeInfo[]): void {
    const { startsAtMs, toldAtMs, phaseMs, withOthers } = this.#drawn
    if (this.gone || nowMs < startsAtMs) return
    if (nowMs % HEARTBEAT_MS === phaseMs || this.#others.length === 0)
      this.#others = table.filter(({ id }) => id !== this.info.id)
    if (nowMs < toldAtMs) return
    if (this.#core === undefined) {
      this.#core = new DrainCore(
        {
          plan: { kind: 'count', count: 2, everyMs: 1000 },
          deregisterMs: 500,
          graceMs: GRACE_MS,
          returnMs: 0,
          deadlineMs: Infinity,
          closeSpreadMs: 0,
        },
        this.#clients,
        nowMs,
      )
      this.#core.endAlone(withOthers ? 0 : ALONE_MS)
    }
    const core = this.#core
    for (const [id, atMs] of this.#leaving) if (nowMs >= atMs) this.#leave(id, nowMs)
    const capacity = capacityOf(this.info, this.#others)
    for (const decision of core.tick(nowMs, this.#clients, capacity)) {
      if (decision.kind === 'ask')
        for (let i = 0; i < decision.count; i++) {
          const id = `c${core.counts.told}`
          core.asked(id, 'websocket', 0, nowMs)
          // Every second one does not know what it was told, and is closed.
          if (i % 2 === 0) this.#leaving.set(id, nowMs + TICK_MS)
        }
      if (decision.kind === 'close') this.#leave(decision.id, nowMs)
      if (decision.kind === 'evict') {
        // That is for those only who have nowhere to go.
        expect(capacity.alone).toBe(true)
        this.#clients -= decision.count
      }
      if (decision.kind === 'done') {
        expect(this.#clients).toBe(0)
        this.gone = true
      }
    }
  }

  #leave(id: string, nowMs: number): void {
    this.#leaving.delete(id)
    this.#clients--
    this.#core?.gone(id, nowMs)
  }
}

describe('nodes that are told to stop by a signal', () => {
  it('D5 all end, in whatever order and however late they hear of each other', () => {
    fc.assert(
      fc.property(nodes, (drawn) => {
        const all = drawn.map((one, index) => new FakeNode(one, index))
        let nowMs = 0
        for (; nowMs < PATIENCE_MS && all.some(({ gone }) => !gone); nowMs += TICK_MS) {
          const table = all.flatMap((node) => node.stateAt(nowMs) ?? [])
          for (const node of all) node.tick(nowMs, table)
        }
        expect(all.filter(({ gone }) => !gone)).toEqual([])
      }),
    )
  })
})
