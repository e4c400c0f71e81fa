import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DrainCore, type Capacity, type DrainDecision, type DrainOptions } from '../../src/drain/core.ts'
import type { Plan } from '../../src/config/drain-plan.ts'
import { lengthMs, scheduleOf } from '../../src/drain/schedule.ts'

/** Clients of all characters against the core: who goes when asked, who goes by himself, who never does. */

const TICK_MS = 100
const GRACE_MS = 3000
const RETURN_MS = 2000
const CLOSE_SPREAD_MS = 1000
const WELL: Capacity = { ok: true, reason: '', room: Infinity }
const UNWELL: Capacity = { ok: false, reason: 'queues', room: Infinity }
const FULL: Capacity = { ok: true, reason: '', room: 0, full: 'node b is at its limit of 60 connections' }
const HERE = { gapMs: 0, recovered: true }
const BACK = { gapMs: undefined, recovered: true }
const TICKS_MAX = 20_000
/** What the plan may be late: a tenth of its longest interval here, and the tick in which it is seen. */
const LATE_MS = 500 + 2 * TICK_MS

const OPTIONS = {
  graceMs: GRACE_MS,
  returnMs: RETURN_MS,
  closeSpreadMs: CLOSE_SPREAD_MS,
  deadlineMs: Infinity,
}

/** `returns`: leaves, and is elsewhere a while later. `closes`: goes nowhere until it is closed, and is elsewhere then. */
type Character = 'moves' | 'leaves' | 'returns' | 'closes' | 'stays'
type Word = 'pause' | 'resume' | 'unwell' | 'full' | 'some' | 'well' | 'now' | 'plan'

const characters = fc.array(
  fc.constantFrom<Character>('moves', 'moves', 'leaves', 'returns', 'closes', 'stays'),
  { minLength: 1, maxLength: 60 },
)
const plans: fc.Arbitrary<Plan> = fc.oneof(
  fc.record({
    kind: fc.constant('percent' as const),
    percent: fc.integer({ min: 1, max: 100 }),
    everyMs: fc.integer({ min: 100, max: 5000 }),
  }),
  fc.record({
    kind: fc.constant('count' as const),
    count: fc.integer({ min: 1, max: 30 }),
    everyMs: fc.integer({ min: 100, max: 5000 }),
  }),
  fc.record({ kind: fc.constant('over' as const), totalMs: fc.integer({ min: 1, max: 20_000 }) }),
)
const words = fc.array(
  fc.record({
    tick: fc.nat(100),
    word: fc.constantFrom<Word>('pause', 'resume', 'unwell', 'full', 'some', 'well', 'now', 'plan'),
  }),
  { maxLength: 6 },
)

/** A node with its clients, and a cluster in some capacity. */
class Run {
  readonly core: DrainCore
  readonly connected: Map<string, Character>
  readonly asked = new Map<string, number>()
  readonly #options: DrainOptions
  readonly #unasked: string[]
  readonly #leaving = new Map<string, number>()
  readonly #returning = new Map<string, number>()
  readonly #returnMs: number
  capacity = WELL
  /** An operator wants all to go. */
  now = false
  nowMs = 0
  lastAskMs = 0
  evicted = 0
  evictedInTick = 0

  constructor(kinds: readonly Character[], options: DrainOptions, returnMs: number) {
    this.connected = new Map(kinds.map((kind, index) => [`c${index}`, kind]))
    this.#unasked = [...this.connected.keys()]
    this.#options = options
    this.#returnMs = returnMs
    this.core = new DrainCore(options, this.connected.size, 0)
  }

