import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CLIENT_PACKAGE, GATEWAY_PACKAGE, REACT_PACKAGE, SERVER_PACKAGE } from '../../src/package-names.ts'

/** The packages are called the same everywhere, and no command that somebody copies runs a stranger's. */

const ROOT = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')
const nameIn = (path: string): unknown => (JSON.parse(read(path)) as { readonly name: unknown }).name

/** What people copy from. */
const texts = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...['docs', 'examples', 'packages', 'src', 'scripts', 'deploy'].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
      .filter(
        (path) =>
          /\.(?:md|js|mjs|ts|html|yaml|service)$/.test(path) && !/(?:^|\/)(?:dist|node_modules)\//.test(path),
      )
      .map((path) => `${folder}/${path}`),
  ),
]

const OURS = [GATEWAY_PACKAGE, CLIENT_PACKAGE, REACT_PACKAGE, SERVER_PACKAGE]

/** Programs of this tree's own development dependencies. */
const TOOLS = new Set(['vitest', 'prettier', 'tsx'])

function foreignIn(text: string): string[] {
  const run = [...text.matchAll(/\bnpx (?:-\S+ )*([@\w][\w@/.-]*)/g)].map(([, word = '']) => word)
  const imported = [...text.matchAll(/(?:from|import|import\(|require\() ?['"](@?sluice[^'"]*)['"]/g)].map(
    ([, word = '']) => word,
  )
  const isOurs = (word: string): boolean => OURS.some((name) => word === name || word.startsWith(`${name}/`))
  return [...run.filter((word) => !TOOLS.has(word)), ...imported].filter((word) => !isOurs(word))
}

describe('the names of the packages', () => {
  it('are those of their package.json', () => {
    expect(nameIn('package.json')).toBe(GATEWAY_PACKAGE)
    expect(nameIn('packages/client/package.json')).toBe(CLIENT_PACKAGE)
    expect(nameIn('packages/react/package.json')).toBe(REACT_PACKAGE)
    expect(nameIn('packages/server/package.json')).toBe(SERVER_PACKAGE)
  })

  it('are the only ones that are run and imported', () => {
    expect(texts.length).toBeGreaterThan(200)
    expect(texts.flatMap((path) => foreignIn(read(path)).map((word) => `${path}: ${word}`))).toEqual([])
  })

  it('would be missed where a stranger could have them', () => {
    expect(foreignIn("npx sluice dev; npx -y sluice tail\nimport { a } from 'sluice/client'")).toHaveLength(3)
  })
})
