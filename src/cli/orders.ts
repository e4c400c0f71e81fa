/**
 * `sluice target`, `sluice cordon` and `sluice uncordon`: what the whole cluster keeps to.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { addApiOptions, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import type { Cordon, Target } from '../cluster/orders.ts'
import { EXIT_USAGE } from '../config/config-error.ts'

const TARGET_EXAMPLES = `
Examples:
  $ sluice target                                  what is set
  $ sluice target 1.1.0                            a rollback: clients that move go to 1.1.0
  $ sluice target --clear                          to what was deployed last, as usual

It holds until a later deploy comes, is cleared, or is 30 days old.
`

const CORDON_EXAMPLES = `
Examples:
  $ sluice cordon                                  what is kept out
  $ sluice cordon 4f1c                             the node whose id begins so, also when it is started again at its address
  $ sluice cordon --version '1.4.*'                all nodes of these versions, also those that start later

A cordoned node is not ready and takes no clients that move. Those that it has stay: sluice drain --cordon moves them too.
`

const UNCORDON_EXAMPLES = `
Examples:
  $ sluice uncordon 4f1c
  $ sluice uncordon --address 10.0.0.5:8081        a node that is not there now
  $ sluice uncordon --version '1.4.*'              as it was cordoned
`

interface CordonOptions extends ApiOptions {
  readonly version?: string
  readonly address?: string
}

export function addOrders(program: Command, terminal: Terminal): void {
  addTarget(program, terminal)
  addApiOptions(
    cordonOptions(program.command('cordon').summary('keep nodes out, also when they are started again')),
    'any node',
    'admin',
  )
    .description('Keeps nodes out: they are not ready, and take no clients that are moving.')
    .addHelpText('after', CORDON_EXAMPLES)
    .action(async (names: readonly string[], options: CordonOptions) => {
      const api = apiOf(options, terminal.env)
      const paths = pathsOf(names, options)
      for (const path of paths) await api.put(path)
      await show(api, terminal)
    })
  addApiOptions(cordonOptions(program.command('uncordon').summary('let nodes in again')), 'any node', 'admin')
    .description('Lets nodes in again that were kept out.')
    .addHelpText('after', UNCORDON_EXAMPLES)
    .action(async (names: readonly string[], options: CordonOptions) => {
      const api = apiOf(options, terminal.env)
      const paths = pathsOf(names, options)
      if (paths.length === 0)
        throw new CommandError('what is to be let in? Give an id, --address or --version', EXIT_USAGE)
      for (const path of paths) await api.delete(path)
      await show(api, terminal)
    })
}

function addTarget(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('target')
      .summary('say which version clients go to')
      .description(
        'Says which version clients go to that are moving, where that is not what was deployed last.',
      )
      .argument('[version]', 'of nodes, such as 1.1.0; absent: show what is set')
      .option('--clear', 'what was deployed last is it again'),
    'any node',
    'admin',
  )
    .addHelpText('after', TARGET_EXAMPLES)
    .action(
      async (version: string | undefined, { clear, ...access }: ApiOptions & { readonly clear?: true }) => {
        if (clear && version !== undefined) throw new CommandError('--clear takes no version', EXIT_USAGE)
        const api = apiOf(access, terminal.env)
        const { target } = (await (clear
          ? api.delete('/v1/target')
          : version === undefined
            ? api.get('/v1/target')
            : api.put('/v1/target', JSON.stringify({ version })))) as { readonly target: Target | null }
        terminal.print(
          target === null
            ? 'clients go to what was deployed last'
            : `clients go to ${target.version} (${target.by}, ${new Date(target.at).toISOString()})`,
        )
      },
    )
}

function cordonOptions(command: Command): Command {
  return command
    .argument('[nodes...]', 'ids of nodes, or their beginnings')
    .option('--version <pattern>', 'all nodes of a version, such as 1.4.*')
    .option('--address <address>', 'whatever is at host:port, as sluice status --json has it')
}

function pathsOf(names: readonly string[], { version, address }: CordonOptions): string[] {
  const path = (kind: string, what: string): string => `/v1/cordons/${kind}/${encodeURIComponent(what)}`
  return [
    ...names.map((name) => path('node', name)),
    ...(version === undefined ? [] : [path('version', version)]),
    ...(address === undefined ? [] : [path('address', address)]),
  ]
}

async function show(api: GatewayApi, terminal: Terminal): Promise<void> {
  const { cordons } = (await api.get('/v1/cordons')) as { readonly cordons: readonly Cordon[] }
  if (cordons.length === 0) terminal.print('nothing is cordoned')
  for (const { kind, what, by, at } of cordons)
    terminal.print(`${kind} ${what} is cordoned (${by}, ${new Date(at).toISOString()})`)
}