  /** One tick; answers what was decided in it. */
  tick(): DrainDecision[] {
    const { core, connected, nowMs } = this
    for (const [id, atMs] of this.#leaving) if (nowMs >= atMs) this.#leave(id)
    for (const [id, atMs] of this.#returning) {
      if (nowMs < atMs) continue
      this.#returning.delete(id)
      expect(core.confirm(id, BACK, nowMs)).toBe(false)
    }
    this.evictedInTick = 0
    const decisions = core.tick(nowMs, connected.size, this.capacity)
    for (const decision of decisions) this.#act(decision)
    // Nobody waits without being told what for.
    if (core.holding !== undefined && connected.size > 0) expect(this.capacity).not.toBe(WELL)
    this.nowMs += TICK_MS
    return decisions
  }

  #act(decision: DrainDecision): void {
    const { core, connected, nowMs } = this
    if (decision.kind === 'close') {
      // D1 D4
      expect(this.asked.get(decision.id)).toBeLessThanOrEqual(nowMs)
      expect(core.state).toBe('moving')
      if (!this.now) expect(this.capacity.room).toBeGreaterThan(0)
      this.#end(decision.id)
    }
    if (decision.kind === 'evict') {
      // D1 D5
      expect(core.state === 'closing' || core.state === 'gone').toBe(true)
      for (const id of [...connected.keys()].slice(0, decision.count)) {
        core.evicted(id, 'websocket', nowMs)
        this.evicted++
        this.evictedInTick++
        this.#end(id)
      }
    }
    if (decision.kind !== 'ask') return
    // D3 D4
    expect(core.state).toBe('moving')
    if (!this.now) {
      expect(this.capacity.room).toBeGreaterThanOrEqual(decision.count)
      if (this.#options.deadlineMs === Infinity) expect(this.capacity.ok).toBe(true)
      expect(nowMs).toBeGreaterThanOrEqual(this.#options.deregisterMs)
    }
    this.lastAskMs = nowMs
    for (const id of this.#unasked.splice(0, decision.count)) {
      if (!connected.has(id)) continue
      // D1
      expect(this.asked.has(id)).toBe(false)
      const delayMs = decision.windowMs / 2
      this.asked.set(id, nowMs + core.asked(id, 'websocket', delayMs, nowMs))
      const kind = connected.get(id)
      if (kind !== 'stays' && kind !== 'closes') this.#leaving.set(id, nowMs + delayMs)
    }
  }

  #leave(id: string): void {
    this.#leaving.delete(id)
    if (!this.connected.has(id)) return
    if (this.connected.get(id) === 'moves') this.core.confirm(id, HERE, this.nowMs)
    if (this.connected.get(id) === 'returns') this.#returning.set(id, this.nowMs + this.#returnMs)
    this.connected.delete(id)
    this.core.gone(id, this.nowMs)
  }

  #end(id: string): void {
    if (this.connected.get(id) === 'closes') this.#returning.set(id, this.nowMs + this.#returnMs)
    this.connected.delete(id)
    this.core.gone(id, this.nowMs)
  }

  say(word: Word): void {
    if (word === 'pause') this.core.pause()
    if (word === 'resume') this.core.resume()
    if (word === 'unwell') this.capacity = UNWELL
    if (word === 'full') this.capacity = FULL
    if (word === 'some') this.capacity = { ok: true, reason: '', room: 2, full: FULL.full as string }
    if (word === 'well') this.capacity = WELL
    if (word === 'plan') this.core.setPlan({ kind: 'count', count: 3, everyMs: 700 })
    if (word === 'now') {
      this.core.finishNow()
      this.now = true
    }
  }
}

