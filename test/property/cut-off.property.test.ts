import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CutOff, type Said } from '../../src/cluster/cut-off.ts'

const OPTIONS = { graceMs: 4000, silenceMs: 9000 }
const TICK_MS = 500

/** What one other node says at a moment, if it is heard. */
type Word = 'well' | 'ill' | 'drains' | 'api' | 'silent'

const SAID: Readonly<Record<Exclude<Word, 'silent'>, Said>> = {
  well: { state: 'active', role: 'all', degraded: [] },
  ill: { state: 'active', role: 'all', degraded: ['registry'] },
  drains: { state: 'draining', role: 'all', degraded: [] },
  api: { state: 'active', role: 'api', degraded: [] },
}

interface Moment {
  readonly self: boolean
  readonly asking: boolean
  /** Of two other nodes. */
  readonly words: readonly [Word, Word]
}

/** Verdicts over time; what was said last by each counts, from when it was said. */
function verdicts(moments: readonly Moment[]): boolean[] {
  const cutOff = new CutOff(OPTIONS)
  const last = new Map<number, { readonly said: Said; readonly atMs: number }>()
  let askingSinceMs: number | undefined
  return moments.map(({ self, asking, words }, tick) => {
    const nowMs = tick * TICK_MS
    for (const [node, word] of words.entries())
      if (word !== 'silent') last.set(node, { said: SAID[word], atMs: nowMs })
    askingSinceMs = asking ? (askingSinceMs ?? nowMs) : undefined
    return cutOff.look(nowMs, self, askingSinceMs, (ms) =>
      [...last.values()].filter(({ atMs }) => atMs >= ms).map(({ said }) => said),
    )
  })
}

const word = fc.constantFrom<Word>('well', 'ill', 'drains', 'api', 'silent', 'silent')
const stretch = fc.record({
  moment: fc.record({ self: fc.boolean(), asking: fc.boolean(), words: fc.tuple(word, word) }),
  ticks: fc.integer({ min: 1, max: 30 }),
})
const history = fc
  .array(stretch, { maxLength: 10 })
  .map((all) => all.flatMap(({ moment, ticks }) => Array.from({ length: ticks }, () => moment)))

const ill = (words: readonly [Word, Word], more: Partial<Moment> = {}): Moment => ({
  self: false,
  asking: true,
  words,
  ...more,
})
const forMs = (ms: number, moment: Moment): Moment[] =>
  Array.from({ length: Math.ceil(ms / TICK_MS) + 1 }, () => moment)

describe('a node', () => {
  it('C1 C2 C3 C4 is cut off only where it has been ill, and others well or silent, for long enough', () => {
    fc.assert(
      fc.property(history, (moments) => {
        for (const [tick, verdict] of verdicts(moments).entries()) {
          if (!verdict) continue
          const since = (ms: number): readonly Moment[] =>
            moments.slice(Math.max(0, tick - Math.floor(ms / TICK_MS)), tick + 1)
          const grace = since(OPTIONS.graceMs)
          expect(tick * TICK_MS).toBeGreaterThanOrEqual(Math.min(OPTIONS.graceMs, OPTIONS.silenceMs))
          expect(grace.every(({ self }) => !self)).toBe(true)
          // What was said counts for as long as an answer may be awaited.
          const recent = since(OPTIONS.graceMs + OPTIONS.silenceMs)
          const better = recent.some(({ words }) => words.includes('well'))
          const silent = since(OPTIONS.silenceMs - TICK_MS).every(
            ({ self, asking, words }) => !self && asking && words.every((one) => one === 'silent'),
          )
          expect(better || silent).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('C2 is cut off once another one has been well for a while, whatever a third one says', () => {
    for (const third of ['ill', 'silent', 'well', 'drains'] as const) {
      const all = verdicts(forMs(OPTIONS.graceMs, ill(['well', third])))
      expect(all.slice(0, -1)).not.toContain(true)
      expect(all.at(-1)).toBe(true)
    }
  })

  it('C2 is cut off without asking, where the table says that others are well', () => {
    expect(verdicts(forMs(OPTIONS.graceMs, ill(['well', 'well'], { asking: false }))).at(-1)).toBe(true)
  })

  it('C3 is not where all are ill, however long that goes on', () => {
    expect(verdicts(forMs(600_000, ill(['ill', 'ill'])))).not.toContain(true)
    expect(verdicts(forMs(600_000, ill(['ill', 'silent'])))).not.toContain(true)
  })

  it('C3 is not where nobody who says that he is well takes clients', () => {
    expect(verdicts(forMs(600_000, ill(['drains', 'api'])))).not.toContain(true)
  })

  it('C4 is cut off where nobody has answered for long, and not where nobody was asked', () => {
    const all = verdicts(forMs(OPTIONS.silenceMs, ill(['silent', 'silent'])))
    expect(all.slice(0, -1)).not.toContain(true)
    expect(all.at(-1)).toBe(true)
    expect(verdicts(forMs(600_000, ill(['silent', 'silent'], { asking: false })))).not.toContain(true)
  })

  it('C1 is not any more, once it has been well for a moment', () => {
    const lost = forMs(OPTIONS.graceMs, ill(['well', 'well']))
    const well = ill(['well', 'well'], { self: true })
    expect(verdicts([...lost, well, ...lost.slice(1)]).slice(lost.length)).not.toContain(true)
  })
})
