import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/** A promise in the table of faults is worth what shows it: each line names tests that are there, or that it is none. */

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(`${root}docs/semantics.md`, 'utf8')
const [, section = ''] = page.split('\n## Faults\n')
const lines = (section.split('\n## ')[0] as string)
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .slice(1)
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, fault = '', promise = '', , , shown = '']) => ({ fault, promise, shown }))

describe('the table of faults in docs/semantics.md', () => {
  it('is where this test looks', () => {
    expect(lines.length).toBeGreaterThan(15)
  })

  it.each(lines)('$fault: names the tests that show it', ({ promise, shown }) => {
    const tests = [...shown.matchAll(/`([^`]+)`/g)].map(([, path]) => path as string)
    if (promise.startsWith('**not promised**')) expect(shown).toBe('none')
    else expect(tests).not.toEqual([])
    for (const test of tests) {
      expect(test).toMatch(/^test\/.*\.(?:test|suite)\.ts$/)
      expect(existsSync(root + test), test).toBe(true)
    }
  })
})