describe('a drain', () => {
  it('D1 D3 D4 D5 D7 holds whatever clients, operators and the cluster do', () => {
    fc.assert(
      fc.property(characters, plans, words, fc.nat(2000), fc.nat(RETURN_MS / TICK_MS - 1), (...drawn) => {
        const [kinds, plan, script, deregisterMs, returnTicks] = drawn
        const run = new Run(kinds, { ...OPTIONS, plan, deregisterMs }, returnTicks * TICK_MS)
        for (let tick = 0; tick < TICKS_MAX && run.core.state !== 'gone'; tick++) {
          for (const { word } of script.filter((one) => one.tick === tick)) run.say(word)
          // In the end an operator lets it go on, and the cluster is well.
          if (tick === 101) {
            run.say('resume')
            run.say('well')
          }
          run.tick()
        }
        // D5
        expect(run.core.state).toBe('gone')
        expect(run.connected.size).toBe(0)
        expect(run.evicted).toBe(0)
        const count = (...of: readonly Character[]): number =>
          kinds.filter((kind) => of.includes(kind)).length
        // D7
        expect(run.core.total).toBe(kinds.length)
        expect(run.core.counts).toMatchObject({
          told: kinds.length,
          moved: count('moves', 'returns', 'closes'),
          resumed: count('moves', 'returns', 'closes'),
          unseen: count('leaves', 'stays'),
          forced: count('stays'),
          returned: count('closes'),
          replayed: 0,
          overlapped: 0,
        })
        const gapTicks = count('closes') > 0 ? Math.max(1, returnTicks) : returnTicks
        if (count('returns', 'closes') > 0) expect(run.core.counts.gaps?.maxMs).toBe(gapTicks * TICK_MS)
      }),
    )
  })

  it('D2 keeps the clock of its plan, whatever part of the clients never moves', () => {
    fc.assert(
      fc.property(characters, plans, (kinds, plan) => {
        const run = new Run(kinds, { ...OPTIONS, plan, deregisterMs: 0 }, 0)
        const schedule = scheduleOf(plan, kinds.length)
        for (let tick = 0; tick < TICKS_MAX && run.core.state !== 'gone'; tick++) {
          const atMs = run.nowMs
          run.tick()
          const dueAt = (ms: number): number =>
            ms < 0 ? 0 : Math.min(kinds.length, schedule.dueAt(Math.floor(ms / schedule.everyMs)))
          expect(run.asked.size).toBeLessThanOrEqual(dueAt(atMs))
          expect(run.asked.size).toBeGreaterThanOrEqual(dueAt(atMs - LATE_MS))
        }
        expect(run.asked.size).toBe(kinds.length)
        expect(run.lastAskMs).toBeLessThanOrEqual(lengthMs(schedule) + LATE_MS)
      }),
    )
  })

  it.each([
    ['5%/2m', { kind: 'percent', percent: 5, everyMs: 120_000 }, 40 * 60_000],
    ['5000/30s', { kind: 'count', count: 5000, everyMs: 30_000 }, 300_000],
    ['5m', { kind: 'over', totalMs: 300_000 }, 300_000],
  ] as const)(
    'D2 moves 50,000 clients by %s in the time that it says, with 1 %% that never move',
    (_, plan, ms) => {
      const clients = 50_000
      const core = new DrainCore({ ...OPTIONS, plan, deregisterMs: 0, graceMs: 30_000 }, clients, 0)
      let connections = clients
      let asked = 0
      let lastAskedMs = 0
      let nowMs = 0
      const leaving: { readonly id: string; readonly atMs: number }[] = []
      for (; core.state !== 'gone' && nowMs < 3_600_000; nowMs += TICK_MS) {
        while (leaving.length > 0 && (leaving[0]?.atMs ?? 0) <= nowMs) {
          const { id } = leaving.shift() as (typeof leaving)[number]
          core.confirm(id, HERE, nowMs)
          core.gone(id, nowMs)
          connections--
        }
        for (const decision of core.tick(nowMs, connections, WELL)) {
          if (decision.kind === 'close') {
            connections--
            core.gone(decision.id, nowMs)
          }
          if (decision.kind !== 'ask') continue
          for (let i = 0; i < decision.count; i++, asked++) {
            // In the order of their moments.
            const delayMs = (decision.windowMs * i) / decision.count
            core.asked(`c${asked}`, 'websocket', delayMs, nowMs)
            lastAskedMs = nowMs + delayMs
            if (asked % 100 !== 0) leaving.push({ id: `c${asked}`, atMs: lastAskedMs })
          }
        }
      }
      expect(core.counts).toMatchObject({
        told: clients,
        moved: clients - clients / 100,
        forced: clients / 100,
      })
      expect(lastAskedMs).toBeGreaterThan(ms * 0.95)
      expect(lastAskedMs).toBeLessThanOrEqual(ms)
      // The last of those who never move run out their own grace.
      expect(nowMs).toBeLessThanOrEqual(ms + 30_000 + RETURN_MS + 2 * TICK_MS)
    },
  )

  it('D2 spreads few clients over the whole time too', () => {
    const run = new Run(
      Array.from({ length: 55 }, () => 'moves'),
      { ...OPTIONS, plan: { kind: 'over', totalMs: 120_000 }, deregisterMs: 0 },
      0,
    )
    while (run.nowMs < 25_000) run.tick()
    expect(run.asked.size).toBeLessThanOrEqual(12)
    expect(run.core.estimateMs(run.nowMs, run.connected.size)).toBeGreaterThan(90_000)
    expect(run.core.estimateMs(run.nowMs, run.connected.size)).toBeLessThanOrEqual(95_000)
  })

  it('D5 has ended by its deadline, whatever anybody does, and closes who is left spread over a moment', () => {
    fc.assert(
      fc.property(
        characters,
        plans,
        words,
        fc.nat(2000),
        fc.integer({ min: CLOSE_SPREAD_MS, max: 30_000 }),
        (kinds, plan, script, deregisterMs, deadlineMs) => {
          const run = new Run(kinds, { ...OPTIONS, plan, deregisterMs, deadlineMs }, 0)
          const most = Math.ceil((kinds.length * TICK_MS) / CLOSE_SPREAD_MS) + 1
          while (run.core.state !== 'gone') {
            for (const { word } of script.filter(({ tick }) => tick === run.nowMs / TICK_MS)) run.say(word)
            expect(run.nowMs).toBeLessThan(deadlineMs + TICK_MS)
            const closedBefore = run.nowMs < deadlineMs - CLOSE_SPREAD_MS
            run.tick()
            if (closedBefore) expect(run.evictedInTick).toBe(0)
            else if (run.nowMs <= deadlineMs) expect(run.evictedInTick).toBeLessThanOrEqual(most)
          }
          expect(run.connected.size).toBe(0)
        },
      ),
    )
  })

  it('D5 asks everybody in time where the cluster was unwell until the deadline came near', () => {
    const run = new Run(
      Array.from({ length: 40 }, () => 'moves'),
      { ...OPTIONS, plan: { kind: 'over', totalMs: 20_000 }, deregisterMs: 0, deadlineMs: 60_000 },
      0,
    )
    run.capacity = UNWELL
    while (run.core.state !== 'gone') run.tick()
    expect(run.evicted).toBe(0)
    expect(run.core.counts).toMatchObject({ told: 40, moved: 40, forced: 0 })
    expect(run.nowMs).toBeLessThanOrEqual(60_000)
  })

  it('D1 closes nobody before the deadline while nobody has room for him, and says so', () => {
    const run = new Run(
      ['stays', 'stays', 'moves'],
      { ...OPTIONS, plan: { kind: 'count', count: 3, everyMs: 1000 }, deregisterMs: 0, deadlineMs: 60_000 },
      0,
    )
    run.tick()
    run.capacity = FULL
    while (run.nowMs < 60_000 - CLOSE_SPREAD_MS) run.tick()
    expect([...run.connected.values()]).toEqual(['stays', 'stays'])
    expect(run.core.holding).toBe('node b is at its limit of 60 connections')
    run.capacity = WELL
    run.tick()
    while (run.core.state !== 'gone') run.tick()
    expect(run.core.counts).toMatchObject({ told: 3, moved: 1, forced: 2 })
  })

  it('D3 asks no more than there is room for, beside those who are on their way', () => {
    const core = new DrainCore(
      { ...OPTIONS, plan: { kind: 'count', count: 10, everyMs: 1000 }, deregisterMs: 0, graceMs: 30_000 },
      20,
      0,
    )
    const some = { ...FULL, room: 4 }
    expect(core.tick(0, 20, some)).toMatchObject([{ kind: 'ask', count: 4 }])
    for (let i = 0; i < 4; i++) core.asked(`c${i}`, 'websocket', 0, 0)
    expect(core.holding).toBe(FULL.full)
    expect(core.tick(100, 20, some)).toEqual([])
    // One is there, and the table does not show it yet.
    core.confirm('c0', HERE, 200)
    core.gone('c0', 200)
    expect(core.tick(300, 19, some)).toEqual([])
    // It does now: the other node has one more, and one less room.
    expect(core.tick(5400, 19, { ...FULL, room: 5 })).toMatchObject([{ kind: 'ask', count: 2 }])
  })

  it('D3 D5 lets everybody go at once where the node is cut off, however slow its plan, and ends', () => {
    fc.assert(
      fc.property(characters, plans, fc.nat(5000), fc.nat(50), (kinds, plan, deregisterMs, cutOffTick) => {
        const core = new DrainCore({ ...OPTIONS, plan, deregisterMs }, kinds.length, 0)
        const connected = new Map(kinds.map((kind, index) => [`c${index}`, kind]))
        const leaving = new Map<string, number>()
        const unwell: Capacity = { ok: false, reason: 'the backbone does not answer', room: 0 }
        const cutOffMs = cutOffTick * TICK_MS
        let nowMs = 0
        let over = false
        for (; !over && nowMs < cutOffMs + 60_000; nowMs += TICK_MS) {
          const cutOff = nowMs >= cutOffMs
          for (const [id, atMs] of leaving) {
            if (nowMs < atMs || /stays|closes/.test(connected.get(id) ?? 'stays')) continue
            connected.delete(id)
            core.gone(id, nowMs)
          }
          for (const decision of core.tick(nowMs, connected.size, cutOff ? { ...unwell, cutOff } : unwell)) {
            expect(cutOff).toBe(true)
            if (decision.kind === 'done') over = true
            if (decision.kind === 'close') {
              connected.delete(decision.id)
              core.gone(decision.id, nowMs)
            }
            if (decision.kind !== 'ask') continue
            expect(nowMs).toBe(cutOffMs)
            expect(decision.count).toBe(kinds.length)
            expect(decision.windowMs).toBeGreaterThan(0)
            for (const id of connected.keys()) {
              core.asked(id, 'websocket', decision.windowMs / 2, nowMs)
              leaving.set(id, nowMs + decision.windowMs / 2)
            }
          }
        }
        expect(over).toBe(true)
        expect(connected.size).toBe(0)
      }),
    )
  })

  it('D4 D6 asks nobody where the node is cut off while the drain is paused, or only a part is to go', () => {
    const plan: Plan = { kind: 'over', totalMs: 600_000 }
    const reason = 'the backbone does not answer'
    const capacity: Capacity = { ok: false, reason, room: Infinity, cutOff: true }
    const paused = new DrainCore({ ...OPTIONS, plan, deregisterMs: 0 }, 10, 0)
    paused.pause()
    expect(paused.tick(1000, 10, capacity)).toEqual([])
    paused.resume()
    expect(paused.tick(1100, 10, capacity)).toMatchObject([{ kind: 'ask', count: 10 }])
    const part = new DrainCore({ ...OPTIONS, plan, deregisterMs: 0, limit: 5 }, 10, 0)
    for (const nowMs of [1000, 200_000]) expect(part.tick(nowMs, 10, capacity)).toEqual([])
  })

  it('D4 asks and closes nobody once it is cancelled', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'count', count: 10, everyMs: 1000 },
        deregisterMs: 0,
        graceMs: 100,
        returnMs: 0,
      },
      10,
      0,
    )
    core.tick(0, 10, WELL)
    core.asked('c', 'sse', 0, 0)
    core.cancel()
    expect(core.tick(10_000, 10, WELL)).toEqual([])
    expect(core.state).toBe('cancelled')
  })

  it('D6 lets no more leave than its limit, asks others for those who stay, closes nobody, and ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 80 }),
        plans,
        (connections, limit, plan) => {
          const core = new DrainCore({ ...OPTIONS, plan, deregisterMs: 0, limit }, connections, 0)
          // Every second one stays where he is.
          const stays = (id: number): boolean => id % 2 === 1
          const here = new Set(Array.from({ length: connections }, (_, id) => id))
          const told = new Set<number>()
          let left = 0
          for (let tick = 0; tick < TICKS_MAX && core.state !== 'gone'; tick++) {
            const nowMs = tick * TICK_MS
            for (const decision of core.tick(nowMs, here.size, WELL)) {
              expect(decision.kind).not.toBe('close')
              if (decision.kind !== 'ask') continue
              let wanted = decision.count
              for (const id of here) {
                if (wanted === 0 || told.has(id)) continue
                wanted--
                told.add(id)
                core.asked(`c${id}`, 'sse', 0, nowMs)
                if (stays(id)) continue
                left++
                here.delete(id)
                core.confirm(`c${id}`, HERE, nowMs)
                core.gone(`c${id}`, nowMs)
              }
              if (wanted > 0) core.noneLeft()
            }
          }
          expect(core.state).toBe('gone')
          expect(left).toBeLessThanOrEqual(limit)
          const movers = Math.ceil(connections / 2)
          expect(left).toBe(Math.min(limit, movers))
          expect(core.counts).toMatchObject({ told: told.size, moved: left, forced: 0 })
        },
      ),
    )
  })

  it('D5 ends where there has been no other node for long enough, if it may, and asks nobody meanwhile', () => {
    const alone = { ok: false, reason: 'no other node is active', room: 0, alone: true } as const
    const aloneMs = 6000
    fc.assert(
      fc.property(
        plans,
        fc.nat(2000),
        fc.array(fc.boolean(), { maxLength: 100 }),
        fc.boolean(),
        (plan, deregisterMs, company, bySignal) => {
          const core = new DrainCore({ ...OPTIONS, plan, deregisterMs, returnMs: 0, closeSpreadMs: 0 }, 10, 0)
          if (bySignal) core.endAlone(aloneMs)
          let aloneSinceMs: number | undefined
          for (let tick = 0; tick < 500 && core.state !== 'gone'; tick++) {
            const nowMs = tick * TICK_MS
            // Others come and go at first, and nobody is ever well.
            const capacity = company[tick] === true ? UNWELL : alone
            aloneSinceMs = capacity === alone ? (aloneSinceMs ?? nowMs) : undefined
            const decisions = core.tick(nowMs, 10, capacity)
            const over = bySignal && aloneSinceMs !== undefined && nowMs - aloneSinceMs >= aloneMs
            expect(decisions).toEqual(over ? [{ kind: 'evict', count: 10 }, { kind: 'done' }] : [])
          }
          expect(core.state === 'gone').toBe(bySignal)
        },
      ),
    )
  })

  it('counts, and paces, those who are there when moving begins: balancers send some until then', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'percent', percent: 50, everyMs: 1000 },
        deregisterMs: 500,
        graceMs: 100,
        returnMs: 0,
      },
      0,
      0,
    )
    expect(core.tick(0, 0, WELL)).toEqual([])
    expect(core.tick(500, 8, WELL)).toMatchObject([{ kind: 'ask', count: 4 }])
    expect(core.total).toBe(8)
  })

  it('estimates with the whole time of those who have not moved within their window', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'count', count: 2, everyMs: 1000 },
        deregisterMs: 0,
        graceMs: 20_000,
        returnMs: 0,
      },
      2,
      0,
    )
    core.tick(0, 2, WELL)
    for (const id of ['one', 'other']) core.asked(id, 'websocket', 400, 0)
    expect(core.estimateMs(500, 2)).toBeLessThan(2000)
    const late = core.estimateMs(900, 2)
    expect(late).toBeGreaterThanOrEqual(20_400 - 900)
    expect(core.estimateMs(5000, 2)).toBe((late as number) - 4100)
  })

  it('D3 says why it holds', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'count', count: 10, everyMs: 1000 },
        deregisterMs: 0,
        graceMs: 100,
        returnMs: 0,
      },
      10,
      0,
    )
    expect(core.tick(0, 10, { ok: false, reason: 'node n queues connections', room: Infinity })).toEqual([])
    expect(core.holding).toBe('node n queues connections')
  })

  it('counts who is heard of elsewhere after his connection was closed here', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'count', count: 1, everyMs: 1000 },
        deregisterMs: 0,
        graceMs: 100,
        returnMs: 0,
      },
      1,
      0,
    )
    core.tick(0, 1, WELL)
    core.asked('c', 'sse', 0, 0)
    expect(core.tick(200, 1, WELL)).toEqual([{ kind: 'close', id: 'c' }])
    core.gone('c', 200)
    expect(core.counts).toMatchObject({ moved: 0, unseen: 1 })
    expect(core.confirm('c', { gapMs: 40, recovered: false }, 300)).toBe(false)
    expect(core.counts).toMatchObject({ told: 1, moved: 1, resumed: 0, unseen: 0, forced: 0, returned: 1 })
    expect(core.counts.gaps).toEqual({ p50Ms: 40, p95Ms: 40, p99Ms: 40, maxMs: 40 })
  })

  it('D7 tells for how long one was gone whose new session nobody knew', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'count', count: 1, everyMs: 1000 },
        deregisterMs: 0,
        graceMs: 100,
        returnMs: 500,
      },
      1,
      0,
    )
    core.tick(0, 1, WELL)
    core.asked('c', 'sse', 0, 0)
    core.gone('c', 50)
    expect(core.tick(100, 0, WELL)).toEqual([])
    expect(core.holding).toBe('the last to leave are not back yet')
    core.confirm('c', BACK, 350)
    core.confirm('c', BACK, 360)
    expect(core.counts).toMatchObject({ moved: 1, unseen: 0 })
    expect(core.counts.gaps?.maxMs).toBe(300)
    expect(core.tick(400, 0, WELL)).toEqual([{ kind: 'done' }])
  })

  it('counts what was replayed once for each who has moved, and apart where his old connection was still open', () => {
    const core = new DrainCore(
      {
        ...OPTIONS,
        plan: { kind: 'count', count: 2, everyMs: 1000 },
        deregisterMs: 0,
        graceMs: 100,
        returnMs: 500,
      },
      2,
      0,
    )
    core.tick(0, 2, WELL)
    for (const id of ['open', 'left']) core.asked(id, id === 'open' ? 'websocket' : 'poll', 0, 0)
    core.gone('left', 10)
    core.replayed('open', 100)
    core.confirm('open', HERE, 20)
    core.confirm('left', BACK, 30)
    for (const id of ['open', 'left', 'left', 'stranger']) core.replayed(id, 3)
    expect(core.counts).toMatchObject({ moved: 2, replayed: 6, overlapped: 3 })
    expect(core.byTransport).toMatchObject({
      websocket: { told: 1, moved: 1, replayed: 3, overlapped: 3, gaps: { maxMs: 0 } },
      poll: { told: 1, moved: 1, replayed: 3, overlapped: 0, gaps: { maxMs: 20 } },
    })
  })
})
