/** Each expression of the dashboards and of the canary's analysis is one that Prometheus can read. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { programOr } from '../support/program.ts'
import { temporaryDirectory } from '../support/server-process.ts'

const DEPLOY = new URL('../../deploy/', import.meta.url)
const promtool = programOr('promtool', 'apt-get install prometheus')

/** All texts that stand under this name, however deep. */
function textsUnder(name: string, value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name && typeof inner === 'string' ? [inner] : textsUnder(name, inner),
  )
}

/** With values in the place of variables. */
function filled(expression: string): string {
  return expression
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('{{args.version}}', '1')
    .replaceAll('$instance', 'a:8081')
}

function check(expressions: readonly string[]): void {
  const directory = temporaryDirectory('expressions')
  const file = join(directory.path, 'rules.yaml')
  const rules = expressions.map((expr, index) => ({ record: `test:${index}`, expr: filled(expr) }))
  writeFileSync(file, stringify({ groups: [{ name: 'expressions', rules }] }))
  try {
    execFileSync('promtool', ['check', 'rules', file], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(stdout + stderr, { cause: error })
  } finally {
    directory.remove()
  }
}

const boards = readdirSync(new URL('grafana', DEPLOY)).filter((name) => name.endsWith('.json'))
const read = (path: string): string => readFileSync(new URL(path, DEPLOY), 'utf8')

describe.skipIf(promtool.missing !== undefined)(`expressions${promtool.note}`, () => {
  it.each(boards)('of %s can be read', (name) => {
    const expressions = textsUnder('expr', JSON.parse(read(`grafana/${name}`)))
    expect(expressions.length).toBeGreaterThan(10)
    check(expressions)
  })

  it("of the canary's analysis can be read", () => {
    const expressions = textsUnder('query', parse(read('kubernetes/overlays/canary/analysis.yaml')))
    expect(expressions).toHaveLength(5)
    check(expressions)
  })

  it('that cannot be read are found', () => {
    expect(() => check(['sum by (sluice_connections'])).toThrow(/parse error/)
  })
})
