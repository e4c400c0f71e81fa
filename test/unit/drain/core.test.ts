import { describe, expect, it } from 'vitest'
import { DrainCore, type Capacity, type DrainDecision, type DrainOptions } from '../../../src/drain/core.ts'

/** The figures of a drain, one by one; what holds of all drains is in test/property/drain.property.test.ts. */

const OPTIONS: DrainOptions = {
  plan: { kind: 'count', count: 10, everyMs: 1000 },
  deregisterMs: 0,
  graceMs: 3000,
  returnMs: 2000,
  deadlineMs: Infinity,
  closeSpreadMs: 1000,
}
const WELL: Capacity = { ok: true, reason: '', room: Infinity }
const UNWELL: Capacity = { ok: false, why: 'queue', reason: 'node b queues', room: Infinity }
const HERE = { gapMs: 0, recovered: true }
const BACK = { gapMs: undefined, recovered: true }
/** When the drains of these tests begin, so that no time counts from 0 by chance. */
const T = 5000

class Run {
  readonly core: DrainCore
  #names = 0

  constructor(options: Partial<DrainOptions>, connections: number) {
    this.core = new DrainCore({ ...OPTIONS, ...options }, connections, T)
  }

  /** `atMs` after the beginning; whoever is to be asked is asked, each at once. */
  tick(atMs: number, connections: number, capacity: Capacity = WELL): DrainDecision[] {
    const decisions = this.core.tick(T + atMs, connections, capacity)
    for (const decision of decisions) if (decision.kind === 'ask') this.ask(decision.count, 0, atMs)
    return decisions
  }

  ask(count: number, delayMs: number, atMs: number): void {
    for (let i = 0; i < count; i++) this.core.asked(`c${this.#names++}`, 'websocket', delayMs, T + atMs)
  }

  /** How many are asked in that tick. */
  asks(atMs: number, connections: number, capacity: Capacity = WELL): number {
    return this.tick(atMs, connections, capacity).reduce(
      (sum, one) => sum + (one.kind === 'ask' ? one.count : 0),
      0,
    )
  }

  confirm(id: string, atMs: number, arrived: Parameters<DrainCore['confirm']>[1] = HERE): boolean {
    return this.core.confirm(id, arrived, T + atMs)
  }

  gone(id: string, atMs: number): void {
    this.core.gone(id, T + atMs)
  }

  /** Moved, and the old connection has ended. */
  moved(id: string, atMs: number): void {
    this.confirm(id, atMs)
    this.gone(id, atMs)
  }

  estimate(atMs: number, connections: number): number | undefined {
    return this.core.estimateMs(T + atMs, connections)
  }
}

describe('the estimate of a drain', () => {
  it('is the wait for balancers and the plan without the rest of its last interval', () => {
    const run = new Run({ deregisterMs: 500 }, 30)
    expect(run.estimate(0, 30)).toBeCloseTo(3300)
    expect(run.estimate(400, 30)).toBeCloseTo(2900)
    expect(run.estimate(900, 30)).toBeCloseTo(2800)
    expect(run.asks(500, 30)).toBe(10)
    expect(run.estimate(500, 30)).toBeCloseTo(2800)
    run.tick(700, 30)
    expect(run.estimate(700, 30)).toBeCloseTo(2600)
  })

  it('is no less than the window of the batch under way', () => {
    const run = new Run({}, 30)
    expect(run.asks(0, 30)).toBe(10)
    expect([run.asks(1000, 30), run.asks(1100, 30)]).toEqual([0, 10])
    expect([run.asks(2000, 30), run.asks(2050, 30)]).toEqual([0, 0])
    expect(run.estimate(2050, 30)).toBe(800)
  })

  it('is the end of the last window once all were asked, then the end of their time, and never less than nothing', () => {
    const run = new Run({}, 2)
    expect(run.core.tick(T, 2, WELL)).toEqual([{ kind: 'ask', count: 2, windowMs: 800 }])
    run.ask(1, 0, 0)
    run.ask(1, 500, 0)
    expect(run.estimate(300, 2)).toBe(500)
    expect(run.estimate(799, 2)).toBe(1)
    expect(run.estimate(800, 2)).toBe(2700)
    expect(run.estimate(3600, 2)).toBe(0)
  })

  it('does not count those who have moved and are about to close their old connection', () => {
    const run = new Run({}, 20)
    run.tick(0, 20)
    for (let i = 0; i < 10; i++) run.confirm(`c${i}`, 100)
    expect(run.asks(1000, 20)).toBe(10)
    for (let i = 10; i < 20; i++) run.confirm(`c${i}`, 1100)
    expect(run.estimate(1200, 20)).toBe(600)
  })

  it('is a moment where all are to go at once', () => {
    const run = new Run({}, 100)
    run.tick(0, 100)
    run.core.finishNow()
    expect(run.estimate(50, 100)).toBe(2000)
  })

  it('is by what is offered where the plan has no pace of its own', () => {
    const run = new Run({ plan: { kind: 'fast' } }, 100)
    // Until somebody says, a hundred a second.
    expect(run.estimate(0, 100)).toBe(1000)
    expect(run.asks(0, 100, { ...WELL, rate: 50 })).toBe(40)
    expect(run.estimate(0, 100)).toBe(1500)
    const slow = new Run({ plan: { kind: 'fast' } }, 100)
    // One goes at once, however little is offered.
    expect(slow.asks(0, 100, { ...WELL, rate: 0.5 })).toBe(1)
    expect(slow.estimate(0, 100)).toBe(99_000)
  })

  it('is what is left of the time in which the rest is closed', () => {
    const run = new Run({ deadlineMs: 10_000, closeSpreadMs: 2000 }, 10)
    run.tick(8000, 10, UNWELL)
    expect(run.core.state).toBe('closing')
    expect([run.estimate(8500, 10), run.estimate(12_000, 10)]).toEqual([1500, 0])
  })

  it('is none while something holds the drain up, it is paused, or it is over', () => {
    const run = new Run({}, 30)
    run.tick(0, 30, UNWELL)
    expect(run.core.holding).toBe('node b queues')
    expect(run.estimate(0, 30)).toBeUndefined()
    run.tick(100, 30)
    expect(run.estimate(100, 30)).toBeGreaterThan(0)
    run.core.pause()
    expect(run.estimate(100, 30)).toBeUndefined()
    run.core.resume()
    expect(run.estimate(100, 30)).toBeGreaterThan(0)
    run.core.cancel()
    expect(run.estimate(100, 30)).toBeUndefined()
  })
})

