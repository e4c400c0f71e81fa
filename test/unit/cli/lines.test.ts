import fc from 'fast-check'
import { expect, it } from 'vitest'
import { linesOf } from '../../../src/cli/lines.ts'

async function* chunksOf(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}

async function groupsOf(bytesMax: number, ...chunks: readonly (string | Uint8Array)[]) {
  const groups = []
  for await (const group of linesOf(chunksOf(...chunks), bytesMax)) groups.push(group.map(({ text }) => text))
  return groups
}

it('lines come with the chunk that ends them', async () => {
  expect(await groupsOf(100, 'a\nb', 'c\n', 'd\ne\n')).toEqual([['a'], ['bc'], ['d', 'e']])
})

it('a last line needs no line break, and an empty line is a line', async () => {
  expect(await groupsOf(100, '\n\na')).toEqual([['', ''], ['a']])
  expect(await groupsOf(100, '')).toEqual([])
})

it('a line break may be that of Windows', async () => {
  expect(await groupsOf(100, 'a\r\nb\rc\r', '\n')).toEqual([['a'], ['b\rc']])
})

it('lines are counted from 1', async () => {
  const numbers = []
  for await (const group of linesOf(chunksOf('a\nb\n', 'c'), 100))
    numbers.push(...group.map(({ number }) => number))
  expect(numbers).toEqual([1, 2, 3])
})

it('a line that is too long is thrown away, and counted', async () => {
  expect(await groupsOf(3, 'abc\nabc', 'd\nab', 'c\n')).toEqual([['abc'], [undefined], ['abc']])
  expect(await groupsOf(3, 'abcd', 'efgh', 'i')).toEqual([[undefined]])
})

it('bytes that are no UTF-8 do not stop it', async () => {
  expect(await groupsOf(100, Uint8Array.of(0x61, 0xff, 0x0a, 0x62, 0x0a))).toEqual([['a\uFFFD', 'b']])
})

it('however the bytes are cut, the lines are the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.replaceAll(/[\r\n]/g, '·'))),
      fc.array(fc.nat({ max: 12 })),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const chunks = []
        let rest: Uint8Array = bytes
        for (const cut of cuts) {
          chunks.push(rest.subarray(0, cut))
          rest = rest.subarray(cut)
        }
        const groups = await groupsOf(1000, ...chunks, rest)
        expect(groups.flat()).toEqual(lines.map((line) => Buffer.from(line).toString()))
      },
    ),
  )
})
