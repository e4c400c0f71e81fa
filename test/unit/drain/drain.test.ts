import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../support/manual-clock.ts'
import type { Capacity, DrainOptions } from '../../../src/drain/core.ts'
import { Drain, type DrainProgress, type Evicted, type Movable } from '../../../src/drain/drain.ts'

const OPTIONS: DrainOptions = {
  plan: { kind: 'count', count: 10, everyMs: 1000 },
  deregisterMs: 0,
  graceMs: 500,
  returnMs: 2000,
  deadlineMs: Infinity,
  closeSpreadMs: 1000,
}
const HERE = { gapMs: 0, recovered: true }

/** One who is asked never goes by himself: the tests say when. */
class Crowd {
  readonly clock = new ManualClock()
  readonly connected = new Map<string, Movable>()
  readonly asked: { readonly id: string; readonly delayMs: number; readonly deadlineMs: number }[] = []
  readonly closed: { readonly id: string; readonly moved: boolean }[] = []
  readonly told: DrainProgress[] = []
  readonly evicted: Evicted[] = []
  readonly movedFrom = new Map<string, string>()
  readonly drain: Drain
  capacity: Capacity = { ok: true, reason: '', room: Infinity }

  constructor(clients: number, options: Partial<DrainOptions> = {}) {
    for (let i = 0; i < clients; i++) this.connect(`c${i}`)
    this.drain = new Drain(
      { ...OPTIONS, ...options },
      {
        clock: this.clock,
        connections: () => this.connected.values(),
        find: (id) => this.connected.get(id),
        count: () => this.connected.size,
        capacity: () => this.capacity,
        changed: (progress) => this.told.push(progress),
        evicted: (evicted) => this.evicted.push(evicted),
      },
    )
  }

  connect(id: string): void {
    const movable: Movable = {
      id,
      transport: 'websocket',
      movedFrom: this.movedFrom.get(id),
      ask: (delayMs, deadlineMs) => this.asked.push({ id, delayMs, deadlineMs }),
      close: (moved) => {
        // One that has ended already is not the session's newer connection.
        if (this.connected.get(id) !== movable) return
        this.closed.push({ id, moved })
        this.leave(id)
      },
    }
    this.connected.set(id, movable)
  }

  leave(id: string): void {
    this.connected.delete(id)
    this.drain.gone(id)
  }

  move(id: string): void {
    if (this.drain.confirm(id, HERE)) this.leave(id)
  }

  get ids(): string[] {
    return this.asked.map(({ id }) => id)
  }
}