describe('how many are still to go', () => {
  it('is everybody who is connected where all go', () => {
    expect(new Run({}, 30).core.remaining(25)).toBe(25)
  })

  it('is what is left of a part, with those who were asked and are here', () => {
    const run = new Run({ limit: 15 }, 30)
    expect([run.core.total, run.core.remaining(30), run.core.remaining(7)]).toEqual([15, 15, 7])
    run.tick(0, 30)
    for (let i = 0; i < 4; i++) run.moved(`c${i}`, 100)
    expect(run.core.remaining(26)).toBe(11)
  })

  it('is as many as before where those who were asked stay: others go in their place', () => {
    const run = new Run({ limit: 15, graceMs: 100 }, 30)
    run.tick(0, 30)
    run.tick(200, 30)
    expect(run.core.remaining(30)).toBe(15)
  })

  it('is counted anew when moving begins, up to the part that is to go', () => {
    const run = new Run({ deregisterMs: 500, limit: 15 }, 5)
    expect(run.core.total).toBe(5)
    run.tick(500, 12)
    expect(run.core.total).toBe(12)
    run.tick(600, 20)
    expect(run.core.total).toBe(12)
    const many = new Run({ limit: 15 }, 5)
    many.tick(0, 40)
    expect(many.core.total).toBe(15)
  })
})

it('a drain says when it began', () => {
  expect(new Run({}, 5).core.startedMs).toBe(T)
})

describe('the deadline of a drain', () => {
  it('is told from now on, and is none where there is none', () => {
    const run = new Run({ deadlineMs: 10_000 }, 5)
    expect(run.core.deadlineInMs(T + 4000)).toBe(6000)
    expect(run.core.deadlineInMs(T + 12_000)).toBe(0)
    run.core.setDeadline(60_000)
    expect(run.core.deadlineInMs(T + 12_000)).toBe(48_000)
    expect(new Run({}, 5).core.deadlineInMs(T)).toBeUndefined()
  })

  it('closes an even flow in the moment before it, and nobody sooner', () => {
    const run = new Run({ deadlineMs: 10_000, closeSpreadMs: 2000 }, 10)
    run.core.pause()
    expect(run.tick(7999, 12, UNWELL)).toEqual([])
    expect(run.tick(8000, 12, UNWELL)).toEqual([])
    expect([run.core.state, run.core.total]).toEqual(['closing', 12])
    expect(run.tick(9000, 12, UNWELL)).toEqual([{ kind: 'evict', count: 6 }])
    expect(run.tick(9000, 6, UNWELL)).toEqual([])
    expect(run.tick(9100, 6, UNWELL)).toEqual([{ kind: 'evict', count: 1 }])
    expect(run.core.state).toBe('closing')
    expect(run.tick(9950, 5, UNWELL)).toEqual([{ kind: 'evict', count: 5 }, { kind: 'done' }])
    expect(run.core.state).toBe('gone')
    expect(run.tick(9990, 0, UNWELL)).toEqual([])
  })

  it('closes everybody at its end, where the moment was missed', () => {
    const run = new Run({ deadlineMs: 10_000, closeSpreadMs: 2000 }, 10)
    expect(run.tick(9500, 10, UNWELL)).toEqual([])
    expect(run.tick(9750, 10, UNWELL)).toEqual([{ kind: 'evict', count: 5 }])
    expect(run.tick(10_400, 5, UNWELL)).toEqual([{ kind: 'evict', count: 5 }, { kind: 'done' }])
  })

  it('has ended the drain where nobody is left meanwhile', () => {
    const run = new Run({ deadlineMs: 10_000, closeSpreadMs: 2000 }, 10)
    run.tick(8000, 10, UNWELL)
    expect(run.tick(8500, 0, UNWELL)).toEqual([{ kind: 'done' }])
  })

  it('does not change how many were to go where moving had begun', () => {
    const run = new Run({ deadlineMs: 10_000 }, 10)
    run.tick(0, 10)
    run.tick(9000, 40)
    expect([run.core.state, run.core.total]).toEqual(['closing', 10])
  })

  it('leaves who is asked shortly before it no more time than there is', () => {
    const run = new Run({ deadlineMs: 10_000 }, 10)
    expect(run.core.asked('a', 'sse', 500, T + 1000)).toBe(3500)
    expect(run.core.asked('b', 'sse', 500, T + 8000)).toBe(2000)
    // Asked again, as after a reconnection that was too fast: the same counts once.
    expect(run.core.asked('a', 'sse', 500, T + 8000)).toBe(2000)
    expect(run.core.counts.told).toBe(2)
  })
})

