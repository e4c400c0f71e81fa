/**
 * A strict reader of the Prometheus text format 0.0.4, as its documentation defines it: HELP and TYPE before a family's
 * samples, families in one piece, names and labels in their grammar, histograms complete and cumulative.
 */

export interface Exposition {
  /** Family -> kind. */
  readonly families: ReadonlyMap<string, string>
  /** Series as written -> value. */
  readonly samples: ReadonlyMap<string, number>
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\\\\\|\\\\"|\\\\n)*"'
const SAMPLE = new RegExp(
  `^([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{${LABEL}(?:,${LABEL})*\\})? ([+-]?(?:\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?|Inf)|NaN)$`,
)

export function parseExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line has no line break')
  const families = new Map<string, string>()
  const samples = new Map<string, number>()
  let family = ''
  let helped = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    const help = HELP.exec(line)
    if (help !== null) {
      helped = help[1] ?? ''
      continue
    }
    const type = TYPE.exec(line)
    if (type !== null) {
      family = type[1] ?? ''
      if (helped !== family) throw new Error(`no HELP before TYPE of ${family}`)
      if (families.has(family)) throw new Error(`${family} is there twice`)
      families.set(family, type[2] ?? '')
      continue
    }
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
    if (name === '') throw new Error(`not a line of the format: ${line}`)
    const kind = families.get(family)
    const suffix = name.slice(family.length)
    const belongs =
      name.startsWith(family) &&
      (suffix === '' ? kind !== 'histogram' : /^_(?:bucket|sum|count)$/.test(suffix))
    if (!belongs) throw new Error(`${name} is among the samples of ${family}`)
    if (samples.has(name + labels)) throw new Error(`${name}${labels} is there twice`)
    samples.set(name + labels, Number(value.replace('Inf', 'Infinity')))
  }
  for (const [name, kind] of families) if (kind === 'histogram') expectCumulative(name, samples)
  return { families, samples }
}

function expectCumulative(name: string, samples: ReadonlyMap<string, number>): void {
  const series = [...samples].filter(([key]) => key.startsWith(`${name}_bucket{`))
  // By the labels without `le`.
  const last = new Map<string, number>()
  for (const [key, value] of series) {
    const others = key.replace(/le="[^"]*",?/, '')
    if (value < (last.get(others) ?? 0)) throw new Error(`${key} is less than the bucket before it`)
    last.set(others, value)
  }
  const infinite = series.filter(([key]) => key.includes('le="+Inf"'))
  if (infinite.length !== last.size) throw new Error(`${name} lacks a +Inf bucket`)
  for (const [key, value] of infinite) {
    const count = key
      .replace('_bucket{', '_count{')
      .replace(/,?le="[^"]*",?/, '')
      .replace('{}', '')
    if (samples.get(count) !== value) throw new Error(`${count} is not the +Inf bucket`)
  }
}
