/** The site of the documentation, as far as it can be told without building it: `npm run docs:site` does, and fails on a dead link. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { navigation, pages, placeOf } from '../../site/navigation.mjs'
import { writeSource } from '../../site/source.mjs'
import { temporaryDirectory } from '../support/server-process.ts'

const folder = temporaryDirectory('site')
let written: readonly string[]

beforeAll(() => {
  writeSource(folder.path)
  written = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  )
})
afterAll(() => folder.remove())

/** Links between pages, outside of code. */
function linksOf(text: string): string[] {
  const outside = text.replaceAll(/^(```+).*\n[\s\S]*?^\1$/gm, '')
  return [...outside.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:|^#/i.test(target))
}

describe('the site', () => {
  it('leads to every page once', () => {
    const led = navigation().flatMap((group) => group.pages.map(({ page }) => page))
    expect(led.toSorted()).toEqual([...pages()].toSorted())
    expect(pages()).toContain('docs/guides/transports.md')
  })

  it('calls each page by its heading', () => {
    const titles = navigation().flatMap((group) => group.pages.map(({ title }) => title))
    expect(titles.filter((title) => /[`]|\.md$/.test(title))).toEqual([])
    expect(new Set(titles).size).toBe(titles.length)
  })

  it('has every page, and what pages link to beside them', () => {
    expect(written).toEqual(expect.arrayContaining(pages().map((page) => placeOf(page))))
    expect(readFileSync(join(folder.path, 'files/deploy/compose-yaml.md'), 'utf8')).toContain('x-gateway')
    // A picture stays one.
    const chart = 'charts/cost-by-channels.svg'
    expect(readFileSync(join(folder.path, 'benchmarks.md'), 'utf8')).toContain(`](./files/docs/${chart})`)
    expect(existsSync(join(folder.path, 'files/docs', chart))).toBe(true)
  })

  it('links to nothing beyond itself but by an address', () => {
    const dead = written.flatMap((page) =>
      linksOf(readFileSync(join(folder.path, page), 'utf8'))
        .map((link) => posix.join(posix.dirname(page), link.split('#')[0] ?? ''))
        .filter((target) => !existsSync(join(folder.path, target)))
        .map((target) => `${page}: ${target}`),
    )
    expect(dead).toEqual([])
  })
})
