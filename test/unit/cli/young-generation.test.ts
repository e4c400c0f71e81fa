import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'

const MIB = 1_048_576
/** It is below this while it is held, and above once it may grow; how far it grows by then is V8's. */
const SMALL = 8 * MIB
const MODULE = new URL('../../../src/cli/young-generation.ts', import.meta.url).href

/** In a process of its own, whose heap is as a command finds it: how large the room for young objects is after each step. */
function sizesOf(options: readonly string[]): Record<'held' | 'released', number> {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { holdYoungGeneration, releaseYoungGeneration } from '${MODULE}'
    const survive = () => {
      const survivors = []
      for (let i = 0; i < 1_000_000; i++) survivors.push({ i })
      return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size
    }
    holdYoungGeneration()
    const held = survive()
    releaseYoungGeneration()
    console.log(JSON.stringify({ held, released: survive() }))`
  const words = ['--import', 'tsx', '--input-type=module', ...options, '-e', program]
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' })) as ReturnType<typeof sizesOf>
}

it('the room for young objects stays small until it is released, and grows with what survives from then on', () => {
  const { held, released } = sizesOf([])
  expect(held).toBeLessThan(SMALL)
  expect(released).toBeGreaterThan(SMALL)
})

it('whoever sets the size of that room with an option is not overruled', () => {
  expect(sizesOf(['--semi-space-growth-factor=4']).held).toBeGreaterThan(SMALL)
})
