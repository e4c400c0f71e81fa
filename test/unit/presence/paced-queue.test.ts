import { describe, expect, it } from 'vitest'
import { PacedQueue } from '../../../src/presence/paced-queue.ts'
import { ManualClock } from '../../support/manual-clock.ts'

describe('PacedQueue', () => {
  it('hands on in order and in batches, with a pause between them', () => {
    const clock = new ManualClock()
    const batches: (readonly number[])[] = []
    const queue = new PacedQueue<number>({ batch: 2, pauseMs: 10 }, clock, (items) => batches.push(items))
    for (let i = 1; i <= 5; i++) queue.push(i)
    expect(batches).toEqual([])
    clock.pass(0)
    expect(batches).toEqual([[1, 2]])
    clock.pass(10)
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ])
    clock.pass(10)
    expect(batches.at(-1)).toEqual([5])
    queue.push(6)
    clock.pass(9)
    expect(batches.length).toBe(3)
    clock.pass(1)
    expect(batches.at(-1)).toEqual([6])
    clock.pass(10)
    expect(clock.timers).toBe(0)
  })

  it('what is pushed while a batch is handed on comes after everything that waits', () => {
    const clock = new ManualClock()
    const seen: number[] = []
    const queue = new PacedQueue<number>({ batch: 1, pauseMs: 1 }, clock, ([item]) => {
      seen.push(item as number)
      if (item === 1) queue.push(3)
    })
    queue.push(1)
    queue.push(2)
    clock.pass(10)
    expect(seen).toEqual([1, 2, 3])
  })

  it('after close nothing is handed on', () => {
    const clock = new ManualClock()
    const queue = new PacedQueue<number>({ batch: 1, pauseMs: 1 }, clock, () => expect.unreachable())
    queue.push(1)
    queue.close()
    clock.pass(10)
    expect(clock.timers).toBe(0)
  })
})