describe('a plan that would end after the deadline', () => {
  const first = (deadlineMs: number, graceMs: number, clients = 100): unknown =>
    new Run({ plan: { kind: 'count', count: 1, everyMs: 1000 }, deadlineMs, graceMs }, clients).tick(
      0,
      clients,
    )[0]

  it('is kept where it ends just in time', () => {
    const inTimeMs = 20 * 1000 - 1000 * (1 - 0.8) + 3000 + 1000
    const asks = (deadlineMs: number): unknown =>
      new DrainCore(
        { ...OPTIONS, plan: { kind: 'count', count: 5, everyMs: 1000 }, deadlineMs },
        100,
        0,
      ).tick(0, 100, WELL)
    expect(asks(inTimeMs)).toEqual([{ kind: 'ask', count: 5, windowMs: 800 }])
    expect(asks(inTimeMs - 1)).toMatchObject([{ count: 6 }])
  })

  it('is given up for the time until all can have moved: their whole grace', () => {
    // 26 steps of a second.
    expect(first(30_000, 3000)).toEqual({ kind: 'ask', count: 4, windowMs: 800 })
  })

  it('leaves no more than ten seconds for the last ones', () => {
    // 89 seconds of 1000 clients.
    expect(first(100_000, 30_000, 1000)).toMatchObject({ count: 12 })
  })

  it('leaves no more than a fifth of a short deadline for the last ones', () => {
    // Seven steps.
    expect(first(10_000, 30_000)).toMatchObject({ count: 15 })
  })

  it('is kept where it ends in time', () => {
    const run = new Run({ plan: { kind: 'count', count: 5, everyMs: 1000 }, deadlineMs: 30_000 }, 100)
    expect(run.asks(0, 100)).toBe(5)
    // Until it was held up for too long.
    for (let atMs = 100; atMs <= 6000; atMs += 100) expect(run.asks(atMs, 100, UNWELL)).toBe(0)
    expect(run.asks(6100, 100, UNWELL)).toBe(0)
    expect(run.asks(6300, 100, UNWELL)).toBe(0)
    // From here on the clock goes, and those are closed whose time is up.
    expect(run.asks(7400, 100, UNWELL)).toBe(0)
    expect(run.tick(7500, 100, UNWELL).map(({ kind }) => kind)).toEqual([...Array(5).fill('close'), 'ask'])
  })

  it('asks from there on whether or not others are well, and does not stand still', () => {
    const run = new Run({ plan: { kind: 'count', count: 1, everyMs: 1000 }, deadlineMs: 30_000 }, 100)
    const asked = [0, 1000, 1100, 2000, 2200].map((atMs) => run.asks(atMs, 100, UNWELL))
    expect(asked).toEqual([4, 0, 4, 0, 4])
    expect(run.core.holding).toBeUndefined()
  })
})

describe('a drain that has hurried', () => {
  const SLOW = { kind: 'count', count: 1, everyMs: 1000 } as const

  /** 100 are asked within 26 s; four so far, two of whom have moved. */
  function hurried(): Run {
    const run = new Run({ plan: SLOW, deadlineMs: 30_000 }, 100)
    expect(run.asks(0, 100, UNWELL)).toBe(4)
    for (const id of ['c0', 'c1']) run.moved(id, 100)
    return run
  }

  it('closes and asks nobody while others are not well, once its deadline is far away again', () => {
    const run = hurried()
    run.core.setDeadline(600_000)
    for (let atMs = 200; atMs < 100_000; atMs += 100) expect(run.tick(atMs, 98, UNWELL)).toEqual([])
    expect(run.core.holding).toBe('node b queues')
    expect(run.asks(100_000, 98)).toBeGreaterThan(0)
  })

  it('goes by another plan, and hurries again only where that would end too late', () => {
    const run = hurried()
    run.core.setPlan({ kind: 'count', count: 50, everyMs: 5000 })
    expect(run.tick(5100, 98, UNWELL)).toEqual([])
    expect(run.core.holding).toBe('node b queues')
    const late = hurried()
    late.core.setPlan(SLOW)
    expect([1100, 1250].map((atMs) => late.asks(atMs, 98, UNWELL))).toEqual([0, 4])
  })

  it.each([
    ['the deadline is moved up', 15_000, (run: Run) => run.core.setDeadline(15_000)],
    ['it was paused for a while', 30_000, (run: Run) => run.core.pause()],
  ])('asks everybody in time also where %s', (_, deadlineMs, change) => {
    const run = hurried()
    change(run)
    let asked = 4
    let connections = 98
    for (let atMs = 5000; atMs < deadlineMs - 4000; atMs += 100) {
      if (atMs === 20_000) run.core.resume()
      for (const decision of run.tick(atMs, connections, UNWELL)) {
        if (decision.kind === 'ask') asked += decision.count
        if (decision.kind === 'close') connections--
      }
    }
    expect(asked).toBe(100)
  })

  it('asks also who comes when the time for it is over, though nobody of the last ones has moved', () => {
    const run = new Run({ plan: SLOW, deadlineMs: 30_000 }, 100)
    let connections = 100
    let asked = 0
    for (let atMs = 0; atMs < 29_000; atMs += 100) {
      if (atMs === 26_500) {
        expect(asked).toBe(100)
        connections++
      }
      for (const decision of run.tick(atMs, connections, UNWELL)) {
        if (decision.kind === 'ask') asked += decision.count
        if (decision.kind === 'close') connections--
      }
      if (atMs === 27_000) expect(asked).toBe(101)
    }
  })
})

