import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ArgumentsWriter, commandBytes } from '../../../src/drivers/redis-wire.ts'

/** As the protocol of Redis says it, piece by piece. */
function pieces(words: readonly (string | Uint8Array)[]): Buffer {
  const line = (text: string): Buffer => Buffer.from(`${text}\r\n`)
  return Buffer.concat([
    line(`*${words.length}`),
    ...words.flatMap((word) => {
      const bytes = Buffer.from(word as string)
      return [line(`$${bytes.length}`), bytes, line('')]
    }),
  ])
}

it('a command is what Redis reads, whatever its arguments are and however many', () => {
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.constantFrom(0, 9, 10, 99, 100, 1000, 70_000).map((length) => Buffer.alloc(length, 'ü')),
    fc.constantFrom('', '\uD800', '你好\r\n'),
  )
  fc.assert(
    fc.property(fc.string(), fc.array(word, { maxLength: 120 }), (name, words) => {
      expect(commandBytes(name, words).equals(pieces([name, ...words]))).toBe(true)
    }),
  )
  expect(commandBytes('PING', []).toString()).toBe('*1\r\n$4\r\nPING\r\n')
})

it('arguments that were written ahead are in a command what they are one by one', () => {
  const word = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 1200 }))
  fc.assert(
    fc.property(
      fc.array(fc.array(word, { maxLength: 20 }), { maxLength: 4 }),
      fc.nat(3000),
      (groups, size) => {
        const ahead = groups.flatMap((words) => {
          const writer = new ArgumentsWriter(size)
          for (const one of words) {
            if (typeof one === 'string') writer.text(one)
            else writer.written(one.length, one, (into, at) => into.set(one, at))
          }
          return [writer.arguments(), 'between']
        })
        const all = groups.flatMap((words) => [...words, 'between'])
        expect(commandBytes('EVALSHA', ahead).equals(pieces(['EVALSHA', ...all]))).toBe(true)
      },
    ),
  )
})
