import { expect, it } from 'vitest'
import { LogReads } from '../../../src/hub/log-reads.ts'
import type { ReplayLog } from '../../../src/replay/replay-log.ts'
import type { Position } from '../../../src/protocol/position.ts'

const AT: Position = { epoch: 'e', offset: 1 }

/** A log that answers a question with what was true when it was asked, as late as the test wants. */
class SlowLog {
  offset = 0
  readonly #unanswered: (() => void)[] = []

  head(): Promise<Position> {
    const head = { epoch: 'e', offset: this.offset }
    return new Promise((resolve) => this.#unanswered.push(() => resolve(head)))
  }

  get asked(): number {
    return this.#unanswered.length
  }

  answer(): void {
    this.#unanswered.shift()?.()
  }
}

function slowReads(): { log: SlowLog; reads: LogReads } {
  const log = new SlowLog()
  return { log, reads: new LogReads(log as unknown as ReplayLog, () => undefined) }
}

it('those who ask for the head at the same time share one read', async () => {
  const { log, reads } = slowReads()
  const heads = [reads.head('news'), reads.head('news')].map((head) => Promise.resolve(head))
  expect(log.asked).toBe(1)
  log.answer()
  expect(await Promise.all(heads)).toEqual([
    { epoch: 'e', offset: 0 },
    { epoch: 'e', offset: 0 },
  ])
})

it('whoever needs the head from now on is not given an answer to an older question, and shares the next one', async () => {
  const { log, reads } = slowReads()
  const older = reads.head('news')
  log.offset = 1
  const newer = [reads.headFromNow('news', AT), reads.headFromNow('news', AT)]
  log.answer()
  expect(await older).toEqual({ epoch: 'e', offset: 0 })
  await expect.poll(() => log.asked).toBe(1)
  log.answer()
  expect(await Promise.all(newer)).toEqual([
    { epoch: 'e', offset: 1 },
    { epoch: 'e', offset: 1 },
  ])
})

it('a failure of the older read does not fail the newer one', async () => {
  let calls = 0
  const log = {
    head: () =>
      ++calls === 1 ? Promise.reject(new Error('away')) : Promise.resolve({ epoch: 'e', offset: 7 }),
  }
  const reads = new LogReads(log as unknown as ReplayLog, () => undefined)
  const older = reads.head('news')
  const newer = reads.headFromNow('news', AT)
  await expect(older).rejects.toThrow('away')
  expect(await newer).toEqual({ epoch: 'e', offset: 7 })
})

it.each([
  ['has less, and proves it', { kind: 'lost', why: 'ahead', head: { epoch: 'e', offset: 5 } }, 5],
  ['had less, and has as much by now', { kind: 'range', messages: [], head: { epoch: 'e', offset: 9 } }, 9],
])('a log that has less than a client has seen is read from there: it %s', async (_how, range, offset) => {
  const read: Position[] = []
  const log = {
    head: () => Promise.resolve({ epoch: 'e', offset: 5 }),
    read: (_channel: string, after: Position) => {
      read.push(after)
      return Promise.resolve(range)
    },
  }
  const reads = new LogReads(log as unknown as ReplayLog, () => undefined)
  expect(await reads.headFromNow('news', { epoch: 'e', offset: 9 })).toEqual({ epoch: 'e', offset })
  expect(read).toEqual([{ epoch: 'e', offset: 9 }])
  // Of another epoch, or not ahead of it: the head says all.
  for (const seen of [
    { epoch: 'other', offset: 9 },
    { epoch: 'e', offset: 5 },
  ])
    expect(await reads.headFromNow('news', seen)).toEqual({ epoch: 'e', offset: 5 })
  expect(read).toHaveLength(1)
})

it('a log that has the head in memory is answered for at once, and asked each time', () => {
  const heads = [1, 2].map((offset) => ({ epoch: 'e', offset }))
  let counted = 0
  const log = { head: () => heads[counted - 1] }
  const reads = new LogReads(log as unknown as ReplayLog, () => void counted++)
  expect([reads.head('news'), reads.head('news')]).toEqual(heads)
})