describe('the next batch', () => {
  it('waits a tenth of the interval for 95 of 100 of the last one, and no longer', () => {
    const plan = { kind: 'count', count: 20, everyMs: 1000 } as const
    const settled = (many: number) => {
      const run = new Run({ plan }, 60)
      expect(run.asks(0, 60)).toBe(20)
      for (let i = 0; i < many; i++) run.moved(`c${i}`, 500)
      return run
    }
    expect(settled(19).asks(1000, 41)).toBe(20)
    const late = settled(18)
    expect(late.asks(1000, 42)).toBe(0)
    expect(late.asks(1099, 42)).toBe(0)
    expect(late.asks(1100, 42)).toBe(20)
  })

  it('counts of the last one who has left without a word, too, and nobody of an earlier one', () => {
    const plan = { kind: 'count', count: 2, everyMs: 1000 } as const
    const run = new Run({ plan }, 6)
    run.tick(0, 6)
    for (const id of ['c0', 'c1']) run.gone(id, 500)
    expect(run.asks(1000, 4)).toBe(2)
    const stays = new Run({ plan }, 6)
    stays.tick(0, 6)
    stays.tick(1000, 6)
    expect(stays.asks(1100, 6)).toBe(2)
    for (const id of ['c0', 'c1']) stays.moved(id, 1500)
    expect(stays.asks(2000, 4)).toBe(0)
  })

  it('is due by the clock of the plan, which stands still while the others are not well', () => {
    const run = new Run({}, 30)
    run.tick(0, 30)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 100)
    run.tick(900, 20, UNWELL)
    // Nobody is due yet.
    expect(run.core.holding).toBeUndefined()
    expect(run.asks(1000, 20, UNWELL)).toBe(0)
    expect([run.core.holding, run.core.holdReason]).toEqual(['node b queues', 'queue'])
    expect(run.asks(5000, 20, UNWELL)).toBe(0)
    expect(run.asks(5100, 20)).toBe(10)
    expect([run.core.holding, run.core.holdReason]).toEqual([undefined, undefined])
    for (let i = 10; i < 20; i++) run.moved(`c${i}`, 5200)
    // A second of the plan after the one before, of which it was held up for all but the first tick.
    expect(run.asks(6000, 10)).toBe(0)
    expect(run.asks(6100, 10)).toBe(10)
  })

  it('is not due while the drain is paused, and the time of the pause is not the plan’s', () => {
    const run = new Run({}, 30)
    run.tick(0, 30)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 100)
    run.tick(600, 20)
    run.core.pause()
    expect(run.core.state).toBe('paused')
    expect(run.asks(3000, 20)).toBe(0)
    run.core.resume()
    expect(run.core.state).toBe('waiting')
    expect(run.asks(3100, 20)).toBe(0)
    expect(run.asks(3400, 20)).toBe(0)
    expect(run.asks(3500, 20)).toBe(10)
  })

  it('says that a word is missing where those who hold it up say none', () => {
    const run = new Run({}, 30)
    run.tick(0, 30, { ok: false, reason: 'so it is', room: Infinity })
    expect([run.core.holding, run.core.holdReason]).toEqual(['so it is', 'unwell'])
  })
})

describe('a drain whose others have no room', () => {
  it('asks as many as there is room for, says which limit it is, and asks the rest when there is some', () => {
    const run = new Run({}, 30)
    expect(run.asks(0, 30, { ...WELL, room: 4 })).toBe(4)
    expect([run.core.holding, run.core.holdReason]).toEqual([
      'the others have no room for more connections',
      'room',
    ])
    // A tenth of the interval later, since none of the four has moved.
    expect([100, 200].map((atMs) => run.asks(atMs, 30, { ...WELL, room: 9 }))).toEqual([0, 5])
    expect([300, 400].map((atMs) => run.asks(atMs, 30))).toEqual([0, 1])
    expect(run.core.holding).toBeUndefined()
    run.tick(2000, 30, { ...WELL, room: 4, full: 'b is full' })
    run.tick(2100, 30, { ...WELL, room: 4, full: 'b is full' })
    expect(run.core.holding).toBe('b is full')
  })

  it.each([
    [[200], 5200, 1],
    [[200], 5201, 2],
    // Counted by the second.
    [[200, 1199], 5200, 1],
    [[200, 1199], 5201, 3],
    [[200, 1200], 5201, 2],
    [[200, 1200], 6200, 2],
    [[200, 1200], 6201, 3],
    [[200, 1300, 2400], 4000, 1],
    [[200, 1200, 2200, 3200, 4200], 5100, 1],
    [[200, 1200, 2200, 3200, 4200], 5201, 2],
  ])('takes of six places those who arrived at %j at %d, and asks %d', (arrivedMs, at, asked) => {
    const run = new Run({ graceMs: 60_000 }, 30)
    expect(run.asks(0, 30, { ...WELL, room: 5 })).toBe(5)
    for (const atMs of [50, 150]) expect(run.tick(atMs, 30, { ...WELL, room: 5 })).toEqual([])
    for (const [i, one] of arrivedMs.entries()) run.moved(`c${i}`, one)
    // Five are on their way or have arrived; those whom the table shows by now leave their place.
    expect(run.asks(at, 30 - arrivedMs.length, { ...WELL, room: 6 })).toBe(asked)
  })
})

