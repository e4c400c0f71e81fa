import { describe, expect, it } from 'vitest'
import { comes, comesTo, measureSlowness, slownessOf } from '../../support/patience.ts'

describe('the slowness of the machine', () => {
  it('is 1 on a quiet machine, grows with the time a piece of work takes, and has an end', () => {
    expect([0, 200, 500, 1e9].map(slownessOf)).toEqual([1, 1, 2.5, 20])
    expect(measureSlowness()).toBeGreaterThanOrEqual(1)
  })
})

describe('waiting while something moves', () => {
  const BRIEF_MS = 200

  it('ends where the expected is shown', async () => {
    let left = 3
    await comesTo(() => [left--], [0], BRIEF_MS)
    expect(left).toBe(-1)
  })

  it('goes on for as long as what is shown changes, however long that is', async () => {
    let left = 20
    await comesTo(() => --left, 0, BRIEF_MS)
    expect(left).toBe(0)
  })

  it('fails with what was shown last where nothing changes any more', async () => {
    let shown = 0
    await expect(comesTo(() => Math.min(++shown, 5), 9, BRIEF_MS)).rejects.toMatchObject({
      actual: 5,
      expected: 9,
    })
    // Four changes, and then four times the same.
    expect(shown).toBe(9)
  })
})

it('what does not come is named, and what comes, or fails, is as it is', async () => {
  await expect(comes('a ship', new Promise(() => undefined), 1)).rejects.toThrow('waited in vain for a ship')
  expect(await comes('a ship', Promise.resolve('Argo'))).toBe('Argo')
  await expect(comes('a ship', Promise.reject(new Error('sunk')))).rejects.toThrow('sunk')
})
