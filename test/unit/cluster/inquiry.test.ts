import { describe, expect, it } from 'vitest'
import type { Answered } from '../../../src/cluster/cut-off.ts'
import { Inquiry } from '../../../src/cluster/inquiry.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const WELL: Answered = { state: 'active', role: 'all', degraded: [], door: true }
const ILL: Answered = { ...WELL, degraded: ['registry'] }
const OPTIONS = { graceMs: 4000, silenceMs: 9000 }

class Asker {
  readonly clock = new ManualClock()
  readonly asked: number[] = []
  well = false
  /** What comes back for each question. */
  answer: (number: number) => void = () => undefined
  readonly inquiry = new Inquiry(OPTIONS, {
    clock: this.clock,
    well: () => this.well,
    ask: (number) => {
      this.asked.push(number)
      this.answer(number)
    },
    saidSince: () => [],
  })

  /** Finds for so long, ten times a second; the last verdict. */
  find(ms: number): boolean {
    let verdict = false
    for (let passedMs = 0; passedMs <= ms; passedMs += 100) {
      verdict = this.inquiry.find()
      this.clock.pass(100)
    }
    return verdict
  }
}

describe('a node that is not well', () => {
  it('asks once a second while it matters, and not otherwise', () => {
    const asker = new Asker()
    asker.find(4900)
    expect(asker.asked).toEqual([0, 1, 2, 3, 4])
    asker.inquiry.look()
    asker.well = true
    asker.find(5000)
    expect(asker.asked.length).toBe(5)
  })

  it('is told by answers that others are well, or ill too', () => {
    const asker = new Asker()
    asker.answer = (number) => asker.inquiry.heard('n2', number, WELL)
    expect(asker.find(OPTIONS.graceMs)).toBe(true)
    const other = new Asker()
    other.answer = (number) => other.inquiry.heard('n2', number, ILL)
    expect(other.find(10 * OPTIONS.silenceMs)).toBe(false)
  })

  it('takes an answer for as old as its question', () => {
    const asker = new Asker()
    // Each comes half a minute late.
    const late: number[] = []
    asker.answer = (number) => {
      late.push(number)
      if (late.length > 30) asker.inquiry.heard('n2', late.shift() as number, WELL)
    }
    asker.find(29_000)
    expect(asker.find(0)).toBe(true)
    asker.answer = (number) => asker.inquiry.heard('n3', number, ILL)
    asker.find(1000)
    expect(asker.find(5000)).toBe(false)
  })

  it('does not take answers to what it asked before it was well', () => {
    const asker = new Asker()
    asker.find(0)
    asker.well = true
    asker.find(0)
    asker.well = false
    asker.answer = () => asker.inquiry.heard('n2', 0, WELL)
    expect(asker.find(OPTIONS.graceMs)).toBe(false)
  })

  it('is cut off where nobody answers', () => {
    const asker = new Asker()
    expect(asker.find(OPTIONS.silenceMs - 200)).toBe(false)
    expect(asker.find(400)).toBe(true)
  })
})