describe('what the others offer', () => {
  it('is taken up to four fifths, since there are newcomers, and adds up for no more than a second or a window', () => {
    const run = new Run({}, 100)
    expect(run.asks(0, 100, { ...WELL, rate: 5.6 })).toBe(4)
    expect([run.core.holding, run.core.holdReason]).toEqual([
      'the others take 4 connections a second',
      'room',
    ])
    const slow = new Run({ plan: { kind: 'count', count: 30, everyMs: 5000 } }, 100)
    expect(slow.asks(0, 100, { ...WELL, rate: 5 })).toBe(16)
  })

  it('comes back with time', () => {
    const run = new Run({}, 100)
    const capacity = { ...WELL, rate: 5 }
    const asked = [0, 100, 250, 400, 500, 1500, 9000].map((atMs) => run.asks(atMs, 100, capacity))
    // In the end it has added up for one second.
    expect(asked).toEqual([4, 0, 1, 0, 1, 0, 4])
  })

  it('is a hundred a second where nobody says, for a plan without a pace of its own, and no limit for another', () => {
    const run = new Run({ plan: { kind: 'fast' } }, 1000)
    expect([run.asks(0, 1000), run.asks(100, 1000), run.asks(200, 1000)]).toEqual([80, 0, 16])
    expect(run.core.holding).toBeUndefined()
    const plan = { kind: 'count', count: 500, everyMs: 1000 } as const
    const other = new Run({ plan }, 1000)
    expect(other.asks(0, 1000, { ...WELL, rate: 10 })).toBe(8)
    expect([other.asks(100, 1000), other.asks(200, 1000)]).toEqual([0, 492])
  })

  it('counts from when somebody says, where nobody did at first, and what is less than one is not lost', () => {
    const run = new Run({}, 100)
    expect(run.asks(0, 100)).toBe(10)
    const capacity = { ...WELL, rate: 5.6 }
    expect([1000, 1100].map((atMs) => run.asks(atMs, 100, capacity))).toEqual([0, 4])
    expect([1160, 1260].map((atMs) => run.asks(atMs, 100, capacity))).toEqual([0, 1])
  })

  it('holds up neither who is to go now nor who must hurry', () => {
    const now = new Run({}, 100)
    now.core.finishNow()
    expect(now.tick(0, 100, { ...UNWELL, room: 3, rate: 1 })).toEqual([
      { kind: 'ask', count: 100, windowMs: 2000 },
    ])
    const hurry = new Run({ deadlineMs: 10_000 }, 1000)
    expect(hurry.asks(0, 1000, { ...WELL, rate: 1 })).toBeGreaterThan(100)
  })
})

describe('a client that is asked', () => {
  it('is closed when its time is up, while others have room for one more', () => {
    const run = new Run({ graceMs: 100 }, 3)
    run.tick(0, 3)
    expect(run.tick(99, 3)).toEqual([])
    expect(run.tick(100, 3, { ...WELL, room: 2 })).toEqual([
      { kind: 'close', id: 'c0' },
      { kind: 'close', id: 'c1' },
    ])
    expect(run.core.holdReason).toBe('room')
    expect(run.tick(200, 1, UNWELL)).toEqual([])
    expect(run.core.holding).toBe('node b queues')
    expect(run.tick(300, 1)).toEqual([{ kind: 'close', id: 'c2' }])
    expect(run.core.counts).toMatchObject({ told: 3, forced: 3, unseen: 3, moved: 0 })
  })

  it('leaves its place to one who has not been asked in the tick in which it is closed', () => {
    const run = new Run({ plan: { kind: 'count', count: 1, everyMs: 100 }, graceMs: 100 }, 2)
    run.tick(0, 2)
    expect(run.tick(110, 2)).toEqual([
      { kind: 'close', id: 'c0' },
      { kind: 'ask', count: 1, windowMs: 80 },
    ])
    expect(run.tick(120, 1)).toEqual([])
  })

  it('is closed whatever others say where all are to go now, and where the deadline is near', () => {
    const now = new Run({ graceMs: 100 }, 1)
    now.tick(0, 1)
    now.core.finishNow()
    expect(now.tick(100, 1, { ...UNWELL, room: 0 })).toEqual([{ kind: 'close', id: 'c0' }])
    const hurry = new Run({ graceMs: 100, deadlineMs: 30_000, plan: { kind: 'over', totalMs: 60_000 } }, 100)
    expect(hurry.asks(0, 100, UNWELL)).toBeGreaterThan(0)
    expect(hurry.tick(100, 100, UNWELL)[0]).toEqual({ kind: 'close', id: 'c0' })
    expect(new Run({ graceMs: 100 }, 1).core.mayAsk('c0')).toBe(true)
  })

  it('is not closed for the deadline while that is far, though the plan would be late for nobody', () => {
    const run = new Run({ plan: { kind: 'count', count: 10, everyMs: 10_000 }, deadlineMs: 30_000 }, 20)
    run.tick(0, 20)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 500)
    expect(run.asks(10_000, 10)).toBe(10)
    for (let atMs = 12_900; atMs < 29_000; atMs += 100) expect(run.tick(atMs, 10, UNWELL)).toEqual([])
    expect(run.core.state).toBe('moving')
  })

  it('may not be asked again while it is here, and may be when it is back, where all go', () => {
    const run = new Run({}, 3)
    run.tick(0, 3)
    expect(['c0', 'new'].map((id) => run.core.mayAsk(id))).toEqual([false, true])
    run.confirm('c0', 10)
    expect(run.core.mayAsk('c0')).toBe(false)
    run.gone('c0', 20)
    run.gone('c1', 20)
    expect(['c0', 'c1'].map((id) => run.core.mayAsk(id))).toEqual([true, true])
    run.confirm('c1', 30, BACK)
    expect(run.core.mayAsk('c1')).toBe(true)
  })

  it('may not be asked again where a part goes and he has left, or has chosen to stay', () => {
    const run = new Run({ limit: 2, graceMs: 100 }, 10)
    run.tick(0, 10)
    run.gone('c0', 20)
    run.tick(200, 9)
    expect(['c0', 'c1', 'new'].map((id) => run.core.mayAsk(id))).toEqual([false, false, true])
  })

  it('has moved late where he stayed at first, and his place was another’s by then', () => {
    const run = new Run({ limit: 1, graceMs: 100 }, 10)
    run.tick(0, 10)
    expect(run.asks(1100, 10)).toBe(1)
    expect(run.confirm('c0', 1200)).toBe(true)
    run.gone('c0', 1210)
    run.moved('c1', 1300)
    expect(run.core.counts).toMatchObject({ told: 2, moved: 2, forced: 0, unseen: 0 })
    expect(run.tick(1400, 8)).toEqual([{ kind: 'done' }])
  })

  it('is unseen where he stayed at first and has left since', () => {
    const run = new Run({ limit: 1, graceMs: 100 }, 10)
    run.tick(0, 10)
    run.tick(200, 10)
    run.gone('c0', 300)
    expect(run.core.counts).toMatchObject({ told: 2, unseen: 1 })
    run.gone('c0', 300)
    run.gone('stranger', 300)
    expect(run.core.counts).toMatchObject({ told: 2, unseen: 1 })
  })
})

