import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DrainCore, type Capacity, type DrainOptions } from '../../src/drain/core.ts'

/** The end of a drain: all have left, and word of them comes when it comes. */

const TICK_MS = 100
const RETURN_MS = 2000
const MOST_MS = 10_000
const WELL: Capacity = { ok: true, reason: '', room: Infinity }
/** In each of them somebody is late for a reason that is known. */
const LATE: readonly Capacity[] = [
  { ok: false, why: 'queue', reason: 'node b queues connections', room: Infinity },
  { ok: true, reason: '', room: 0, full: 'node b is at its limit of 60 connections' },
]
/** In these no word can come. */
const DEAF: readonly Capacity[] = [
  { ok: false, reason: 'no other node is active', room: 0, alone: true },
  { ok: false, reason: 'the backbone does not answer', room: 0, cutOff: true },
]
const BACK = { gapMs: undefined, recovered: true }
const OPTIONS: DrainOptions = {
  plan: { kind: 'over', totalMs: 1 },
  deregisterMs: 0,
  graceMs: MOST_MS,
  returnMs: RETURN_MS,
  deadlineMs: Infinity,
  closeSpreadMs: 0,
}

/** All of whom have been asked, and have left, at this moment. */
function empty(clients: number, options: Partial<DrainOptions> = {}): DrainCore {
  const core = new DrainCore({ ...OPTIONS, ...options }, clients, 0)
  core.tick(0, clients, WELL)
  for (let i = 0; i < clients; i++) core.asked(`c${i}`, 'sse', 0, 0)
  for (let i = 0; i < clients; i++) core.gone(`c${i}`, 0)
  return core
}

/** How long it takes until it is over, with the others like that at each tick. */
function lastsMs(core: DrainCore, at: (tick: number) => Capacity): number {
  for (let tick = 1; tick < 1000; tick++) {
    core.tick(tick * TICK_MS, 0, at(tick))
    if (core.state === 'gone') return tick * TICK_MS
  }
  return Infinity
}

describe('a drain that all have left', () => {
  it('W1 has them all where none is heard of longer after the one before than a client may take', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: RETURN_MS - TICK_MS }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(pauses, (pausesMs) => {
        const core = empty(pausesMs.length, { graceMs: Infinity })
        let nowMs = 0
        let wordMs = 0
        for (const [index, pauseMs] of pausesMs.entries()) {
          wordMs += pauseMs
          for (; nowMs < wordMs; nowMs += TICK_MS) core.tick(nowMs, 0, WELL)
          core.confirm(`c${index}`, BACK, wordMs)
        }
        core.tick(nowMs, 0, WELL)
        expect(core.counts).toMatchObject({ moved: pausesMs.length, unseen: 0 })
        expect(core.state).toBe('gone')
      }),
    )
  })

  it('W2 has them all where it was itself not given the processor, and reads what came meanwhile after that', () => {
    const stalls = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(stalls, (stallsMs) => {
        const core = empty(1)
        let nowMs = 0
        for (const stallMs of stallsMs) {
          nowMs += stallMs
          core.tick(nowMs, 0, WELL)
          expect(core.state).toBe('moving')
        }
        core.confirm('c0', BACK, nowMs)
        core.tick(nowMs + TICK_MS, 0, WELL)
        expect(core.counts).toMatchObject({ moved: 1, unseen: 0 })
        expect(core.state).toBe('gone')
      }),
    )
  })

  it('W2 W3 counts no time in which others do not take clients well, up to the most', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(WELL, ...LATE), { maxLength: 200 }), (moods) => {
        const at = (tick: number): Capacity => moods[tick - 1] ?? WELL
        let wellMs = 0
        let expectedMs = 0
        for (let tick = 1; wellMs < RETURN_MS && tick * TICK_MS <= MOST_MS; tick++) {
          if (at(tick) === WELL) wellMs += TICK_MS
          expectedMs = tick * TICK_MS
        }
        expect(lastsMs(empty(1), at)).toBe(expectedMs)
      }),
    )
  })

  it.each(DEAF)('waits no longer where no word can come: $reason', (capacity) => {
    expect(lastsMs(empty(1), () => capacity)).toBe(RETURN_MS)
  })

  it('W3 ends however long words come in', () => {
    fc.assert(
      fc.property(fc.integer({ min: TICK_MS, max: RETURN_MS - TICK_MS }), (everyMs) => {
        const core = empty(1000)
        let words = 0
        let nowMs = 0
        for (; core.state !== 'gone' && nowMs < 2 * MOST_MS; nowMs += TICK_MS) {
          while ((words + 1) * everyMs <= nowMs) core.confirm(`c${words++}`, BACK, nowMs)
          core.tick(nowMs, 0, WELL)
        }
        expect(core.state).toBe('gone')
        expect(nowMs).toBe(MOST_MS + TICK_MS)
        expect(core.counts).toMatchObject({ moved: words, unseen: 1000 - words })
      }),
    )
  })

  it('W3 D5 ends by its deadline all the same', () => {
    const core = empty(1, { deadlineMs: 1000 })
    expect(lastsMs(core, () => LATE[0] as Capacity)).toBe(1000)
  })
})