describe('a drain', () => {
  it('D2 asks one batch, and the next when its interval is over', () => {
    const crowd = new Crowd(25)
    crowd.clock.pass(100)
    expect(crowd.ids).toHaveLength(10)
    for (const id of crowd.ids) crowd.move(id)
    crowd.clock.pass(900)
    expect(crowd.ids).toHaveLength(10)
    crowd.clock.pass(200)
    expect(crowd.ids).toHaveLength(20)
  })

  it('gives each client a moment within the interval, and the grace after it', () => {
    const crowd = new Crowd(10)
    crowd.clock.drawn = 0.99
    crowd.clock.pass(1000)
    for (const { delayMs, deadlineMs } of crowd.asked) {
      expect(delayMs).toBeLessThan(1000)
      expect(deadlineMs).toBe(delayMs + OPTIONS.graceMs)
    }
    expect(crowd.asked).toHaveLength(10)
  })

  it('D1 D5 closes who does not move, each once, and ends', async () => {
    const crowd = new Crowd(25)
    crowd.clock.pass(10_000)
    await expect(crowd.drain.done).resolves.toBe('gone')
    expect(new Set(crowd.ids).size).toBe(25)
    expect(crowd.asked).toHaveLength(25)
    expect(crowd.closed).toHaveLength(25)
    expect(crowd.drain.progress()).toMatchObject({
      state: 'gone',
      told: 25,
      moved: 0,
      forced: 25,
      remaining: 0,
    })
    expect(crowd.clock.timers).toBe(0)
  })

  it('tells how many of those told the drain of another node had moved here', () => {
    const crowd = new Crowd(10)
    for (const [id, node] of [
      ['again', 'n2'],
      ['twice', 'n2'],
      ['other', 'n3'],
    ] as const) {
      crowd.movedFrom.set(id, node)
      crowd.connect(id)
    }
    crowd.clock.pass(10_000)
    expect(crowd.drain.progress().movedFrom).toEqual({ n2: 2, n3: 1 })
  })

  it('asks also those who came after it had begun', async () => {
    const crowd = new Crowd(10, { deregisterMs: 1000 })
    crowd.connect('late')
    crowd.clock.pass(10_000)
    expect(crowd.ids).toContain('late')
    await expect(crowd.drain.done).resolves.toBe('gone')
  })

  it('asks again who has left and come back: he would keep the node from becoming empty', async () => {
    const crowd = new Crowd(2)
    crowd.clock.pass(100)
    crowd.leave('c0')
    crowd.connect('c0')
    crowd.clock.pass(10_000)
    expect(crowd.ids).toEqual(['c0', 'c1', 'c0'])
    await expect(crowd.drain.done).resolves.toBe('gone')
  })

  it('asks nobody before load balancers have noticed', () => {
    const crowd = new Crowd(5, { deregisterMs: 1000 })
    crowd.clock.pass(900)
    expect(crowd.asked).toEqual([])
    expect(crowd.drain.progress().state).toBe('waiting')
    crowd.clock.pass(200)
    expect(crowd.asked).toHaveLength(5)
  })

  it('asks many in slices, so that their messages go on meanwhile', () => {
    const crowd = new Crowd(10_000, { plan: { kind: 'count', count: 10_000, everyMs: 60_000 } })
    // The timers of one moment are turns of the event loop; how many are asked in each is seen from within.
    let most = 0
    let before = 0
    const after = crowd.clock.after.bind(crowd.clock)
    crowd.clock.after = (delayMs, run) =>
      after(delayMs, () => {
        before = crowd.asked.length
        run()
        most = Math.max(most, crowd.asked.length - before)
      })
    crowd.clock.pass(100)
    expect(crowd.asked).toHaveLength(10_000)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(500)
  })

  it('D3 holds while the cluster is unwell, says why once, and goes on', () => {
    const crowd = new Crowd(5)
    crowd.capacity = { ok: false, reason: 'node n3 queues connections', room: Infinity }
    crowd.clock.pass(5000)
    expect(crowd.asked).toEqual([])
    expect(crowd.drain.progress().holding).toBe('node n3 queues connections')
    expect(crowd.told.filter(({ holding }) => holding !== undefined)).toHaveLength(1)
    crowd.capacity = { ok: true, reason: '', room: Infinity }
    crowd.clock.pass(100)
    expect(crowd.asked).toHaveLength(5)
    expect(crowd.drain.progress()).not.toHaveProperty('holding')
  })

  it('asks everybody at once, even of an unwell cluster, when it is to finish now', () => {
    const crowd = new Crowd(1000, { deregisterMs: 60_000 })
    crowd.capacity = { ok: false, reason: 'no other node is active', room: Infinity }
    crowd.drain.finishNow()
    crowd.clock.pass(100)
    expect(crowd.asked).toHaveLength(1000)
  })

  it('D4 asks and closes nobody while it is paused', () => {
    const crowd = new Crowd(25)
    crowd.clock.pass(100)
    crowd.drain.pause()
    crowd.clock.pass(60_000)
    expect(crowd.asked).toHaveLength(10)
    expect(crowd.closed).toEqual([])
    crowd.drain.resume()
    crowd.clock.pass(10_000)
    expect(crowd.asked).toHaveLength(25)
  })

  it('takes another plan on its way', () => {
    const crowd = new Crowd(100)
    crowd.clock.pass(100)
    crowd.drain.setPlan({ kind: 'count', count: 50, everyMs: 1000 })
    for (const id of crowd.ids) crowd.move(id)
    crowd.clock.pass(1000)
    expect(crowd.asked).toHaveLength(60)
    expect(crowd.drain.progress().plan).toBe('50/1s')
  })

  it('D4 asks and closes nobody who was asked, once it is cancelled', async () => {
    const crowd = new Crowd(25)
    crowd.clock.pass(100)
    crowd.drain.cancel()
    await expect(crowd.drain.done).resolves.toBe('cancelled')
    crowd.clock.pass(60_000)
    expect(crowd.asked).toHaveLength(10)
    expect(crowd.closed).toEqual([])
    expect(crowd.clock.timers).toBe(0)
  })

  it('lets a client that has moved close its old connection itself, for a while', () => {
    const crowd = new Crowd(2)
    crowd.clock.pass(100)
    expect(crowd.drain.confirm('c0', HERE)).toBe(true)
    crowd.clock.pass(300)
    expect(crowd.closed).toEqual([])
    crowd.clock.pass(10_000)
    expect(crowd.closed).toContainEqual({ id: 'c0', moved: true })
    expect(crowd.drain.progress()).toMatchObject({ moved: 1, forced: 1 })
  })

  it('does not leave the old connection of one who has moved open, when it is cancelled', () => {
    const crowd = new Crowd(2)
    crowd.clock.pass(100)
    crowd.drain.confirm('c0', HERE)
    crowd.drain.cancel()
    crowd.clock.pass(10_000)
    expect(crowd.closed).toEqual([{ id: 'c0', moved: true }])
  })

  it('does not close one who has moved, has gone after a cancel, and has come back', () => {
    const crowd = new Crowd(2)
    crowd.clock.pass(100)
    crowd.drain.confirm('c0', HERE)
    crowd.drain.cancel()
    // Nobody tells a drain that is over.
    crowd.connected.delete('c0')
    crowd.connect('c0')
    crowd.clock.pass(10_000)
    expect(crowd.closed).toEqual([])
  })

  it('tells no estimate where nothing moves', () => {
    const crowd = new Crowd(100)
    crowd.clock.pass(100)
    for (const id of crowd.ids) crowd.move(id)
    crowd.clock.pass(2000)
    expect(crowd.drain.progress().remainingMs).toBeGreaterThan(0)
    crowd.drain.pause()
    crowd.clock.pass(600_000)
    expect(crowd.drain.progress()).not.toHaveProperty('remainingMs')
  })

  it('estimates by the plan, not by the rests between two batches', () => {
    const crowd = new Crowd(1000, { plan: { kind: 'percent', percent: 5, everyMs: 120_000 } })
    for (let batch = 0; batch < 5; batch++) {
      crowd.clock.pass(batch === 0 ? 100 : 120_000)
      for (const id of crowd.ids) crowd.move(id)
    }
    const estimates: number[] = []
    for (let i = 0; i < 10; i++) {
      crowd.clock.pass(11_000)
      estimates.push(crowd.drain.progress().remainingMs ?? 0)
    }
    // 15 batches are left, of 2 minutes each.
    for (const estimate of estimates) {
      expect(estimate).toBeGreaterThan(15 * 60_000)
      expect(estimate).toBeLessThan(60 * 60_000)
    }
  })

  it('D5 closes who is left by its deadline, says how many of which transport and why, and names the first', async () => {
    const crowd = new Crowd(250, { deadlineMs: 10_000, closeSpreadMs: 2000 })
    crowd.capacity = { ok: true, reason: '', room: 0, full: 'node b is at its limit of 60 connections' }
    crowd.clock.pass(7900)
    expect(crowd.closed).toEqual([])
    crowd.clock.pass(1000)
    expect(crowd.closed.length).toBeGreaterThan(100)
    expect(crowd.closed.length).toBeLessThan(150)
    crowd.clock.pass(1200)
    await expect(crowd.drain.done).resolves.toBe('gone')
    expect(crowd.closed).toHaveLength(250)
    const [evicted] = crowd.evicted as [Evicted]
    expect(evicted).toMatchObject({
      transports: { websocket: 250 },
      why: 'node b is at its limit of 60 connections',
    })
    expect(evicted.sessions).toHaveLength(100)
    expect(crowd.evicted).toHaveLength(1)
    expect(crowd.drain.progress()).toMatchObject({ told: 250, forced: 250, remaining: 0 })
  })

  it('tells when its deadline is', () => {
    const crowd = new Crowd(5, { deadlineMs: 10_000, deregisterMs: 5000 })
    crowd.clock.pass(3000)
    expect(crowd.drain.progress().deadlineInMs).toBe(7000)
    crowd.drain.setDeadline(60_000)
    expect(crowd.drain.progress().deadlineInMs).toBe(57_000)
    expect(new Crowd(5).drain.progress()).not.toHaveProperty('deadlineInMs')
  })

  it('does not hold the plan up for those who do not move', () => {
    const crowd = new Crowd(100, { graceMs: 5000 })
    crowd.clock.pass(10_200)
    expect(crowd.drain.progress().told).toBe(100)
  })
})