describe('a drain whose last ones have left', () => {
  it('waits for the word that they are elsewhere, and not a moment longer', () => {
    const run = new Run({}, 2)
    run.tick(0, 2)
    run.gone('c0', 100)
    run.gone('c1', 300)
    expect(run.tick(400, 0)).toEqual([])
    expect([run.core.holding, run.core.holdReason]).toEqual([
      'the last to leave are not back yet',
      'returning',
    ])
    for (let atMs = 500; atMs < 2300; atMs += 100) expect(run.tick(atMs, 0)).toEqual([])
    expect(run.tick(2299, 0)).toEqual([])
    expect(run.core.state).toBe('moving')
    expect(run.tick(2300, 0)).toEqual([{ kind: 'done' }])
    expect(run.core.state).toBe('gone')
  })

  it('does not wait where all of them are', () => {
    const run = new Run({}, 2)
    run.tick(0, 2)
    run.moved('c0', 100)
    run.gone('c1', 100)
    run.confirm('c1', 150, BACK)
    expect(run.tick(200, 0)).toEqual([{ kind: 'done' }])
  })
})

describe('who is heard of', () => {
  it('has been without a connection for as long as the other node says, or since he left', () => {
    const run = new Run({}, 4)
    run.tick(0, 4)
    run.gone('c0', 100)
    run.gone('c1', 100)
    expect(run.confirm('c0', 350, BACK)).toBe(false)
    expect(run.confirm('c1', 350, { gapMs: 77, recovered: false })).toBe(false)
    expect(run.confirm('c2', 350, BACK)).toBe(true)
    expect(run.confirm('c3', 350, { gapMs: 5, recovered: true })).toBe(true)
    expect(run.confirm('c3', 360)).toBe(false)
    expect(run.confirm('stranger', 360)).toBe(false)
    expect(run.core.counts).toMatchObject({ told: 4, moved: 4, resumed: 3, unseen: 0 })
    expect(run.core.counts.gaps).toEqual({ p50Ms: 77, p95Ms: 250, p99Ms: 250, maxMs: 250 })
    expect([run.core.confirmed, run.core.returned]).toEqual([4, 0])
  })

  it('has been without a connection for no time where the old one is still here', () => {
    const run = new Run({}, 1)
    run.tick(0, 1)
    run.confirm('c0', 350, BACK)
    expect(run.core.counts.gaps?.maxMs).toBe(0)
  })

  it('overlapped only where his old connection was open when the other began', () => {
    const run = new Run({}, 2)
    run.tick(0, 2)
    run.confirm('c0', 10, HERE)
    run.confirm('c1', 10, { gapMs: 1, recovered: true })
    for (const [id, messages] of [
      ['c0', 5],
      ['c1', 7],
      ['stranger', 9],
    ] as const)
      run.core.replayed(id, messages)
    expect(run.core.counts).toMatchObject({ replayed: 12, overlapped: 5 })
  })

  it('has returned by himself where he had been closed', () => {
    const run = new Run({ graceMs: 100 }, 1)
    run.tick(0, 1)
    expect(run.tick(100, 1)).toEqual([{ kind: 'close', id: 'c0' }])
    expect(run.core.counts).toMatchObject({ forced: 1, unseen: 1 })
    run.confirm('c0', 200, BACK)
    expect(run.core.counts).toMatchObject({ forced: 0, unseen: 0, moved: 1, returned: 1 })
    expect([run.core.confirmed, run.core.returned]).toEqual([1, 1])
  })

  it('is here again where the node stays, and is neither unseen nor forced', () => {
    const run = new Run({ graceMs: 100 }, 2)
    run.tick(0, 2)
    run.gone('c1', 50)
    run.tick(100, 1)
    run.core.cameBack('c0')
    run.core.cameBack('stranger')
    expect(run.core.counts).toMatchObject({ told: 2, forced: 0, unseen: 1 })
    run.core.cameBack('c1')
    expect(run.core.counts).toMatchObject({ told: 2, forced: 0, unseen: 0 })
    // And is not forgotten twice.
    run.core.cameBack('c0')
    expect(run.core.counts).toMatchObject({ forced: 0, unseen: 0 })
    expect(run.confirm('c0', 300)).toBe(false)
  })

  it('is told once, and asked again, where he left and is back while all are to go', () => {
    const run = new Run({ graceMs: 100 }, 2)
    run.tick(0, 2)
    run.gone('c0', 50)
    run.tick(100, 1)
    expect(run.core.counts).toMatchObject({ told: 2, unseen: 2, forced: 1 })
    for (const id of ['c0', 'c1']) run.core.asked(id, 'websocket', 0, T + 200)
    expect(run.core.counts).toMatchObject({ told: 2, unseen: 0, forced: 0 })
    run.gone('c0', 250)
    expect(run.core.counts).toMatchObject({ told: 2, unseen: 1, forced: 0 })
  })
})

