import { expect, it } from 'vitest'
import type { NewMessage } from '../../../src/protocol/message.ts'
import { Appends, type AppendsAnswer, type Word } from '../../../src/replay/appends.ts'

const POLICY = { ttlMs: 1000, max: 10, idempotencyMs: 1000 }

interface Call {
  readonly channel: string
  readonly policy: object
  readonly words: readonly Word[]
}

/** Whoever calls `end` ends the turn. */
function appends(answer: (call: Call) => Promise<AppendsAnswer> = inOrder()) {
  const calls: Call[] = []
  const ends: (() => void)[] = []
  const made = new Appends(
    (channel, policy, words) => {
      calls.push({ channel, policy, words })
      return answer({ channel, policy, words })
    },
    (send) => ends.push(send),
  )
  return { made, calls, ends, end: () => ends.splice(0).forEach((send) => send()) }
}

/** One channel's offsets, from 1 on. */
function inOrder(): (call: Call) => Promise<AppendsAnswer> {
  let head = 0
  return ({ words }) =>
    Promise.resolve({ epoch: 'e', offsets: Array.from({ length: words.length / 2 }, () => ++head) })
}

function message(size = 1, id?: string): NewMessage {
  return { data: Buffer.alloc(size), binary: false, id, time: 1 }
}

it('nothing is sent before the turn ends, and then what each channel was given, in order', async () => {
  const { made, calls, end } = appends()
  const answers = [
    made.add('a', message(1, 'x'), POLICY),
    made.add('b', message(), POLICY),
    made.add('a', message(), POLICY),
  ]
  expect(calls).toEqual([])
  end()
  expect(calls.map(({ channel, words }) => [channel, words.length / 2])).toEqual([
    ['a', 2],
    ['b', 1],
  ])
  expect(calls[0]?.words.filter((_, index) => index % 2 === 1)).toEqual(['x', ''])
  expect((await Promise.all(answers)).map(({ offset }) => offset)).toEqual([1, 3, 2])
})

it('a call takes so many messages and so many bytes, and one that is larger goes alone', () => {
  const { made, calls, end } = appends()
  for (let n = 0; n < 300; n++) void made.add('many', message(), POLICY)
  for (let n = 0; n < 3; n++) void made.add('large', message(60_000), POLICY)
  void made.add('huge', message(1_000_000), POLICY)
  void made.add('huge', message(), POLICY)
  end()
  expect(calls.map(({ channel, words }) => [channel, words.length / 2])).toEqual([
    ...[128, 128, 44].map((count) => ['many', count]),
    ...[2, 1].map((count) => ['large', count]),
    ...[1, 1].map((count) => ['huge', count]),
  ])
})

it('what is appended after a seal, or by another policy, is another call, behind the first', () => {
  const { made, calls, end } = appends()
  const other = { ...POLICY, max: 20 }
  void made.add('a', message(), POLICY)
  made.seal('a')
  void made.add('a', message(), POLICY)
  void made.add('a', message(), other)
  made.seal('b')
  end()
  expect(calls.map(({ policy, words }) => [policy, words.length / 2])).toEqual([
    [POLICY, 1],
    [POLICY, 1],
    [other, 1],
  ])
})

it('what is appended while a call is under way is another call', () => {
  const { made, calls, end } = appends(() => new Promise(() => undefined))
  void made.add('a', message(), POLICY)
  end()
  void made.add('a', message(), POLICY)
  end()
  expect(calls.length).toBe(2)
})

it('an offset below zero is that of the first message with the id', async () => {
  const { made, end } = appends(() => Promise.resolve({ epoch: 'e', offsets: [7, -3] }))
  const answers = Promise.all([
    made.add('a', message(1, 'x'), POLICY),
    made.add('a', message(1, 'y'), POLICY),
  ])
  end()
  expect(await answers).toEqual([
    { epoch: 'e', offset: 7, previous: 6, duplicate: false },
    { epoch: 'e', offset: 3, previous: 2, duplicate: true },
  ])
})

it('where the call fails, or its answer is too short, each append fails that it says nothing of', async () => {
  const failing = appends(() => Promise.reject(new Error('away')))
  const failed = Promise.allSettled([
    failing.made.add('a', message(), POLICY),
    failing.made.add('a', message(), POLICY),
  ])
  failing.end()
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const short = appends(() => Promise.resolve({ epoch: 'e', offsets: [1] }))
  const some = Promise.allSettled([
    short.made.add('a', message(), POLICY),
    short.made.add('a', message(), POLICY),
  ])
  short.end()
  expect((await some).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})
