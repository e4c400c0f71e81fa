/**
 * Which metrics and labels there are, as docs/metrics.md has them (a test holds that the page says what the source says), and what
 * an expression of Prometheus asks for that is not there.
 */
import { readFileSync } from 'node:fs'

interface Known {
  readonly kind: string
  /** Its values, where they are a closed set. */
  readonly labels: ReadonlyMap<string, readonly string[] | undefined>
}

const PAGE = new URL('../../docs/metrics.md', import.meta.url)
/** Given by Prometheus to all that it fetches. */
const SCRAPED = ['instance', 'job']
const SCRAPE_METRICS: Readonly<Record<string, Known>> = {
  up: { kind: 'gauge', labels: new Map() },
  ALERTS: { kind: 'gauge', labels: new Map([['alertname', undefined]]) },
}

function labelsOf(kind: string, cell: string): Known['labels'] {
  if (kind === 'histogram') return labelsOf('counter', cell.replace(/(?:^|<br>)buckets .*/, ''))
  if (cell.trim() === '') return new Map()
  if (!cell.includes(':')) return new Map(namesIn(cell).map((name) => [name, undefined]))
  return new Map(
    cell.split('<br>').map((label) => {
      const [name = '', values = ''] = label.split(/:(.*)/s)
      return [namesIn(name)[0] as string, namesIn(values)]
    }),
  )
}

function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string)
}

function readPage(): Map<string, Known> {
  const known = new Map(Object.entries(SCRAPE_METRICS))
  for (const line of readFileSync(PAGE, 'utf8').split('\n')) {
    const [, name, kind = '', labels = ''] = /^\| `(\w+)` \| (\w+) \| (.*?) \| /.exec(line) ?? []
    if (name === undefined) continue
    const own = labelsOf(kind, labels)
    if (kind !== 'histogram') known.set(name, { kind, labels: own })
    else for (const part of ['_sum', '_count']) known.set(name + part, { kind, labels: own })
    if (kind === 'histogram')
      known.set(`${name}_bucket`, { kind, labels: new Map([...own, ['le', undefined]]) })
  }
  return known
}

const KNOWN = readPage()
const METRIC = /\b(?:sluice_|process_|nodejs_)\w+|\bup\b|\bALERTS\b/g

/** Variables of a dashboard stand for any value. */
function isFixed(value: string): boolean {
  return !value.includes('$')
}

function selectorFaults(name: string, selector: string): string[] {
  const { labels } = KNOWN.get(name) as Known
  return [...selector.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(
    ([, label = '', operator = '', text = '']) => {
      if (SCRAPED.includes(label)) return []
      if (!labels.has(label)) return [`${name} has no label ${label}`]
      const values = labels.get(label)
      const asked = operator.endsWith('~') ? text.split('|') : [text]
      if (values === undefined) return []
      return asked
        .filter((value) => isFixed(value) && !values.includes(value))
        .map((value) => `${label} of ${name} is never "${value}"`)
    },
  )
}

/** The metrics of an expression, known or not. */
export function metricsIn(expression: string): string[] {
  return [...expression.matchAll(METRIC)].map(([name]) => name)
}

/** The labels that what it answers can have. */
export function labelsIn(expression: string): Set<string> {
  const own = metricsIn(expression).flatMap((name) => [...(KNOWN.get(name)?.labels.keys() ?? [])])
  return new Set([...SCRAPED, ...own])
}

/** What is asked for and is not there; empty where all is. */
export function unknownIn(expression: string): string[] {
  const names = metricsIn(expression)
  const unknown = names.filter((name) => !KNOWN.has(name)).map((name) => `there is no metric ${name}`)
  if (names.length === 0) return ['it asks for no metric']
  if (unknown.length > 0) return unknown
  const selectors = [...expression.matchAll(/\b(\w+)\{([^}]*)\}/g)].flatMap(([, name = '', selector = '']) =>
    KNOWN.has(name) ? selectorFaults(name, selector) : [`there is no metric ${name}`],
  )
  const labels = labelsIn(expression)
  const groups = [
    ...expression.matchAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g),
  ]
  const grouped = groups.flatMap(([, list = '']) => list.split(',').map((label) => label.trim()))
  const missing = grouped.filter((label) => label !== '' && !labels.has(label))
  return [...selectors, ...missing.map((label) => `no metric of it has the label ${label}`)]
}