describe('who is closed because the drain has to end', () => {
  it('is counted as told and forced, asked or not, and once', () => {
    const run = new Run({}, 3)
    run.core.asked('asked', 'sse', 0, T)
    for (const id of ['asked', 'unasked']) {
      run.core.evicted(id, 'sse', T + 100)
      run.gone(id, 100)
    }
    expect(run.core.counts).toMatchObject({ told: 2, forced: 2, unseen: 2 })
    expect(run.core.byTransport).toMatchObject({ sse: { told: 2, forced: 2 } })
    run.confirm('unasked', 400, BACK)
    expect(run.core.counts).toMatchObject({
      moved: 1,
      forced: 1,
      unseen: 1,
      returned: 1,
      gaps: { maxMs: 300 },
    })
  })

  it('is none who has moved already, and whose old connection was still there', () => {
    const run = new Run({}, 2)
    run.core.asked('a', 'websocket', 0, T)
    run.confirm('a', 50)
    run.core.evicted('a', 'websocket', T + 100)
    run.gone('a', 100)
    expect(run.core.counts).toMatchObject({ told: 1, moved: 1, forced: 0, unseen: 0 })
  })

  it('was told before where he stayed, or had left and was back', () => {
    const run = new Run({ limit: 2, graceMs: 100 }, 10)
    run.tick(0, 10)
    run.gone('c0', 50)
    run.tick(200, 10)
    for (const id of ['c0', 'c1']) run.core.evicted(id, 'websocket', T + 300)
    expect(run.core.counts).toMatchObject({ told: 3, forced: 2, unseen: 2 })
  })
})

describe('another plan', () => {
  const EVERY_SECOND = { kind: 'count', count: 3, everyMs: 1000 } as const

  it('begins when the shorter of both intervals has passed since the last batch', () => {
    const run = new Run({ plan: { kind: 'count', count: 10, everyMs: 60_000 } }, 100)
    expect(run.asks(0, 100)).toBe(10)
    run.tick(400, 100)
    run.core.setPlan(EVERY_SECOND)
    expect(run.core.plan).toBe(EVERY_SECOND)
    expect([900, 999, 1000].map((atMs) => run.asks(atMs, 100))).toEqual([0, 0, 0])
    // Nobody of the last batch has moved: a tenth of the interval more.
    expect(run.asks(1100, 100)).toBe(3)
  })

  it('begins at once where the last batch was long ago, or there was none', () => {
    const run = new Run({ plan: { kind: 'count', count: 10, everyMs: 60_000 } }, 100)
    run.asks(0, 100)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 100)
    run.tick(5000, 90)
    run.core.setPlan(EVERY_SECOND)
    expect(run.asks(5010, 90)).toBe(3)
    const unwell = new Run({}, 100)
    unwell.tick(0, 100, UNWELL)
    unwell.core.setPlan(EVERY_SECOND)
    expect(unwell.asks(100, 100)).toBe(3)
  })

  it('begins no sooner than it was told to wait', () => {
    const run = new Run({}, 100)
    run.asks(0, 100)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 100)
    run.tick(500, 90)
    run.core.setPlan(EVERY_SECOND, 2000)
    expect([1000, 2499].map((atMs) => run.asks(atMs, 90))).toEqual([0, 0])
    expect(run.asks(2500, 90)).toBe(3)
    expect(run.asks(3500, 90)).toBe(0)
    expect(run.asks(3600, 90)).toBe(3)
  })
})

describe('a word of an operator', () => {
  it('to pause is heard while it waits or moves, and to resume only where it is paused', () => {
    const { core } = new Run({ deregisterMs: 500 }, 5)
    core.resume()
    expect(core.state).toBe('waiting')
    core.pause()
    expect(core.state).toBe('paused')
    core.resume()
    expect(core.state).toBe('waiting')
    core.tick(T + 500, 5, WELL)
    core.resume()
    expect(core.state).toBe('moving')
    core.pause()
    core.cancel()
    core.pause()
    expect(core.state).toBe('cancelled')
  })

  it('to pause does not keep it from its end', () => {
    const { core } = new Run({ deadlineMs: 10_000 }, 5)
    core.tick(T, 5, WELL)
    core.pause()
    expect(core.tick(T + 9000, 5, WELL)).toEqual([])
    expect(core.state).toBe('closing')
    core.pause()
    expect(core.state).toBe('closing')
  })

  it('to finish now is heard where it is paused, and before balancers have noticed', () => {
    const run = new Run({ deregisterMs: 60_000 }, 5)
    run.core.pause()
    run.core.finishNow()
    expect(run.core.state).toBe('waiting')
    expect(run.asks(100, 5)).toBe(5)
    run.core.finishNow()
    expect(run.core.state).toBe('moving')
  })

  it('to cancel is kept also when the deadline comes', () => {
    const { core } = new Run({ deadlineMs: 10_000 }, 5)
    core.tick(T, 5, WELL)
    core.cancel()
    expect(core.tick(T + 9500, 5, WELL)).toEqual([])
    expect(core.tick(T + 20_000, 5, WELL)).toEqual([])
    expect(core.state).toBe('cancelled')
  })

  it('to pause is kept where the node is cut off, and its plan where it is not any more', () => {
    const run = new Run({}, 30)
    run.core.pause()
    run.tick(0, 30, { ...UNWELL, cutOff: true })
    run.core.resume()
    expect(run.asks(100, 30)).toBe(10)
  })

  it('to cancel changes nothing once it has ended', () => {
    const { core } = new Run({}, 1)
    expect(core.tick(T, 0, WELL)).toEqual([{ kind: 'done' }])
    core.cancel()
    expect(core.state).toBe('gone')
    expect(core.tick(T + 100, 0, WELL)).toEqual([])
  })
})

