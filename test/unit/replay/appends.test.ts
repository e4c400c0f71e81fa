import { expect, it } from 'vitest'
import type { NewMessage } from '../../../src/protocol/message.ts'
import { Appends, type AppendsAnswer, type ChannelAppends } from '../../../src/replay/appends.ts'

const POLICY = { ttlMs: 1000, max: 10, idempotencyMs: 1000 }

type Answers = readonly (AppendsAnswer | Error)[]

/** Whoever calls `end` ends the turn. */
function appends(answer: (call: readonly ChannelAppends[]) => Promise<Answers> = inOrder(), together = true) {
  const calls: (readonly ChannelAppends[])[] = []
  const ends: (() => void)[] = []
  const made = new Appends({
    together,
    run(call) {
      calls.push(call)
      return answer(call)
    },
    atTurnsEnd: (send) => void ends.push(send),
  })
  const counts = (): unknown[] =>
    calls.map((call) => call.map(({ channel, messages }) => [channel, messages.length]))
  return { made, calls, counts, end: () => ends.splice(0).forEach((send) => send()) }
}

/** Each channel's offsets, from 1 on. */
function inOrder(): (call: readonly ChannelAppends[]) => Promise<Answers> {
  const heads = new Map<string, number>()
  return (call) =>
    Promise.resolve(
      call.map(({ channel, messages: { length } }) => {
        const head = heads.get(channel) ?? 0
        heads.set(channel, head + length)
        return { epoch: channel, offsets: Array.from({ length }, (_, n) => head + n + 1) }
      }),
    )
}

function message(size = 1, id?: string): NewMessage {
  return { data: Buffer.alloc(size), binary: false, id, time: 1 }
}

it('nothing is sent before the turn ends, and then what each channel was given, in order', async () => {
  for (const together of [true, false]) {
    const { made, calls, counts, end } = appends(inOrder(), together)
    const answers = [
      made.add('a', message(1, 'x'), POLICY),
      made.add('b', message(), POLICY),
      made.add('a', message(), POLICY),
    ]
    expect(calls).toEqual([])
    end()
    const [a, b] = [
      ['a', 2],
      ['b', 1],
    ]
    expect(counts()).toEqual(together ? [[a, b]] : [[a], [b]])
    expect(calls[0]?.[0]?.messages.map(({ id }) => id)).toEqual(['x', undefined])
    expect((await Promise.all(answers)).map(({ epoch, offset }) => [epoch, offset])).toEqual([
      ['a', 1],
      ['b', 1],
      ['a', 2],
    ])
  }
})

it('a call takes so many messages and so many bytes, and one that is larger goes alone', () => {
  const { made, counts, end } = appends()
  for (let n = 0; n < 300; n++) void made.add('many', message(), POLICY)
  end()
  for (let n = 0; n < 3; n++) void made.add(`large ${n}`, message(60_000), POLICY)
  end()
  void made.add('huge', message(1_000_000), POLICY)
  void made.add('small', message(), POLICY)
  end()
  expect(counts()).toEqual([
    ...[128, 128, 44].map((count) => [['many', count]]),
    ...[
      [
        ['large 0', 1],
        ['large 1', 1],
      ],
      [['large 2', 1]],
    ],
    ...[[['huge', 1]], [['small', 1]]],
  ])
})

it('what is appended after a seal, or by another policy, is another call, behind the first', () => {
  const { made, calls, counts, end } = appends()
  const other = { ...POLICY, max: 20 }
  void made.add('a', message(), POLICY)
  made.seal('a')
  void made.add('a', message(), POLICY)
  void made.add('a', message(), other)
  made.seal('b')
  void made.add('b', message(), POLICY)
  end()
  expect(counts()).toEqual([
    [['a', 1]],
    [['a', 1]],
    [
      ['a', 1],
      ['b', 1],
    ],
  ])
  expect(calls.map(([first]) => first?.policy)).toEqual([POLICY, POLICY, other])
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
  const { made, end } = appends(() => Promise.resolve([{ epoch: 'e', offsets: [7, -3] }]))
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

it('where a call fails, or a channel in it, or its answer is too short, each append fails that it says nothing of', async () => {
  const outcomes = async (answer: () => Promise<Answers>): Promise<unknown> => {
    const { made, end } = appends(answer)
    const settled = Promise.allSettled(['a', 'b', 'b'].map((name) => made.add(name, message(), POLICY)))
    end()
    return (await settled).map((one) => (one.status === 'fulfilled' ? one.value.offset : String(one.reason)))
  }
  const untold = 'Error: Redis has not said where a message is'
  const away = 'Error: away'
  expect(await outcomes(() => Promise.reject(new Error('away')))).toEqual([away, away, away])
  expect(await outcomes(async () => [{ epoch: 'e', offsets: [5] }, new Error('away')])).toEqual([
    5,
    away,
    away,
  ])
  expect(await outcomes(async () => [new Error('away'), { epoch: 'e', offsets: [5] }])).toEqual([
    away,
    5,
    untold,
  ])
  expect(await outcomes(async () => [])).toEqual([untold, untold, untold])
})
