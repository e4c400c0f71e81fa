import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ledger, type Said } from '../../src/webhooks/ledger.ts'
import { Outbox, type Batch } from '../../src/webhooks/outbox.ts'

const OPTIONS = {
  ...{ batchMax: 4, underWayMax: 3, giveUpMs: 20_000 },
  ...{ retryMinMs: 100, retryMaxMs: 2_000, windowMax: 50 },
}

const STEP_MS = 50

interface Told {
  readonly lane: string
  readonly number: number
}

/** A backend that refuses some lanes for ever, and everything for a while. */
const backends = fc.record({
  things: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.boolean()), { maxLength: 60 }),
  poisoned: fc.subarray(['a', 'b']),
  downForMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 })),
  takesMs: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
})

describe('what a backend is told', () => {
  it('Q1 Q2 Q3 Q4 in the order of each lane, all of it settled, and a refused lane holds up no other', () => {
    fc.assert(
      fc.property(backends, ({ things, poisoned, downForMs, takesMs }) => {
        const outbox = new Outbox<Told>('start', OPTIONS)
        const [taken, dead]: [Told[], Told[]] = [[], []]
        const flying: { batch: Batch<Told>; doneMs: number }[] = []
        let requests = 0
        let nowMs = 0
        for (const [number, [lane, wanted]] of things.entries())
          outbox.add(`${number}`, lane, wanted ? { lane, number } : undefined, nowMs)
        const wanted = things.flatMap(([lane, isWanted], number) => (isWanted ? [{ lane, number }] : []))
        for (let steps = 0; outbox.waiting > 0; steps++) {
          expect(steps).toBeLessThan(50_000)
          for (let batch = outbox.next(nowMs); batch.length > 0; batch = outbox.next(nowMs)) {
            const lanes = new Set(batch.map(({ lane }) => lane))
            // Of a lane only one request is under way.
            for (const { batch: other } of flying)
              expect(other.some(({ lane }) => lanes.has(lane))).toBe(false)
            expect(batch.length).toBeLessThanOrEqual(OPTIONS.batchMax)
            flying.push({ batch, doneMs: nowMs + (takesMs[requests++ % takesMs.length] as number) })
            expect(flying.length).toBeLessThanOrEqual(OPTIONS.underWayMax)
          }
          nowMs += STEP_MS
          for (const one of flying.filter(({ doneMs }) => doneMs <= nowMs)) {
            flying.splice(flying.indexOf(one), 1)
            const refuses = nowMs < downForMs || one.batch.some(({ lane }) => poisoned.includes(lane as 'a'))
            if (refuses) dead.push(...outbox.refused(one.batch, nowMs).map(({ what }) => what))
            else {
              taken.push(...one.batch.map(({ what }) => what))
              outbox.taken(one.batch)
            }
          }
        }
        expect(flying).toEqual([])
        expect([...taken, ...dead].toSorted((a, b) => a.number - b.number)).toEqual(wanted)
        for (const lane of ['a', 'b', 'c', 'd']) {
          const of = taken.filter((one) => one.lane === lane).map(({ number }) => number)
          expect(of).toEqual(of.toSorted((a, b) => a - b))
        }
        // What was given up was refused, or came while everything was for so long. A backend that has come back is asked about
        // one lane at a time until it takes something, and the poisoned ones may have their turn first.
        const turnMs = OPTIONS.retryMaxMs + Math.max(...takesMs) + STEP_MS
        const unseenMs = turnMs * (poisoned.length + 1)
        for (const { lane } of dead)
          expect(poisoned.includes(lane as 'a') || downForMs >= OPTIONS.giveUpMs - unseenMs).toBe(true)
        expect(outbox.cursor).toBe(things.length === 0 ? 'start' : `${things.length - 1}`)
        expect(outbox.room).toBe(OPTIONS.windowMax)
      }),
    )
  })

  it('Q2 the others have all been told before the first of a refused lane is given up', () => {
    const outbox = new Outbox<string>('', OPTIONS)
    for (let i = 0; i < 40; i++) outbox.add(`${i}`, i % 2 === 0 ? 'poison' : `lane ${i}`, `${i}`, 0)
    const taken: string[] = []
    for (let nowMs = 0; nowMs < OPTIONS.giveUpMs; nowMs += 50) {
      const batch = outbox.next(nowMs)
      if (batch.length === 0) continue
      if (batch.some(({ lane }) => lane === 'poison')) expect(outbox.refused(batch, nowMs)).toEqual([])
      else {
        outbox.taken(batch)
        taken.push(...batch.map(({ what }) => what))
      }
    }
    expect(taken).toHaveLength(20)
    expect(outbox.cursor).toBe('')
  })

  it('Q3 a backend that asks for a pause is left alone for so long', () => {
    const outbox = new Outbox<string>('', OPTIONS)
    outbox.add('1', 'a', 'x', 0)
    outbox.refused(outbox.next(0), 0, 5_000)
    expect([outbox.next(4_999), outbox.next(5_000).length]).toEqual([[], 1])
  })
})

