/**
 * `sluice serve`: a node in production.
 */
import type { Command } from 'commander'
import { addNodeOptions, sourcesOf } from './node-options.ts'
import { runNode } from './run-node.ts'
import type { Terminal } from './terminal.ts'
import { loadConfig } from '../config/load.ts'

const EXAMPLES = `
Examples:
  $ sluice serve --config sluice.yaml
  $ SLUICE_JWKS_URL=https://id.example.com/jwks SLUICE_API_KEYS=shop:publish:… sluice serve

SIGTERM and SIGINT stop the node: clients are moved away first, at the pace of drain.plan. A second one ends it at once.
`

export function addServe(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .summary('start a node')
    .description('Starts a node. sluice config check lists what is wrong with its configuration beforehand.')
  addNodeOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(() => runNode(loadConfig(sourcesOf(command, terminal.env, false)), terminal, () => undefined))
}
