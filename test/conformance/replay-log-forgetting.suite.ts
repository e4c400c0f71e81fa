import { describe, expect } from 'vitest'
import type { Position } from '../../src/protocol/position.ts'
import type { LoggedMessage } from '../../src/protocol/message.ts'
import type { LogPolicy } from '../../src/replay/replay-log.ts'
import {
  ALL,
  expectChain,
  messagesOf,
  positionOf,
  text,
  type ReplayLogSubject,
} from './replay-log-subject.ts'

/** Few messages are kept. */
const NARROW: LogPolicy = { ttlMs: 600_000, max: 5, idempotencyMs: 600_000 }
/** All is forgotten soon. */
const BRIEF: LogPolicy = { ttlMs: 1000, max: 1000, idempotencyMs: 1000 }

/** What a log owes those who come when something has been trimmed or has expired. */
export function describeForgetting(subject: ReplayLogSubject): void {
  describe('where a few messages are kept', () => {
    subject.using(NARROW)

    subject.fact('L5 no more than twice the maximum is kept, always the newest', async () => {
      const channel = subject.fresh()
      const appended = await subject.appendAll(channel, 60)
      const kept = messagesOf(await subject.one.last(channel, ALL))
      expect(kept.length).toBeGreaterThanOrEqual(NARROW.max)
      expect(kept.length).toBeLessThanOrEqual(NARROW.max * 2)
      expect(kept.map(({ offset }) => offset)).toEqual(
        appended.slice(-kept.length).map(({ offset }) => offset),
      )
    })

    subject.fact('L3 a reader whose next message is gone is told, others get all', async () => {
      const channel = subject.fresh()
      const start = await subject.one.head(channel)
      const appended = await subject.appendAll(channel, 60)
      const kept = messagesOf(await subject.one.last(channel, ALL))
      const oldest = kept[0] as LoggedMessage
      for (const position of [start, ...appended.map(positionOf)]) {
        const range = await subject.other.read(channel, position, ALL)
        if (position.offset < oldest.previous) {
          expect(range).toMatchObject({ kind: 'lost', why: 'trimmed', head: positionOf(appended.at(-1)) })
        } else {
          expect(messagesOf(range)).toEqual(kept.filter(({ offset }) => offset > position.offset))
        }
      }
    })

    subject.fact('L2 an id is remembered for longer than its message is kept', async () => {
      const channel = subject.fresh()
      const first = await subject.append(channel, 'first', { id: 'old' })
      await subject.appendAll(channel, 30)
      const again = await subject.append(channel, 'again', { id: 'old' })
      expect(again).toMatchObject({ ...positionOf(first), duplicate: true })
    })

    subject.fact('L3 what is read while it is being trimmed has no hole', async () => {
      const channel = subject.fresh()
      let here: Position = await subject.one.head(channel)
      let writing = true
      const written = (async () => {
        for (let i = 0; i < 300; i++) await subject.append(channel, String(i))
      })().finally(() => (writing = false))
      let complete = false
      while (!complete) {
        // What is asked for after the last append was answered shows everything.
        complete = !writing
        const range = await subject.other.read(channel, here, 3)
        if (range.kind === 'lost') {
          expect(range.why).toBe('trimmed')
          here = range.head
        } else {
          expectChain(range.messages, here)
          here = range.messages.at(-1) ?? here
          if (range.messages.length > 0) complete = false
        }
      }
      await written
      expect(positionOf(here)).toEqual(await subject.one.head(channel))
    })
  })

  describe('where all is forgotten soon', () => {
    subject.using(BRIEF)

    subject.fact('L5 messages are gone some time after their time to live', async () => {
      const channel = subject.fresh()
      await subject.appendAll(channel, 3)
      await subject.until(
        'no message is left',
        async () => messagesOf(await subject.one.last(channel, ALL)).length === 0,
      )
    })

    subject.fact(
      'L3 a reader of a channel whose messages have expired is told of what he has missed',
      async () => {
        const channel = subject.fresh()
        const start = await subject.one.head(channel)
        await subject.appendAll(channel, 3)
        await subject.until(
          'the first message is gone',
          async () => (await subject.one.read(channel, start, ALL)).kind === 'lost',
        )
        await subject.append(channel, 'later')
        expect((await subject.other.read(channel, start, ALL)).kind).toBe('lost')
      },
    )

    subject.fact(
      'L6 a reader who is up to date stays so while messages expire, and misses no later one',
      async () => {
        const channel = subject.fresh()
        const head = positionOf((await subject.appendAll(channel, 3)).at(-1))
        await subject.until(
          'no message is left',
          async () => messagesOf(await subject.one.last(channel, ALL)).length === 0,
        )
        expect(await subject.other.read(channel, head, ALL)).toEqual({ kind: 'range', messages: [], head })
        expect(await subject.one.head(channel)).toEqual(head)
        const later = await subject.append(channel, 'later')
        expect(later.previous).toBe(head.offset)
        const read = messagesOf(await subject.other.read(channel, head, ALL))
        expect(read.map(({ data }) => text(data))).toEqual(['later'])
      },
    )

    subject.fact('L2 an id can be used again once its time is over', async () => {
      const channel = subject.fresh()
      const first = await subject.append(channel, 'first', { id: 'again' })
      await subject.until('the id is new again', async () => {
        const again = await subject.append(channel, 'again', { id: 'again' })
        return !again.duplicate && again.offset > first.offset
      })
    })
  })
}
