/**
 * `sluice log-level`: what nodes log, changed while they run.
 */
import type { Command } from 'commander'
import { addApiOptions, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import type { NodeInfo } from '../registry/registry.ts'

const EXAMPLES = `
Examples:
  $ sluice log-level                               what each node logs
  $ sluice log-level debug --for 10m               all nodes, and back by themselves
  $ sluice log-level warn 4f1c 77                  the nodes whose ids begin so

Without --for it holds until the node ends, or reads its configuration again (SIGHUP).
`

interface Options extends ApiOptions {
  readonly for?: string
}

interface Answer {
  readonly node: string
  readonly level: string
  readonly configured: string
  readonly until?: number
}

export function addLogLevel(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('log-level')
      .summary('change what nodes log while they run')
      .description('Shows or changes what nodes log: debug, info, warn, error or silent.')
      .argument('[level]', 'absent: show what it is')
      .argument('[nodes...]', 'ids of nodes, or their beginnings; absent: all')
      .option('--for <time>', 'for how long, such as 10m'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action(async (level: string | undefined, names: readonly string[], options: Options) => {
      const api = apiOf(options, terminal.env)
      const nodes = names.length > 0 ? names : await allOf(api)
      const body = level === undefined ? undefined : JSON.stringify({ level, for: options.for })
      for (const node of nodes) {
        const path = `/v1/nodes/${encodeURIComponent(node)}/log-level`
        terminal.print(lineOf((await (body === undefined ? api.get(path) : api.put(path, body))) as Answer))
      }
    })
}

async function allOf(api: GatewayApi): Promise<string[]> {
  const { nodes } = (await api.get('/v1/nodes')) as { readonly nodes: readonly NodeInfo[] }
  return nodes.map(({ id }) => id)
}

function lineOf({ node, level, configured, until }: Answer): string {
  const back = until === undefined ? '' : ` until ${new Date(until).toISOString()}`
  const was = configured === level ? '' : `${back}, configured is ${configured}`
  return `${node} logs ${level}${was}`
}
