/**
 * What sizing reckons with of what was measured, out of the tables of docs/benchmarks.md, as a module of the gateway. Pure.
 */
import { sectionOf } from './results.ts'

interface Place {
  readonly title: string
  readonly caption: string
  readonly row: string
}

const THROUGH = 'Through NATS and Redis'
const CLUSTERED = 'Sluice with NATS and Redis'
const TO_TEN = 'Broadcast to 10 subscribers, 32 in flight'

/** By the name that src/cli/size/factors.ts knows it by. */
export const PLACES: Readonly<Record<string, Place>> = {
  nodeBaseBytes: { title: 'Idle connections', caption: 'The base: the process before them', row: 'Sluice' },
  idleBytes: { title: 'Idle connections', caption: 'Over the base, for each connection', row: 'Sluice' },
  deliveryUs: {
    ...{ title: THROUGH, row: CLUSTERED },
    caption: 'Broadcast to 1000 subscribers, one at a time',
  },
  deliveryBusyUs: {
    ...{ title: THROUGH, row: CLUSTERED },
    caption: 'Broadcast to 1000 subscribers, 16 in flight',
  },
  publishWithTenUs: { title: THROUGH, caption: TO_TEN, row: CLUSTERED },
  redisPublishUs: { title: THROUGH, caption: TO_TEN, row: 'redis beside it' },
  natsPublishUs: { title: THROUGH, caption: TO_TEN, row: 'nats beside it' },
  connectUs: { title: 'Connects', caption: 'The first connects of a process', row: 'Sluice' },
}

const MEDIAN_COLUMN = 4

/** Fails where the page has no such row. */
export function medianAt(page: string, { title, caption, row }: Place): number {
  const section = sectionOf(page, title) ?? ''
  const at = section.indexOf(`**${caption}**`)
  const lines = at === -1 ? [] : section.slice(at).split('\n\n')[1]?.split('\n')
  const cells = lines?.map((line) => line.split('|').map((cell) => cell.trim())).find((all) => all[1] === row)
  const median = Number(cells?.[MEDIAN_COLUMN])
  if (Number.isNaN(median)) throw new Error(`docs/benchmarks.md has no row ${row} in ${title}, ${caption}`)
  return median
}

export function measuredModule(page: string): string {
  const lines = Object.entries(PLACES).map(([name, place]) => `  ${name}: ${numeral(medianAt(page, place))},`)
  return `/** Medians out of docs/benchmarks.md; \`npm run bench\` writes this file with it. */\nexport const MEASURED = {\n${lines.join('\n')}\n} as const\n`
}

/** In groups of three from five digits on, as the linter wants them. */
function numeral(value: number): string {
  const text = String(value)
  return value < 10_000 ? text : text.replaceAll(/\B(?=(\d{3})+$)/g, '_')
}
