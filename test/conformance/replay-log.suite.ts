import { describe, expect } from 'vitest'
import type { Position } from '../../src/protocol/position.ts'
import type { LoggedMessage, NewMessage } from '../../src/protocol/message.ts'
import type { Appended, LogPolicy } from '../../src/replay/replay-log.ts'
import { describeForgetting } from './replay-log-forgetting.suite.ts'
import {
  ALL,
  bytes,
  expectChain,
  message,
  messagesOf,
  positionOf,
  ReplayLogSubject,
  text,
  type OpenReplayLog,
  type Skips,
} from './replay-log-subject.ts'

/** Messages and ids stay for longer than the tests take. */
const ROOMY: LogPolicy = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }

const EPOCH = /^[A-Za-z0-9]{1,32}$/

/** Skipped by implementations that never have to. */
export const LEAVES_EPOCHS = 'L7 a channel leaves an epoch that is disowned, once, and no other'

/** Skipped by implementations that refuse it. */
export const REMOVES = 'L8 after a removal nothing is read of what was kept, and who is behind is told'

export function describeReplayLog(name: string, open: OpenReplayLog, skips: Skips = {}): void {
  const subject = new ReplayLogSubject(name, open, skips)

  describe(`${name} keeps the contract of a replay log`, () => {
    describe('where nothing is trimmed', () => {
      subject.using(ROOMY)

      subject.fact('L1 offsets grow, and each message carries its predecessor’s', async () => {
        const channel = subject.fresh()
        const start = await subject.one.head(channel)
        const appended = await subject.appendAll(channel, 20)
        expect(appended[0]?.previous).toBe(start.offset)
        for (const [index, { epoch, offset, previous, duplicate }] of appended.entries()) {
          expect({ epoch, duplicate }).toEqual({ epoch: start.epoch, duplicate: false })
          expect(offset).toBeGreaterThan(previous)
          if (index > 0) expect(previous).toBe(appended[index - 1]?.offset)
        }
      })

      subject.fact('L1 the answer to an append is what readers see', async () => {
        const channel = subject.fresh()
        const start = await subject.one.head(channel)
        const { epoch, offset, previous } = await subject.append(channel, 'seen')
        const [seen] = messagesOf(await subject.other.read(channel, start, ALL))
        expect(seen).toMatchObject({ kind: 'logged', channel, epoch, offset, previous })
      })

      subject.fact('L1 appends of two clients at once are one order without a hole', async () => {
        const channel = subject.fresh()
        const start = await subject.one.head(channel)
        const appended = await Promise.all(
          Array.from({ length: 200 }, async (_, i) =>
            (i % 2 === 0 ? subject.one : subject.other).append(channel, message(String(i)), subject.policy),
          ),
        )
        const read = messagesOf(await subject.one.read(channel, start, ALL))
        expectChain(read, start)
        const byOffset = new Map(appended.map(({ offset }, i) => [offset, String(i)]))
        expect(read.map(({ offset, data }) => [offset, text(data)])).toEqual(
          [...byOffset].toSorted(([a], [b]) => a - b),
        )
        expect(messagesOf(await subject.other.read(channel, start, ALL))).toEqual(read)
      })

      subject.fact('L1 the appends of one client are in the order of its calls', async () => {
        const channel = subject.fresh()
        await Promise.all(Array.from({ length: 50 }, (_, i) => subject.append(channel, String(i))))
        const read = messagesOf(await subject.one.last(channel, ALL))
        expect(read.map(({ data }) => text(data))).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
      })

      subject.fact('L1 a channel’s order does not depend on other channels', async () => {
        const [left, right] = [subject.fresh(), subject.fresh()]
        const starts = [await subject.one.head(left), await subject.one.head(right)] as const
        for (let i = 0; i < 10; i++) {
          await subject.append(left, `left ${i}`)
          await subject.append(right, `right ${i}`)
        }
        for (const [index, channel] of [left, right].entries()) {
          const read = messagesOf(await subject.other.read(channel, starts[index] as Position, ALL))
          expect(read.length).toBe(10)
          expectChain(read, starts[index] as Position)
        }
      })

      subject.fact('L2 a repeated id answers with the first position and stores nothing', async () => {
        const channel = subject.fresh()
        const first = await subject.append(channel, 'first', { id: 'same' })
        await subject.append(channel, 'between')
        const again = await subject.other.append(channel, message('again', { id: 'same' }), subject.policy)
        expect(again).toMatchObject({ epoch: first.epoch, offset: first.offset, duplicate: true })
        expect(first.duplicate).toBe(false)
        const read = messagesOf(await subject.one.last(channel, ALL))
        expect(read.map(({ data }) => text(data))).toEqual(['first', 'between'])
      })

      subject.fact('L2 an id that comes many times at once is stored once', async () => {
        const channel = subject.fresh()
        const answers = await Promise.all(
          Array.from({ length: 40 }, async (_, i) =>
            (i % 2 === 0 ? subject.one : subject.other).append(
              channel,
              message(String(i), { id: `id ${i % 4}` }),
              subject.policy,
            ),
          ),
        )
        const firsts = answers.filter(({ duplicate }) => !duplicate)
        expect(firsts.length).toBe(4)
        expect(new Set(answers.map(({ offset }) => offset)).size).toBe(4)
        expect(messagesOf(await subject.one.last(channel, ALL)).length).toBe(4)
      })

      subject.fact('L2 an id belongs to who publishes: to backends, or to one user', async () => {
        const channel = subject.fresh()
        const given = [undefined, 'ann', 'bob', 'böse\u{1f600}'].map((from) =>
          message(`${from}`, { id: 'same', from }),
        )
        const firsts = []
        for (const one of given) firsts.push(await subject.one.append(channel, one, subject.policy))
        expect(firsts.map(({ duplicate }) => duplicate)).toEqual([false, false, false, false])
        for (const [index, one] of given.entries()) {
          expect(await subject.other.append(channel, one, subject.policy)).toMatchObject({
            offset: firsts[index]?.offset,
            duplicate: true,
          })
        }
        const read = messagesOf(await subject.other.last(channel, ALL))
        expect(read.map(({ id, from }) => ({ id, from }))).toEqual(
          given.map(({ id, from }) => ({ id, from })),
        )
      })

      subject.fact('L2 an id belongs to its channel', async () => {
        const [left, right] = [subject.fresh(), subject.fresh()]
        expect((await subject.append(left, 'left', { id: 'same' })).duplicate).toBe(false)
        expect((await subject.append(right, 'right', { id: 'same' })).duplicate).toBe(false)
        for (const [channel, id] of [
          ['@left', 'x}y'],
          ['@left}x', 'y'],
          ['@left x', 'y'],
          ['@left', 'x y'],
        ] as const) {
          expect((await subject.append(channel, 'data', { id })).duplicate).toBe(false)
        }
      })

      subject.fact('L2 ids are compared character for character', async () => {
        const channel = subject.fresh()
        const ids = [
          'a',
          'A',
          'a ',
          ' a',
          'a\n',
          'a\r\nb: c',
          '\u0000',
          'é',
          'e\u0301',
          '你',
          '🚰',
          'a:b',
          'a.b',
          '*',
          '>',
          '0',
          '00',
          'x'.repeat(128),
          '🚰'.repeat(64),
          '__proto__',
        ]
        for (const id of ids)
          expect(await subject.append(channel, 'x', { id })).toMatchObject({ duplicate: false })
        for (const id of ids)
          expect(await subject.append(channel, 'x', { id })).toMatchObject({ duplicate: true })
        const read = messagesOf(await subject.other.last(channel, ALL))
        expect(read.map(({ id }) => id)).toEqual(ids)
      })

      subject.fact('L3 a read returns exactly what is after the position, for every position', async () => {
        const channel = subject.fresh()
        const start = await subject.one.head(channel)
        const appended = await subject.appendAll(channel, 12)
        const all = messagesOf(await subject.one.read(channel, start, ALL))
        for (const [index, { epoch, offset }] of appended.entries()) {
          const range = await subject.other.read(channel, { epoch, offset }, ALL)
          expect(messagesOf(range)).toEqual(all.slice(index + 1))
          expect(range.head).toEqual({ epoch, offset: appended.at(-1)?.offset })
        }
      })

      subject.fact('L3 page after page, a reader sees every message once', async () => {
        const channel = subject.fresh()
        let here = await subject.one.head(channel)
        await subject.appendAll(channel, 50)
        const all = messagesOf(await subject.one.last(channel, ALL))
        const seen: LoggedMessage[] = []
        for (;;) {
          const page = messagesOf(await subject.one.read(channel, here, 7))
          expect(page.length).toBeLessThanOrEqual(7)
          expectChain(page, here)
          seen.push(...page)
          const newest = page.at(-1)
          if (newest === undefined) break
          here = newest
        }
        expect(seen).toEqual(all)
      })

      subject.fact('L3 a read at the head is an empty range', async () => {
        const channel = subject.fresh()
        const head = positionOf((await subject.appendAll(channel, 3)).at(-1))
        expect(await subject.one.read(channel, head, ALL)).toEqual({ kind: 'range', messages: [], head })
      })

      subject.fact('L3 a position of another epoch is said to be', async () => {
        const channel = subject.fresh()
        const head = positionOf((await subject.appendAll(channel, 3)).at(-1))
        const range = await subject.one.read(channel, { epoch: 'another', offset: head.offset }, ALL)
        expect(range).toEqual({ kind: 'lost', why: 'epoch', head })
      })

      subject.fact('L3 a position beyond the head is said to be ahead', async () => {
        const channel = subject.fresh()
        const { epoch, offset } = positionOf((await subject.appendAll(channel, 3)).at(-1))
        const range = await subject.one.read(channel, { epoch, offset: offset + 1 }, ALL)
        expect(range).toEqual({ kind: 'lost', why: 'ahead', head: { epoch, offset } })
      })

      subject.fact('L3 the last messages are the newest, oldest first, as many as there are', async () => {
        const channel = subject.fresh()
        expect(messagesOf(await subject.one.last(channel, 3))).toEqual([])
        const start = await subject.one.head(channel)
        const appended = await subject.appendAll(channel, 6)
        const all = messagesOf(await subject.one.read(channel, start, ALL))
        for (const count of [0, 1, 3, 6, 100]) {
          const range = await subject.other.last(channel, count)
          expect(messagesOf(range)).toEqual(count === 0 ? [] : all.slice(-count))
          expect(range.head).toEqual(positionOf(appended.at(-1)))
        }
      })

      subject.fact(
        'L6 a channel without messages has a position, and a reader who starts there misses nothing',
        async () => {
          const channel = subject.fresh()
          const start = await subject.one.head(channel)
          expect(start.epoch).toMatch(EPOCH)
          expect(await subject.other.head(channel)).toEqual(start)
          expect(await subject.other.read(channel, start, ALL)).toEqual({
            kind: 'range',
            messages: [],
            head: start,
          })
          // What happens elsewhere meanwhile does not concern it.
          await subject.appendAll(subject.fresh(), 10)
          expect(await subject.one.head(channel)).toEqual(start)
          await subject.appendAll(channel, 2)
          const read = messagesOf(await subject.other.read(channel, start, ALL))
          expect(read.map(({ data }) => text(data))).toEqual(['0', '1'])
          expectChain(read, start)
        },
      )

      subject.fact(LEAVES_EPOCHS, async () => {
        const channel = subject.fresh()
        await subject.appendAll(channel, 3)
        const here = positionOf(await subject.append(channel, 'here', { id: 'once' }))
        await subject.one.disown(channel, 'anEpochThatIsOver')
        expect(await subject.other.head(channel)).toEqual(here)
        // Two nodes that hear of the same message say it both, and it is left once.
        await Promise.all([subject.one, subject.other].map((log) => log.disown(channel, here.epoch)))
        const next = await subject.one.head(channel)
        expect(next.epoch).not.toBe(here.epoch)
        expect(await subject.other.head(channel)).toEqual(next)
        expect(await subject.one.read(channel, here, ALL)).toMatchObject({ kind: 'lost', why: 'epoch' })
        // Nobody was left who has seen it, so the same id is a new message.
        const first = await subject.append(channel, 'again', { id: 'once' })
        expect(first).toMatchObject({ epoch: next.epoch, duplicate: false })
        expect(messagesOf(await subject.other.read(channel, next, ALL))).toHaveLength(1)
      })

      subject.fact('L6 the head of a channel is its newest message', async () => {
        const channel = subject.fresh()
        for (let i = 0; i < 3; i++) {
          const appended = await subject.append(channel, String(i))
          expect(await subject.other.head(channel)).toEqual(positionOf(appended))
        }
      })

      subject.fact('a message comes back as it was given', async () => {
        const channel = subject.fresh()
        const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
        const given: NewMessage[] = [
          { data: everyByte, binary: true, id: undefined, time: 1_700_000_000_123 },
          { data: new Uint8Array(0), binary: true, id: 'empty', time: 0 },
          { data: bytes('{"text":"Größe 你好 🚰\\u0000"}'), binary: false, id: 'json', time: 2 ** 52 },
          // A view into a larger buffer, as a request's body is.
          { data: everyByte.subarray(100, 103), binary: true, id: undefined, time: 5 },
        ]
        for (const one of given) await subject.one.append(channel, one, subject.policy)
        const read = messagesOf(await subject.other.last(channel, ALL))
        expect(
          read.map(({ data, binary, id, time }) => ({ data: Uint8Array.from(data), binary, id, time })),
        ).toEqual(given.map((one) => ({ ...one, data: Uint8Array.from(one.data) })))
      })

      subject.fact('a large message comes back whole', async () => {
        const channel = subject.fresh()
        const data = Uint8Array.from({ length: 900_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
        const start = await subject.one.head(channel)
        await subject.one.append(channel, { ...message(''), data, binary: true }, subject.policy)
        const [read] = messagesOf(await subject.other.read(channel, start, ALL))
        expect(Buffer.compare(data, (read as LoggedMessage).data)).toBe(0)
      })

      subject.fact('channels whose names are alike are apart', async () => {
        const names = [
          'ABCxyz019_-:@/=+$',
          'abcxyz019_-:@/=+$',
          'a.b.c',
          'a.b',
          'a:b',
          'a/b',
          'a',
          'b',
          'x'.repeat(128),
          '@alice',
          '@Alice',
          '@alice smith, 你好 🚰',
          '@a.b',
          '@*',
          '@>',
          '@a{b}c',
          '@}',
          '@{',
          '@a%20b',
          '@a b',
          `@${'é'.repeat(256)}`,
        ]
        const heads: Position[] = []
        for (const channel of names)
          heads.push(positionOf(await subject.append(channel, `data of ${channel}`)))
        for (const [index, channel] of names.entries()) {
          const range = await subject.other.last(channel, ALL)
          expect(messagesOf(range).map((one) => [one.channel, text(one.data)])).toEqual([
            [channel, `data of ${channel}`],
          ])
          expect(range.head).toEqual(heads[index])
        }
      })

      subject.fact(REMOVES, async () => {
        const channel = subject.fresh()
        const [first] = await subject.appendAll(channel, 3)
        const head = await subject.one.head(channel)
        await subject.other.remove(channel)
        expect(await subject.one.head(channel)).toEqual(head)
        expect(messagesOf(await subject.one.last(channel, ALL))).toEqual([])
        expect(await subject.one.read(channel, positionOf(first as Appended), ALL)).toMatchObject({
          kind: 'lost',
          why: 'trimmed',
        })
        expect(messagesOf(await subject.one.read(channel, head, ALL))).toEqual([])
        const next = await subject.append(channel, 'after')
        expect(next).toMatchObject({ epoch: head.epoch, previous: head.offset })
        expect(messagesOf(await subject.other.read(channel, head, ALL)).map((one) => text(one.data))).toEqual(
          ['after'],
        )
      })

      // The last of this part: it takes what the others have written.
      subject.fact('L4 a log that lost its messages has a new epoch, each time', async () => {
        const channel = subject.fresh()
        const idle = subject.fresh()
        const seen = new Set<string>()
        let idleAt = await subject.one.head(idle)
        for (let round = 0; round < 3; round++) {
          const appended = await subject.append(channel, 'a')
          const head = positionOf(await subject.append(channel, 'b', { id: 'kept nowhere' }))
          expect(seen.has(head.epoch)).toBe(false)
          seen.add(head.epoch)
          await subject.fixture.lose()
          for (const position of [appended, head]) {
            expect(await subject.other.read(channel, positionOf(position), ALL)).toMatchObject({
              kind: 'lost',
              why: 'epoch',
            })
          }
          const idleRange = await subject.one.read(idle, idleAt, ALL)
          expect(idleRange.kind).toBe('lost')
          idleAt = idleRange.head
          const now = await subject.one.head(channel)
          expect(await subject.other.head(channel)).toEqual(now)
          expect(messagesOf(await subject.other.last(channel, ALL))).toEqual([])
        }
      })
    })

    describeForgetting(subject)

    describe('after it was closed', () => {
      subject.fact('fails with unavailable, and can be closed again', async () => {
        const closing = await open(ROOMY)
        try {
          await closing.one.close()
          await closing.one.close()
          const unavailable = { name: 'SluiceError', code: 'unavailable' }
          await expect(closing.one.append('a', message('x'), ROOMY)).rejects.toMatchObject(unavailable)
          await expect(closing.one.head('a')).rejects.toMatchObject(unavailable)
          await expect(closing.one.read('a', { epoch: 'e', offset: 1 }, 1)).rejects.toMatchObject(unavailable)
          await expect(closing.one.last('a', 1)).rejects.toMatchObject(unavailable)
          expect(closing.one.healthy()).toBe(false)
        } finally {
          await closing.close()
        }
      })
    })
  })
}
