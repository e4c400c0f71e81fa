/**
 * `sluice status`: every node of the cluster, as any of them knows it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { addApiOptions, apiOf, type ApiOptions } from './gateway-api.ts'
import { tableLines } from './table.ts'
import type { Terminal } from './terminal.ts'
import { systemClock } from '../clock.ts'
import type { NodeInfo } from '../registry/registry.ts'

const WATCH_INTERVAL_MS = 2000

const EXAMPLES = `
Examples:
  $ sluice status
  $ sluice status --watch
  $ sluice status --json | jq '.nodes[] | select(.state != "active")'

The exit code is 0 where every node is active and whole, and 1 otherwise.
`

interface Options extends ApiOptions {
  readonly json?: true
  readonly watch?: true
}

export function addStatus(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('status')
      .summary('show the nodes of a cluster')
      .description(
        'Shows the nodes of a cluster: state, version, connections, rates, and what does not answer.',
      )
      .option('--json', 'what the nodes say, as JSON')
      .option('--watch', 'again every two seconds, until it is interrupted'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => status(options, terminal))
}

async function status(options: Options, terminal: Terminal): Promise<void> {
  const api = apiOf(options, terminal.env)
  let watching = options.watch === true
  const unlisten = terminal.onSignal(() => (watching = false))
  try {
    do {
      const answer = await api.get('/v1/nodes')
      const { nodes, stale } = answer as { readonly nodes: readonly NodeInfo[]; readonly stale?: true }
      if (stale) terminal.tell('the registry does not answer: this is what the node that was asked knew last')
      if (options.json) terminal.print(JSON.stringify(answer))
      else if (options.watch) terminal.redraw(watchedLines(nodes, systemClock.now()))
      else for (const line of statusLines(nodes, systemClock.now())) terminal.print(line)
      if (!watching) {
        const unwell = nodes.filter((node) => !isWell(node))
        if (unwell.length > 0 && options.watch === undefined)
          throw new CommandError(`${unwell.length} of ${nodes.length} nodes are not active and whole`)
        return
      }
      await delay(WATCH_INTERVAL_MS)
    } while (watching)
  } finally {
    unlisten()
  }
}

function watchedLines(nodes: readonly NodeInfo[], nowMs: number): string[] {
  return [
    `${new Date(nowMs).toISOString().slice(11, 19)} UTC, every ${WATCH_INTERVAL_MS / 1000} s`,
    '',
    ...statusLines(nodes, nowMs),
  ]
}

function isWell({ state, degraded }: NodeInfo): boolean {
  return state === 'active' && degraded.length === 0
}

/** The table and a line with the sums. */
export function statusLines(nodes: readonly NodeInfo[], nowMs: number): string[] {
  const sorted = nodes.toSorted(
    (a, b) => a.region.localeCompare(b.region) || a.startedAt - b.startedAt || a.id.localeCompare(b.id),
  )
  const rows = sorted.map((node) => [
    node.id,
    node.region,
    node.version,
    node.role,
    node.state,
    String(node.connections),
    // Who leaves turns newcomers away, and lets nobody wait.
    node.state === 'active' ? `${Math.round(node.pressure * 100)}%` : '-',
    String(node.rates.connects),
    String(node.rates.published),
    String(node.rates.delivered),
    ageText(nowMs - node.startedAt),
    node.degraded.length === 0 ? 'ok' : `without ${node.degraded.join(', ')}`,
  ])
  const sum = (of: (node: NodeInfo) => number): string =>
    String(Math.round(nodes.reduce((total, node) => total + of(node), 0) * 10) / 10)
  return [
    ...tableLines(
      [
        { title: 'NODE' },
        { title: 'REGION' },
        { title: 'VERSION' },
        { title: 'ROLE' },
        { title: 'STATE' },
        { title: 'CONNECTIONS', right: true },
        { title: 'QUEUE', right: true },
        { title: 'CONNECTS/S', right: true },
        { title: 'PUBLISHED/S', right: true },
        { title: 'DELIVERED/S', right: true },
        { title: 'UP', right: true },
        { title: 'PARTS' },
      ],
      rows,
    ),
    '',
    `${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, ` +
      `${sum((node) => node.connections)} connections, ` +
      `${sum((node) => node.rates.published)} published and ${sum((node) => node.rates.delivered)} delivered in a second`,
  ]
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** The two largest units: `3d 4h`, `12m 5s`. */
function ageText(ms: number): string {
  let left = Math.max(0, ms)
  const parts: string[] = []
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(left / unitMs)
    left -= count * unitMs
    if (count > 0 || (unit === 's' && parts.length === 0)) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ')
}
