/**
 * Growth curves out of the tables of docs/benchmarks.md: what a size costs, drawn from the committed figures. Pure.
 *
 * A chart has a card of its own, light or dark as the reader's system is, so that it can be read on whatever page it stands.
 */
export interface Growth {
  /** Of the section and of the table in it, as the page has them. */
  readonly title: string
  readonly caption: string
  readonly file: string
}

/** The tables whose rows are sizes. */
export const GROWTHS: readonly Growth[] = [
  { title: 'Cost against size', caption: 'By subscribers', file: 'cost-by-subscribers.svg' },
  { title: 'Cost against size', caption: 'By channels of the node', file: 'cost-by-channels.svg' },
  { title: 'Cost against size', caption: 'By connections', file: 'memory-by-connections.svg' },
  {
    title: 'Connections of two workers',
    caption: 'By connections',
    file: 'memory-by-connections-of-workers.svg',
  },
]

interface Point {
  readonly size: number
  readonly figure: number
}

interface Curve extends Growth {
  /** `subscribers`, as the rows say. */
  readonly sizes: string
  /** `µs per delivery, median`. */
  readonly figures: string
  readonly points: readonly Point[]
}

/** Where the page says that a chart follows. */
export function chartLine({ title, caption, file }: Growth): string {
  return `![${title}, ${caption.toLowerCase()}: the figures of the table as a curve](charts/${file})`
}

/** A chart for each of these tables that the page has, by file. */
export function chartsOf(page: string): ReadonlyMap<string, string> {
  const curves = GROWTHS.flatMap((growth) => curveOf(page, growth) ?? [])
  return new Map(curves.map((curve) => [curve.file, drawn(curve)]))
}

const ROW = /^\| *([\d,]+) (\S+) *\|[^|]*\|[^|]*\| *([\d.]+) *\|/
const FIGURES_COLUMN = 4

function curveOf(page: string, growth: Growth): Curve | undefined {
  const section = between(page, `\n## ${growth.title}\n`, '\n## ')
  const table = section === undefined ? undefined : between(section, `**${growth.caption}**\n\n`, '\n\n')
  if (table === undefined) return undefined
  const [head = '', ...lines] = table.split('\n')
  const points: Point[] = []
  let sizes = ''
  for (const line of lines) {
    const [, size, name, figure] = ROW.exec(line) ?? []
    if (size === undefined || name === undefined) continue
    points.push({ size: Number(size.replaceAll(',', '')), figure: Number(figure) })
    sizes = name
  }
  if (points.length === 0)
    throw new Error(`the table ${growth.title}, ${growth.caption} has no row with a size`)
  points.sort((a, b) => a.size - b.size)
  return { ...growth, sizes, figures: (head.split('|')[FIGURES_COLUMN] ?? '').trim(), points }
}

function between(text: string, start: string, end: string): string | undefined {
  const from = text.indexOf(start)
  if (from === -1) return undefined
  const rest = text.slice(from + start.length)
  const to = rest.indexOf(end)
  return to === -1 ? rest : rest.slice(0, to)
}

const WIDTH = 640
const HEIGHT = 320
const PLOT = { left: 64, right: 608, top: 48, bottom: 256 }
/** Before the first point and behind the last one, so that their figures stand clear of the axis. */
const INSET = 32
/** Lines across, beside that of zero. */
const STEPS = 4

const STYLE = `
.card { fill: #ffffff; stroke: #d0d7de }
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #d8dee4 }
.curve { fill: none; stroke: #0969da; stroke-width: 2 }
.point { fill: #0969da }
@media (prefers-color-scheme: dark) {
  .card { fill: #161b22; stroke: #3d444d }
  text { fill: #e6edf3 }
  .grid { stroke: #343b44 }
  .curve { stroke: #58a6ff }
  .point { fill: #58a6ff }
}`

function drawn({ title, caption, sizes, figures, points }: Curve): string {
  const top = niceTop(Math.max(...points.map(({ figure }) => figure)))
  // Sizes differ by powers of ten; a single one stands in the middle.
  const [low, high] = [Math.log10(points[0]?.size ?? 1), Math.log10(points.at(-1)?.size ?? 1)]
  const x = (size: number): number => {
    const part = high === low ? 0.5 : (Math.log10(size) - low) / (high - low)
    return PLOT.left + INSET + part * (PLOT.right - PLOT.left - 2 * INSET)
  }
  const y = (figure: number): number => PLOT.bottom - (figure / top) * (PLOT.bottom - PLOT.top)
  const grid = Array.from({ length: STEPS + 1 }, (_, step) => (top * step) / STEPS).map(
    (figure) =>
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${at(y(figure))}" y2="${at(y(figure))}"/>` +
      `<text x="${PLOT.left - 8}" y="${at(y(figure) + 4)}" text-anchor="end">${shown(figure)}</text>`,
  )
  const marks = points.map(
    ({ size, figure }) =>
      `<circle class="point" cx="${at(x(size))}" cy="${at(y(figure))}" r="4"/>` +
      `<text x="${at(x(size))}" y="${at(y(figure) - 10)}" text-anchor="middle">${shown(figure)}</text>` +
      `<text x="${at(x(size))}" y="${PLOT.bottom + 20}" text-anchor="middle">${size.toLocaleString('en')}</text>`,
  )
  const curve = points.map(({ size, figure }) => `${at(x(size))},${at(y(figure))}`).join(' ')
  const name = `${title}: ${caption.toLowerCase()}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(name)}">
<style>${STYLE}
</style>
<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="6"/>
<text class="title" x="16" y="26">${escaped(name)}</text>
<text x="${WIDTH - 16}" y="26" text-anchor="end">${escaped(figures)}</text>
${grid.join('\n')}
<polyline class="curve" points="${curve}"/>
${marks.join('\n')}
<text x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 16}" text-anchor="middle">${escaped(sizes)} (logarithmic)</text>
</svg>
`
}

/** 1, 2 or 5 with zeros, and not less. */
function niceTop(largest: number): number {
  const unit = 10 ** Math.floor(Math.log10(largest))
  return unit * ([1, 2, 5].find((factor) => factor * unit >= largest) ?? 10)
}

function at(coordinate: number): string {
  return coordinate.toFixed(1)
}

function shown(figure: number): string {
  return figure === 0 || figure >= 100 ? figure.toFixed(0) : String(Number(figure.toPrecision(3)))
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