describe('moving a part', () => {
  it('D6 lets who does not go stay, asks others in their place, each once, and ends', async () => {
    const crowd = new Crowd(30, { limit: 12 })
    crowd.clock.pass(60_000)
    await expect(crowd.drain.done).resolves.toBe('gone')
    expect(new Set(crowd.ids).size).toBe(30)
    expect(crowd.asked).toHaveLength(30)
    expect(crowd.closed).toEqual([])
    expect(crowd.connected.size).toBe(30)
  })

  it('D1 D6 asks nobody twice and ends, where fewer are connected than are to go', async () => {
    const crowd = new Crowd(8, { limit: 30 })
    crowd.clock.pass(120_000)
    expect(crowd.drain.progress().state).toBe('gone')
    await expect(crowd.drain.done).resolves.toBe('gone')
    expect(crowd.ids).toHaveLength(8)
    expect(new Set(crowd.ids).size).toBe(8)
  })

  it('does not ask again who has left and come back', async () => {
    const crowd = new Crowd(12, { limit: 12 })
    crowd.clock.pass(100)
    crowd.leave('c11')
    crowd.leave('c0')
    crowd.connect('c0')
    crowd.clock.pass(60_000)
    await expect(crowd.drain.done).resolves.toBe('gone')
    expect(new Set(crowd.ids).size).toBe(11)
    expect(crowd.ids).toHaveLength(11)
  })

  it('counts as remaining those who are still to go, not those who stay', () => {
    const crowd = new Crowd(30, { limit: 12 })
    crowd.clock.pass(100)
    expect(crowd.drain.progress()).toMatchObject({ total: 12, remaining: 12 })
    for (const id of crowd.ids) crowd.move(id)
    expect(crowd.drain.progress()).toMatchObject({ total: 12, told: 10, moved: 10, remaining: 2 })
  })

  it('does not leave the old connection of one who has moved open, when it ends', async () => {
    const crowd = new Crowd(30, { limit: 1 })
    crowd.clock.pass(100)
    expect(crowd.drain.confirm('c0', HERE)).toBe(true)
    crowd.clock.pass(10_000)
    await expect(crowd.drain.done).resolves.toBe('gone')
    expect(crowd.closed).toEqual([{ id: 'c0', moved: true }])
  })
})
