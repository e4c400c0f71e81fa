import fc from 'fast-check'
import { expect, it } from 'vitest'
import { minimise } from './minimise.ts'

const ITEMS = Array.from({ length: 20 }, (_, index) => index)

it('finds exactly the parts without which it does not fail, in their order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray(ITEMS, { minLength: 1 }), async (needed) => {
      const fails = (some: readonly number[]): Promise<boolean> =>
        Promise.resolve(needed.every((one) => some.includes(one)))
      expect((await minimise(ITEMS, fails, Infinity)).items).toEqual(needed)
    }),
  )
})

it('finds a single part in few tries', async () => {
  const { items, tries } = await minimise(ITEMS, (some) => Promise.resolve(some.includes(13)), Infinity)
  expect(items).toEqual([13])
  expect(tries).toBeLessThan(ITEMS.length)
})

it('stops after so many tries with what it has by then, which fails', async () => {
  let asked = 0
  const fails = (some: readonly number[]): Promise<boolean> => {
    asked++
    return Promise.resolve(some.includes(3) && some.includes(17))
  }
  const { items, tries } = await minimise(ITEMS, fails, 5)
  expect([asked, tries]).toEqual([5, 5])
  expect(items).toEqual(expect.arrayContaining([3, 17]))
  expect(items.length).toBeLessThanOrEqual(ITEMS.length)
})

it('leaves what fails with no part in particular as it is, when each part is needed', async () => {
  const all = (some: readonly number[]): Promise<boolean> => Promise.resolve(some.length === ITEMS.length)
  expect((await minimise(ITEMS, all, Infinity)).items).toEqual(ITEMS)
})
