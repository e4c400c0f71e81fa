/**
 * The threat model says of each thing that somebody cannot do which test shows it. This reads the page and looks the tests up: a
 * sentence whose test was renamed or removed is a promise that nobody keeps.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('../../', import.meta.url)
/** The first cell of the head of a table of what somebody cannot do. */
const CANNOT = /^\| (?:he|it) cannot \| test \|$/
const NAMED = /`(test\/[\w./-]+\.test\.ts)` “([^”]+)”/g
const ACTORS = ['A stranger', 'A client', 'A backend', 'An insider']

const page = readFileSync(new URL('docs/security.md', ROOT), 'utf8')

interface Named {
  readonly file: string
  readonly title: string
}

function namedIn(text: string): Named[] {
  return [...text.matchAll(NAMED)].map(([, file = '', title = '']) => ({ file, title }))
}

/** The rows below such a head, under the heading of an actor. */
function rowsOf(actor: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${actor}\n`)) ?? ''
  const lines = section.split('\n')
  const head = lines.findIndex((line) => CANNOT.test(line))
  const rows = lines.slice(head + 2)
  return head === -1
    ? []
    : rows.slice(
        0,
        rows.findIndex((line) => !line.startsWith('|')),
      )
}

/** What is wrong with the name of a test, or nothing. */
function faultOf({ file, title }: Named): string | undefined {
  if (!existsSync(new URL(file, ROOT))) return `${file} is not there`
  const source = readFileSync(new URL(file, ROOT), 'utf8')
  const quoted = [`'${title}'`, `"${title}"`, `\`${title}\``, `'${title.replaceAll("'", "\\'")}'`]
  return quoted.some((one) => source.includes(one)) ? undefined : `${file} has no test “${title}”`
}

describe('the threat model', () => {
  it.each(ACTORS)('says of each thing that is kept from %s which test shows it', (actor) => {
    const rows = rowsOf(actor)
    expect(rows.length).toBeGreaterThan(5)
    expect(rows.filter((row) => namedIn(row).length === 0)).toEqual([])
  })

  it('names no test that is not there', () => {
    const named = namedIn(page)
    expect(named.length).toBeGreaterThan(30)
    expect(named.flatMap((one) => faultOf(one) ?? [])).toEqual([])
  })

  it('would notice a test that was renamed', () => {
    expect(
      faultOf({ file: 'test/structure/security-doc.test.ts', title: 'names no test that is not there' }),
    ).toBeUndefined()
    expect(
      faultOf({ file: 'test/structure/security-doc.test.ts', title: ['no such', 'test'].join(' ') }),
    ).toContain('has no test')
    expect(faultOf({ file: 'test/structure/nowhere.test.ts', title: 'x' })).toContain('is not there')
  })
})
