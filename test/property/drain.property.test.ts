import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DrainCore, type DrainDecision } from '../../src/drain/core.ts'
import { paceOf, type Plan } from '../../src/drain/pace.ts'

/** Clients of all characters against the core: who goes when asked, who goes by himself, who never does. */

const TICK_MS = 100
const GRACE_MS = 3000
const TICKS_MAX = 20_000

type Character = 'moves' | 'leaves' | 'stays'
type Word = 'pause' | 'resume' | 'unwell' | 'well' | 'now'

const characters = fc.array(fc.constantFrom<Character>('moves', 'moves', 'leaves', 'stays'), {
  minLength: 1,
  maxLength: 60,
})
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
  fc.record({ kind: fc.constant('over' as const), totalMs: fc.integer({ min: 0, max: 20_000 }) }),
)
const words = fc.array(
  fc.record({ tick: fc.nat(100), word: fc.constantFrom<Word>('pause', 'resume', 'unwell', 'well', 'now') }),
  { maxLength: 6 },
)

describe('a drain', () => {
  it('D1 D2 D3 D4 D5 holds whatever clients, operators and the cluster do', () => {
    fc.assert(
      fc.property(characters, plans, words, fc.nat(2000), (kinds, plan, script, deregisterMs) => {
        const connected = new Map(kinds.map((kind, index) => [`c${index}`, kind]))
        const core = new DrainCore({ plan, deregisterMs, graceMs: GRACE_MS }, connected.size, 0)
        const asked = new Map<string, number>()
        const leaving = new Map<string, number>()
        const unasked = [...connected.keys()]
        const { batch, everyMs } = paceOf(plan, connected.size)
        let mood = { ok: true, reason: '' }
        let hurry = false
        let lastBatchMs = Number.NEGATIVE_INFINITY
        let nowMs = 0
        const act = (decision: DrainDecision): void => {
          if (decision.kind === 'close') {
            // D1 D4
            expect(asked.get(decision.id)).toBeLessThanOrEqual(nowMs)
            expect(core.state).toBe('moving')
            connected.delete(decision.id)
            core.gone(decision.id)
          }
          if (decision.kind !== 'ask') return
          // D2 D3 D4
          expect(core.state).toBe('moving')
          if (!hurry) {
            expect(mood.ok).toBe(true)
            expect(decision.count).toBeLessThanOrEqual(batch)
            expect(nowMs - lastBatchMs).toBeGreaterThanOrEqual(everyMs)
            for (const id of asked.keys()) expect(connected.has(id)).toBe(false)
            expect(nowMs).toBeGreaterThanOrEqual(deregisterMs)
          }
          lastBatchMs = nowMs
          for (const id of unasked.splice(0, decision.count)) {
            if (!connected.has(id)) continue
            expect(asked.has(id)).toBe(false)
            const delayMs = decision.windowMs / 2
            asked.set(id, nowMs + core.asked(id, delayMs, nowMs))
            if (connected.get(id) !== 'stays') leaving.set(id, nowMs + delayMs)
          }
        }
        for (let tick = 0; tick < TICKS_MAX && core.state !== 'gone'; tick++) {
          nowMs = tick * TICK_MS
          for (const { word } of script.filter((one) => one.tick === tick)) {
            if (word === 'pause') core.pause()
            if (word === 'resume') core.resume(nowMs)
            if (word === 'unwell') mood = { ok: false, reason: 'queues' }
            if (word === 'well') mood = { ok: true, reason: '' }
            if (word === 'now') {
              core.finishNow()
              hurry = true
            }
          }
          // In the end an operator lets it go on, and the cluster is well.
          if (tick === 101) {
            core.resume(nowMs)
            mood = { ok: true, reason: '' }
          }
          for (const [id, atMs] of leaving) {
            if (nowMs < atMs || !connected.has(id)) continue
            if (connected.get(id) === 'moves') core.confirm(id, 0)
            connected.delete(id)
            core.gone(id)
          }
          for (const decision of core.tick(nowMs, connected.size, mood)) act(decision)
          if (core.holding !== undefined) expect(mood.ok).toBe(false)
        }
        // D5
        expect(core.state).toBe('gone')
        expect(connected.size).toBe(0)
        const { total, told, moved, forced } = core.counts
        expect({ total, told, moved, forced }).toEqual({
          total: kinds.length,
          told: kinds.length,
          moved: kinds.filter((kind) => kind === 'moves').length,
          forced: kinds.filter((kind) => kind === 'stays').length,
        })
      }),
    )
  })

  it('D4 asks and closes nobody once it is cancelled', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 10, everyMs: 1000 }, deregisterMs: 0, graceMs: 100 },
      10,
      0,
    )
    core.tick(0, 10, { ok: true, reason: '' })
    core.asked('c', 0, 0)
    core.cancel()
    expect(core.tick(10_000, 10, { ok: true, reason: '' })).toEqual([])
    expect(core.state).toBe('cancelled')
  })

  it('D6 asks no more than its limit, closes nobody, and ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 80 }),
        plans,
        (connections, limit, plan) => {
          const core = new DrainCore({ plan, deregisterMs: 0, graceMs: GRACE_MS, limit }, connections, 0)
          let asked = 0
          for (let tick = 0; tick < TICKS_MAX && core.state !== 'gone'; tick++) {
            for (const decision of core.tick(tick * TICK_MS, connections, { ok: true, reason: '' })) {
              expect(decision.kind).not.toBe('close')
              if (decision.kind !== 'ask') continue
              for (let i = 0; i < decision.count; i++) core.asked(`c${asked++}`, 0, tick * TICK_MS)
            }
          }
          expect(core.state).toBe('gone')
          expect(asked).toBe(limit)
          expect(core.counts).toMatchObject({ told: limit, forced: 0 })
        },
      ),
    )
  })

  it('D3 says why it holds', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 10, everyMs: 1000 }, deregisterMs: 0, graceMs: 100 },
      10,
      0,
    )
    expect(core.tick(0, 10, { ok: false, reason: 'node n queues connections' })).toEqual([])
    expect(core.holding).toBe('node n queues connections')
  })

  it('counts who is heard of elsewhere after his connection was closed here', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 1, everyMs: 1000 }, deregisterMs: 0, graceMs: 100 },
      1,
      0,
    )
    core.tick(0, 1, { ok: true, reason: '' })
    core.asked('c', 0, 0)
    expect(core.tick(200, 1, { ok: true, reason: '' })).toEqual([{ kind: 'close', id: 'c' }])
    core.gone('c')
    expect(core.confirm('c', 40)).toBe(false)
    expect(core.counts).toEqual({ total: 1, told: 1, moved: 1, forced: 1 })
    expect(core.gaps).toEqual({ p50Ms: 40, p95Ms: 40, p99Ms: 40, maxMs: 40 })
  })
})
