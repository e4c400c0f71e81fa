import { expect, it } from 'vitest'
import { fuzz } from './fuzz.ts'
import { fuzzReaders, newTally } from './readers.ts'

/** A short run; `npm run fuzz` goes on for as long as one likes. */
it('hostile inputs break no promise of a reader, end no gateway, and cost no honest client its connection', async () => {
  const { line, broken, kept } = await fuzz(60_000, 1, () => undefined)
  expect(broken).toEqual([])
  expect(line).toMatch(/0 promises broken, 0 connections lost that should live, 0 falls/)
  expect(kept).toBe(true)
})

it('the same seed is the same inputs', async () => {
  const [one, two] = [newTally(), newTally()]
  await fuzzReaders(2000, 7, one)
  await fuzzReaders(2000, 7, two)
  expect(one).toEqual(two)
  expect(one.decoded).toBeGreaterThan(300)
  expect(one.refused).toBeGreaterThan(300)
})
