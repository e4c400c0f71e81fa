import { describe, expect, it } from 'vitest'
import { feedsMemory } from '../../../src/node/options.ts'

const MIB = 1_048_576
const GIB = 1024 * MIB

describe('what channels may hold together where feeds.memory is 0', () => {
  it.each([
    [256 * MIB, 32 * MIB],
    [2 * GIB, 128 * MIB],
    [4 * GIB, 256 * MIB],
    [256 * GIB, 512 * MIB],
  ])('of %i bytes it is %i', (usable, share) => {
    expect(feedsMemory({ memory: 0, tailBytes: MIB }, usable)).toBe(share)
  })

  it('has room for four of the largest', () => {
    expect(feedsMemory({ memory: 0, tailBytes: GIB }, GIB)).toBe(4 * GIB)
  })

  it('is what the option says where it says something', () => {
    expect(feedsMemory({ memory: 5 * MIB, tailBytes: MIB }, GIB)).toBe(5 * MIB)
  })
})