const NODES = ['n1', 'n2', 'n3'] as const
const KEYS = ['o\nx', 'm\nx\na', 'm\nx\nb'] as const

type Act =
  | { readonly kind: 'hold' | 'let go'; readonly node: string; readonly key: string }
  | { readonly kind: 'die' | 'anew'; readonly node: string }
  | { readonly kind: 'pass'; readonly ms: number }

const acts = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('hold' as const, 'let go' as const),
      node: fc.constantFrom(...NODES),
      key: fc.constantFrom(...KEYS),
    }),
    fc.record({ kind: fc.constantFrom('die' as const, 'anew' as const), node: fc.constantFrom(...NODES) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  ),
  { maxLength: 80 },
)

const GRACE_MS = 2_000

describe('the ledger', () => {
  it('H1 H2 H3 H4 says begin and end in turn, the end only after nobody has held it for the grace, and in the end what is true', () => {
    fc.assert(
      fc.property(acts, (all: readonly Act[]) => {
        const ledger = new Ledger()
        const truth = new Map<string, Set<string>>(NODES.map((node) => [node, new Set()]))
        const versions = new Map<string, number>()
        const saidOf = new Map<string, boolean>()
        /** Since when nobody holds it. */
        const emptyMs = new Map<string, number>()
        let nowMs = 1_000_000
        const holders = (key: string): number => [...truth.values()].filter((keys) => keys.has(key)).length
        const hear = (said: readonly Said[]): void => {
          for (const { key, held } of said) {
            expect(saidOf.get(key) ?? false).toBe(!held)
            saidOf.set(key, held)
            if (held) expect(holders(key)).toBeGreaterThan(0)
            else expect(nowMs - (emptyMs.get(key) ?? nowMs)).toBeGreaterThanOrEqual(GRACE_MS)
          }
        }
        const report = (node: string, key: string, held: boolean): void => {
          const version = versions.get(node) ?? 0
          const changes = [{ key, held, graceMs: GRACE_MS }]
          expect(ledger.report(node, { after: version + 1, version: version + 2, changes })).toBeUndefined()
          const said = ledger.report(node, { after: version, version: version + 1, changes })
          versions.set(node, version + 1)
          hear(said ?? [])
        }
        const change = (node: string, key: string, held: boolean): void => {
          if (held) truth.get(node)?.add(key)
          else truth.get(node)?.delete(key)
          if (holders(key) > 0) emptyMs.delete(key)
          else if (!emptyMs.has(key)) emptyMs.set(key, nowMs)
        }
        const tend = (): void => hear(ledger.tend(nowMs))
        tend()
        for (const act of all) {
          if (act.kind === 'pass') {
            nowMs += act.ms
            tend()
            continue
          }
          if (act.kind === 'hold' || act.kind === 'let go') {
            change(act.node, act.key, act.kind === 'hold')
            report(act.node, act.key, act.kind === 'hold')
            continue
          }
          const had = [...(truth.get(act.node) ?? [])]
          if (act.kind === 'die') for (const key of had) change(act.node, key, false)
          ledger.bury(act.node, GRACE_MS)
          expect(ledger.versionOf(act.node)).toBe(0)
          versions.set(act.node, 0)
          if (act.kind === 'anew') for (const key of had) report(act.node, key, true)
        }
        for (let i = 0; i < 5; i++) {
          nowMs += GRACE_MS
          tend()
        }
        for (const key of KEYS) expect(saidOf.get(key) ?? false).toBe(holders(key) > 0)
      }),
    )
  })
})
