/** What docs/comparison.md says that our client does is shown by a test, which is named there. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BUNDLES } from '../support/bundle-sizes.ts'

const ROOT = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/comparison.md', ROOT), 'utf8')

interface Shown {
  readonly feature: string
  readonly cell: string
}

/** The features of the table, with what is said of ours. */
function featuresOf(text: string): Shown[] {
  return [...text.matchAll(/^\| ([^|*]+?) \| ([^|]+?) \| [^|]+ \| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)]
    .map(([, feature = '', cell = '']) => ({ feature, cell }))
    .filter(({ feature }) => !/^-+$/.test(feature))
}

/** What is wrong with what is said of ours, or nothing. */
function faultOf({ feature, cell }: Shown): string | undefined {
  if (!/\byes\b/.test(cell)) return undefined
  const [, path = '', title = ''] = /^\[yes\]\(\.\.\/(test\/[\w./-]+) "([^"]+)"\)$/.exec(cell) ?? []
  const file = new URL(path, ROOT)
  if (path === '' || !existsSync(file)) return `${feature}: no test is linked`
  // Before it, in a test of several cases, their names.
  const isTitle = new RegExp(`['\`"](?:[^'\`"]*: )?${escaped(title)}['\`"],`).test(readFileSync(file, 'utf8'))
  return isTitle ? undefined : `${feature}: ${path} has no test “${title}”`
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&').replaceAll('`', '[`]')
}

describe('docs/comparison.md', () => {
  const features = featuresOf(page)

  it.each(features)('shows by a test: $feature', (shown) => {
    expect(faultOf(shown)).toBeUndefined()
  })

  it('says what each file may weigh', () => {
    const said = [...page.matchAll(/^\| `(sluice\.[\w.]+)` \|[^|]+\| (\d+) \|$/gm)]
    expect(Object.fromEntries(said.map(([, file, bytes]) => [file, Number(bytes)]))).toEqual(BUNDLES)
    const [everything, small] = [BUNDLES['sluice.min.js'], BUNDLES['sluice.websocket.min.js']]
    const inKilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`
    expect(page).toContain(`${inKilobytes(everything)}, or ${inKilobytes(small)} for WebSockets alone`)
  })

  it('finds the features, and what nothing shows', () => {
    expect(features.length).toBeGreaterThan(30)
    const path = '../test/structure/comparison-doc.test.ts'
    const no = (cell: string): unknown => faultOf({ feature: 'it', cell })
    expect(no(`[yes](${path} "flies")`)).toContain('has no test “flies”')
    expect(no('[yes](../test/nowhere.test.ts "flies")')).toContain('no test is linked')
    expect(no('yes')).toContain('no test is linked')
    expect(no(`[yes](${path} "finds the features, and what nothing shows")`)).toBeUndefined()
  })
})
