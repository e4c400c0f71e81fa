import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readBefore } from '../../src/replay/read-before.ts'
import type { LoggedMessage } from '../../src/protocol/message.ts'
import type { ReplayLog } from '../../src/replay/replay-log.ts'

const EPOCH = 'e'

/** A log whose offsets grow by more than one now and then, and whose beginning is gone. */
function logOf(offsets: readonly number[], trimmedTo: number): Pick<ReplayLog, 'read' | 'last'> {
  const head = { epoch: EPOCH, offset: offsets.at(-1) ?? 0 }
  const kept = offsets.filter((offset) => offset > trimmedTo)
  const messages = (some: readonly number[]): LoggedMessage[] =>
    some.map((offset) => ({ offset }) as LoggedMessage)
  return {
    read(_channel, after, limit) {
      if (after.epoch !== EPOCH) return Promise.resolve({ kind: 'lost', why: 'epoch', head })
      if (after.offset > head.offset) return Promise.resolve({ kind: 'lost', why: 'ahead', head })
      if (after.offset < trimmedTo) return Promise.resolve({ kind: 'lost', why: 'trimmed', head })
      const found = kept.filter((offset) => offset > after.offset).slice(0, limit)
      return Promise.resolve({ kind: 'range', messages: messages(found), head })
    },
    last: (_channel, count) =>
      Promise.resolve({ kind: 'range', messages: messages(kept.slice(-count)), head }),
  }
}

it('the page before a position has the newest messages before it, wherever offsets are missing and the log begins', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 40 }),
      fc.nat(40),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 12 }),
      async (steps, trimmed, before, limit) => {
        let offset = 0
        const offsets = steps.map((step) => (offset += step))
        const trimmedTo = Math.min(trimmed, offset)
        const log = logOf(offsets, trimmedTo)
        const range = await readBefore(log, 'c', { epoch: EPOCH, offset: before }, { limit, keptMax: 100 })
        if (before - 1 - limit > offset) expect(range).toMatchObject({ kind: 'lost', why: 'ahead' })
        else {
          const wanted = offsets.filter((one) => one > trimmedTo && one < before).slice(-limit)
          expect(range.kind === 'range' && range.messages.map((message) => message.offset)).toEqual(wanted)
        }
      },
    ),
  ))

it('a position of another epoch is said to be one', async () => {
  const log = logOf([1, 2, 3], 0)
  for (const offset of [1, 3]) {
    const range = await readBefore(log, 'c', { epoch: 'other', offset }, { limit: 1, keptMax: 10 })
    expect(range).toMatchObject({ kind: 'lost', why: 'epoch' })
  }
})
