import { describe, expect, it } from 'vitest'
import { Canary } from '../../../src/cluster/canary.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function canary(): {
  clock: ManualClock
  canary: Canary
  sent: number[]
  changes: boolean[]
  missed: () => number
  heard: number[]
} {
  const clock = new ManualClock()
  const sent: number[] = []
  const changes: boolean[] = []
  let missed = 0
  const heard: number[] = []
  const subject = new Canary(
    { intervalMs: 100, missedMax: 3 },
    {
      clock,
      send: (word) => sent.push(word),
      changed: (deaf) => changes.push(deaf),
      missed: () => missed++,
      heardAfter: (ms) => heard.push(ms),
    },
  )
  return { clock, canary: subject, sent, changes, missed: () => missed, heard }
}

describe('a canary', () => {
  it('tells how long its last word took, and nothing of one that a later one has overtaken', () => {
    const { clock, canary: subject, sent, heard } = canary()
    clock.pass(50)
    clock.pass(30)
    subject.heard(sent.at(-1) as number)
    expect(heard).toEqual([30])
    clock.pass(170)
    expect(sent).toEqual([1, 2, 3])
    subject.heard(2)
    expect(heard).toEqual([30])
  })

  it('that is heard says nothing', () => {
    const { clock, canary: subject, sent, changes, missed } = canary()
    for (let i = 0; i < 10; i++) {
      clock.pass(100)
      subject.heard(sent.at(-1) as number)
    }
    expect([subject.deaf, changes, missed()]).toEqual([false, [], 0])
  })

  it('that is not heard three times means deaf, asks for repair for as long, and is heard again', () => {
    const { clock, canary: subject, sent, changes, missed } = canary()
    clock.pass(300)
    expect(subject.deaf).toBe(false)
    clock.pass(300)
    expect([subject.deaf, changes]).toEqual([true, [true]])
    expect(missed()).toBeGreaterThan(1)
    subject.heard(sent.at(-1) as number)
    expect([subject.deaf, changes]).toEqual([false, [true, false]])
  })

  it('takes no word that was never sent, and none twice', () => {
    const { clock, canary: subject, sent, changes } = canary()
    clock.pass(600)
    subject.heard(1000)
    expect(subject.deaf).toBe(true)
    subject.heard(sent[0] as number)
    clock.pass(300)
    subject.heard(sent[0] as number)
    expect(changes).toEqual([true, false, true])
  })

  it('that is closed sends nothing', () => {
    const { clock, canary: subject, sent } = canary()
    subject.close()
    clock.pass(1000)
    expect(sent).toEqual([])
  })
})
