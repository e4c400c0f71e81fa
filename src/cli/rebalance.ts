/**
 * `sluice rebalance`: moves clients from full nodes to those that have fewer, such as one that has just joined.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { progressLine, reportLines } from './drain-view.ts'
import { addApiOptions, ApiFailure, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import type { DrainProgress } from '../drain/drain.ts'
import type { NodeInfo } from '../registry/registry.ts'

const LOOK_INTERVAL_MS = 500
/** A node that is this part over the average is left as it is. */
const TOLERANCE = 0.05

const EXAMPLES = `
Examples:
  $ sluice rebalance --over 10m
  $ sluice rebalance --region eu --watch
  $ sluice rebalance --cancel                      who has moved stays where he is now

Clients move as in a drain, make-before-break; who cannot move stays where he is.
`

interface Options extends ApiOptions {
  readonly over: string
  readonly region?: string
  readonly watch?: true
  readonly cancel?: true
}

interface Answer {
  readonly rebalance: DrainProgress | null
}

export function addRebalance(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('rebalance')
      .summary('move clients from full nodes to emptier ones')
      .description(
        'Moves clients from nodes that have more than the average of their region to those that have fewer.',
      )
      .option('--over <time>', 'spread over this time', '5m')
      .option('--region <region>', 'of this region only')
      .option('--watch', 'wait for the end, and show how it goes')
      .option('--cancel', 'ask nobody any more'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => rebalance(options, terminal))
}

async function rebalance(
  { over, region, watch, cancel, ...access }: Options,
  terminal: Terminal,
): Promise<void> {
  const api = apiOf(access, terminal.env)
  const { nodes } = (await api.get('/v1/nodes')) as { readonly nodes: readonly NodeInfo[] }
  const inRegion = nodes.filter((node) => region === undefined || node.region === region)
  if (inRegion.length === 0) throw new CommandError(`there is no node in the region ${region}`, EXIT_USAGE)
  if (cancel) {
    await cancelAll(api, inRegion, terminal)
    return
  }
  const surplus = surplusOf(inRegion)
  if (surplus.length === 0) terminal.print('the nodes have about the same number of clients')
  for (const { node, count } of surplus) {
    await api.post(pathOf(node), JSON.stringify({ count, plan: over }))
    terminal.tell(`${node.id} moves ${count} of its ${node.connections} clients over ${over}`)
  }
  if (watch !== true || surplus.length === 0) return
  const drained = []
  for (const { node } of surplus) {
    const { id, region: where, version } = node
    drained.push({ id, region: where, version, drain: await ended(api, node, terminal) })
  }
  for (const line of reportLines(drained, 'done')) terminal.print(line)
}

async function cancelAll(api: GatewayApi, nodes: readonly NodeInfo[], terminal: Terminal): Promise<void> {
  let cancelled = 0
  for (const node of nodes) {
    try {
      const { rebalance: now } = (await api.delete(pathOf(node))) as Answer
      if (now !== null) terminal.tell(progressLine(node.id, now, 'done'))
      cancelled++
    } catch (error) {
      if (!(error instanceof ApiFailure && error.code === 'not_found')) throw error
    }
  }
  if (cancelled === 0) throw new CommandError('no node is moving clients')
}

/** How many clients each node has over the average of its region. */
export function surplusOf(nodes: readonly NodeInfo[]): { node: NodeInfo; count: number }[] {
  const takers = nodes.filter(({ state, role }) => state === 'active' && role !== 'api')
  return takers.flatMap((node) => {
    const near = takers.filter(({ region }) => region === node.region)
    const average = near.reduce((sum, { connections }) => sum + connections, 0) / near.length
    const count = Math.floor(node.connections - average)
    return count > average * TOLERANCE ? [{ node, count }] : []
  })
}

async function ended(api: GatewayApi, node: NodeInfo, terminal: Terminal): Promise<DrainProgress> {
  let told = ''
  for (;;) {
    const { rebalance: now } = (await api.get(pathOf(node))) as Answer
    if (now === null) throw new CommandError(`node ${node.id} has been replaced meanwhile`)
    const line = progressLine(node.id, now, 'done')
    if (line !== told) terminal.tell(line)
    told = line
    if (now.state === 'gone' || now.state === 'cancelled') return now
    await delay(LOOK_INTERVAL_MS)
  }
}

function pathOf({ id }: NodeInfo): string {
  return `/v1/nodes/${encodeURIComponent(id)}/rebalance`
}
