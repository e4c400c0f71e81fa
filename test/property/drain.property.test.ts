import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DrainCore, type DrainDecision } from '../../src/drain/core.ts'
import { paceOf, type Plan } from '../../src/drain/pace.ts'

/** Clients of all characters against the core: who goes when asked, who goes by himself, who never does. */

const TICK_MS = 100
const GRACE_MS = 3000
const RETURN_MS = 2000
const WELL = { ok: true, reason: '' }
const HERE = { gapMs: 0, recovered: true }
const BACK = { gapMs: undefined, recovered: true }
const TICKS_MAX = 20_000

/** `returns`: leaves, and is elsewhere a while later. */
type Character = 'moves' | 'leaves' | 'returns' | 'stays'
type Word = 'pause' | 'resume' | 'unwell' | 'well' | 'now'

const characters = fc.array(fc.constantFrom<Character>('moves', 'moves', 'leaves', 'returns', 'stays'), {
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
  it('D1 D2 D3 D4 D5 D7 holds whatever clients, operators and the cluster do', () => {
    fc.assert(
      fc.property(characters, plans, words, fc.nat(2000), fc.nat(RETURN_MS / TICK_MS - 1), (...drawn) => {
        const [kinds, plan, script, deregisterMs, returnTicks] = drawn
        const connected = new Map(kinds.map((kind, index) => [`c${index}`, kind]))
        const core = new DrainCore(
          { plan, deregisterMs, graceMs: GRACE_MS, returnMs: RETURN_MS },
          connected.size,
          0,
        )
        const asked = new Map<string, number>()
        const leaving = new Map<string, number>()
        const returning = new Map<string, number>()
        const unasked = [...connected.keys()]
        const { batch, everyMs } = paceOf(plan, connected.size)
        let mood = WELL
        let hurry = false
        let lastBatchMs = Number.NEGATIVE_INFINITY
        let nowMs = 0
        const act = (decision: DrainDecision): void => {
          if (decision.kind === 'close') {
            // D1 D4
            expect(asked.get(decision.id)).toBeLessThanOrEqual(nowMs)
            expect(core.state).toBe('moving')
            connected.delete(decision.id)
            core.gone(decision.id, nowMs)
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
            asked.set(id, nowMs + core.asked(id, 'websocket', delayMs, nowMs))
            if (connected.get(id) !== 'stays') leaving.set(id, nowMs + delayMs)
          }
        }
        for (let tick = 0; tick < TICKS_MAX && core.state !== 'gone'; tick++) {
          nowMs = tick * TICK_MS
          for (const { word } of script.filter((one) => one.tick === tick)) {
            if (word === 'pause') core.pause()
            if (word === 'resume') core.resume()
            if (word === 'unwell') mood = { ok: false, reason: 'queues' }
            if (word === 'well') mood = WELL
            if (word === 'now') {
              core.finishNow()
              hurry = true
            }
          }
          // In the end an operator lets it go on, and the cluster is well.
          if (tick === 101) {
            core.resume()
            mood = WELL
          }
          for (const [id, atMs] of leaving) {
            if (nowMs < atMs || !connected.has(id)) continue
            if (connected.get(id) === 'moves') core.confirm(id, HERE, nowMs)
            if (connected.get(id) === 'returns') returning.set(id, nowMs + returnTicks * TICK_MS)
            connected.delete(id)
            core.gone(id, nowMs)
          }
          for (const [id, atMs] of returning) {
            if (nowMs < atMs) continue
            returning.delete(id)
            expect(core.confirm(id, BACK, nowMs)).toBe(false)
          }
          for (const decision of core.tick(nowMs, connected.size, mood)) act(decision)
          if (core.holding !== undefined) expect(mood.ok && connected.size > 0).toBe(false)
        }
        // D5
        expect(core.state).toBe('gone')
        expect(connected.size).toBe(0)
        const count = (...of: readonly Character[]): number =>
          kinds.filter((kind) => of.includes(kind)).length
        // D7
        expect(core.total).toBe(kinds.length)
        expect(core.counts).toMatchObject({
          told: kinds.length,
          moved: count('moves', 'returns'),
          resumed: count('moves', 'returns'),
          unseen: count('leaves', 'stays'),
          forced: count('stays'),
          replayed: 0,
          overlapped: 0,
        })
        if (count('returns') > 0) expect(core.counts.gaps?.maxMs).toBe(returnTicks * TICK_MS)
      }),
    )
  })

  it('D4 asks and closes nobody once it is cancelled', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 10, everyMs: 1000 }, deregisterMs: 0, graceMs: 100, returnMs: 0 },
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
          const core = new DrainCore(
            { plan, deregisterMs: 0, graceMs: GRACE_MS, returnMs: RETURN_MS, limit },
            connections,
            0,
          )
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
    const alone = { ok: false, reason: 'no other node is active', alone: true } as const
    const aloneMs = 6000
    fc.assert(
      fc.property(
        plans,
        fc.nat(2000),
        fc.array(fc.boolean(), { maxLength: 100 }),
        fc.boolean(),
        (plan, deregisterMs, company, bySignal) => {
          const core = new DrainCore({ plan, deregisterMs, graceMs: GRACE_MS, returnMs: 0 }, 10, 0)
          if (bySignal) core.endAlone(aloneMs)
          let aloneSinceMs: number | undefined
          for (let tick = 0; tick < 500 && core.state !== 'gone'; tick++) {
            const nowMs = tick * TICK_MS
            // Others come and go at first, and nobody is ever well.
            const mood = company[tick] === true ? { ok: false, reason: 'queues' } : alone
            aloneSinceMs = mood === alone ? (aloneSinceMs ?? nowMs) : undefined
            const decisions = core.tick(nowMs, 10, mood)
            const over = bySignal && aloneSinceMs !== undefined && nowMs - aloneSinceMs >= aloneMs
            expect(decisions).toEqual(over ? [{ kind: 'done' }] : [])
          }
          expect(core.state === 'gone').toBe(bySignal)
        },
      ),
    )
  })

  it('counts, and paces, those who are there when moving begins: balancers send some until then', () => {
    const core = new DrainCore(
      { plan: { kind: 'percent', percent: 50, everyMs: 1000 }, deregisterMs: 500, graceMs: 100, returnMs: 0 },
      0,
      0,
    )
    expect(core.tick(0, 0, WELL)).toEqual([])
    expect(core.tick(500, 8, WELL)).toMatchObject([{ kind: 'ask', count: 4 }])
    expect(core.total).toBe(8)
  })

  it('estimates with the whole time of those who have not moved within their window', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 1, everyMs: 1000 }, deregisterMs: 0, graceMs: 20_000, returnMs: 0 },
      2,
      0,
    )
    core.tick(0, 2, WELL)
    core.asked('plain', 'websocket', 400, 0)
    expect(core.estimateMs(500, 2)).toBeLessThan(2000)
    const late = core.estimateMs(900, 2)
    expect(late).toBeGreaterThanOrEqual(20_400 - 900)
    expect(core.estimateMs(5000, 2)).toBe((late as number) - 4100)
  })

  it('D3 says why it holds', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 10, everyMs: 1000 }, deregisterMs: 0, graceMs: 100, returnMs: 0 },
      10,
      0,
    )
    expect(core.tick(0, 10, { ok: false, reason: 'node n queues connections' })).toEqual([])
    expect(core.holding).toBe('node n queues connections')
  })

  it('counts who is heard of elsewhere after his connection was closed here', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 1, everyMs: 1000 }, deregisterMs: 0, graceMs: 100, returnMs: 0 },
      1,
      0,
    )
    core.tick(0, 1, WELL)
    core.asked('c', 'sse', 0, 0)
    expect(core.tick(200, 1, WELL)).toEqual([{ kind: 'close', id: 'c' }])
    core.gone('c', 200)
    expect(core.counts).toMatchObject({ moved: 0, unseen: 1 })
    expect(core.confirm('c', { gapMs: 40, recovered: false }, 300)).toBe(false)
    expect(core.counts).toMatchObject({ told: 1, moved: 1, resumed: 0, unseen: 0, forced: 1 })
    expect(core.counts.gaps).toEqual({ p50Ms: 40, p95Ms: 40, p99Ms: 40, maxMs: 40 })
  })

  it('D7 tells for how long one was gone whose new session nobody knew', () => {
    const core = new DrainCore(
      { plan: { kind: 'count', count: 1, everyMs: 1000 }, deregisterMs: 0, graceMs: 100, returnMs: 500 },
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
      { plan: { kind: 'count', count: 2, everyMs: 1000 }, deregisterMs: 0, graceMs: 100, returnMs: 500 },
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