describe('a node that is cut off', () => {
  const CUT_OFF: Capacity = { ...UNWELL, room: 0, cutOff: true }

  it('lets all go at once, before balancers have noticed, and not those who may stay', () => {
    const run = new Run({ deregisterMs: 60_000 }, 100)
    expect(run.tick(100, 100, UNWELL)).toEqual([])
    expect(run.tick(200, 100, CUT_OFF)).toEqual([{ kind: 'ask', count: 100, windowMs: 2000 }])
    const part = new Run({ limit: 50 }, 100)
    expect(part.tick(100, 100, CUT_OFF)).toEqual([])
    expect(part.core.holding).toBe('node b queues')
  })
})

describe('a node that is alone', () => {
  const ALONE: Capacity = { ...UNWELL, room: 0, alone: true }

  it('ends when it was so for long enough without a break, if it may, and closes everybody spread over a moment', () => {
    const run = new Run({ closeSpreadMs: 1000 }, 10)
    run.core.endAlone(500)
    expect(run.tick(0, 10, ALONE)).toEqual([])
    run.tick(400, 10, UNWELL)
    run.tick(450, 10, ALONE)
    run.tick(949, 10, ALONE)
    expect(run.core.state).toBe('moving')
    run.tick(950, 10, ALONE)
    expect(run.core.state).toBe('closing')
    expect(run.tick(1450, 10, ALONE)).toEqual([{ kind: 'evict', count: 5 }])
    expect(run.tick(1950, 5, ALONE)).toEqual([{ kind: 'evict', count: 5 }, { kind: 'done' }])
  })

  it('does not end while it is paused, and counts anew from there', () => {
    const run = new Run({}, 10)
    run.core.endAlone(500)
    run.tick(0, 10, ALONE)
    run.core.pause()
    run.tick(400, 10, ALONE)
    run.tick(2000, 10, ALONE)
    expect(run.core.state).toBe('paused')
    run.core.resume()
    run.tick(2100, 10, ALONE)
    run.tick(2500, 10, ALONE)
    expect(run.core.state).toBe('moving')
    run.tick(2600, 10, ALONE)
    expect(run.core.state).toBe('closing')
  })
})

describe('a part that is to go', () => {
  it('is over where nobody is here any more who may be asked', () => {
    const run = new Run({ limit: 20, graceMs: 100 }, 30)
    run.tick(0, 30)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 50)
    expect(run.tick(60, 20)).toEqual([])
    run.core.noneLeft()
    expect(run.tick(70, 20)).toEqual([{ kind: 'done' }])
  })

  it('waits for those who were asked, and is over when they have gone or stayed', () => {
    const run = new Run({ limit: 10, graceMs: 100 }, 30)
    run.tick(0, 30)
    run.core.noneLeft()
    expect(run.tick(50, 30)).toEqual([])
    // Who stays leaves his place to others; there are none.
    expect(run.core.tick(T + 150, 30, WELL)).toMatchObject([{ kind: 'ask', count: 10 }])
    run.core.noneLeft()
    expect(run.tick(160, 30)).toEqual([{ kind: 'done' }])
  })

  it('is all that is asked, in batches', () => {
    const run = new Run({ limit: 15 }, 30)
    expect(run.asks(0, 30)).toBe(10)
    for (let i = 0; i < 10; i++) run.moved(`c${i}`, 50)
    expect(run.asks(1000, 20)).toBe(5)
  })

  it('of everybody is not over because nobody may be asked at this moment', () => {
    const run = new Run({}, 30)
    run.tick(0, 30)
    run.core.noneLeft()
    expect([run.asks(1000, 30), run.asks(1100, 30)]).toEqual([0, 10])
  })
})

describe('those who are remembered', () => {
  it('are the newest fifty thousand, of whom it is known that they were closed', () => {
    const run = new Run({}, 60_000)
    for (let i = 0; i <= 50_000; i++) {
      run.core.evicted(`e${i}`, 'sse', T)
      run.gone(`e${i}`, 0)
    }
    expect(run.confirm('e0', 100)).toBe(false)
    expect(run.core.counts).toMatchObject({ moved: 0, forced: 50_001 })
    run.confirm('e1', 100)
    expect(run.core.counts).toMatchObject({ moved: 1, forced: 50_000, returned: 1 })
    // Nothing is known of him, not even that he was closed.
    run.core.asked('e0', 'sse', 0, T)
    expect(run.core.counts).toMatchObject({ told: 50_002, forced: 50_000 })
    run.confirm('e0', 100)
    expect(run.core.counts).toMatchObject({ moved: 2, forced: 50_000, returned: 1 })
  })
})
