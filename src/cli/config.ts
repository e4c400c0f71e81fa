/**
 * `sluice config`: looks at the configuration without starting anything.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'
import { ConfigError, EXIT_USAGE } from '../config/config-error.ts'
import { configurationJsonSchema } from '../config/describe.ts'
import { effectiveValues } from '../config/effective.ts'
import { type ConfigSources, loadConfigWithOrigins, refuse } from '../config/load.ts'

interface Options {
  readonly dev?: boolean
}

const EXAMPLES = `
Examples:
  $ sluice config check sluice.yaml       everything that is wrong, one line each; exit code 2
  $ sluice config show sluice.yaml        what applies, and where each value came from
  $ sluice config schema > schema.json    for editors and pipelines
`

export function addConfig(program: Command, terminal: Terminal): void {
  const config = program
    .command('config')
    .summary('check or show the configuration')
    .description('Looks at the configuration as sluice serve would see it: the file under the environment.')
    .addHelpText('after', EXAMPLES)
  config
    .command('check')
    .description('List everything that is wrong, and warn of what is allowed and should not be.')
    .argument('[file]', 'YAML or JSON (SLUICE_CONFIG)')
    .option('--dev', 'as for sluice dev')
    .action((file: string | undefined, options: Options) =>
      check(sourcesOf(file, options, terminal), terminal),
    )
  config
    .command('show')
    .description('Print what applies and where it came from, without secrets.')
    .argument('[file]', 'YAML or JSON (SLUICE_CONFIG)')
    .option('--dev', 'as for sluice dev')
    .action((file: string | undefined, options: Options) =>
      show(sourcesOf(file, options, terminal), terminal),
    )
  config
    .command('schema')
    .description('Print the JSON Schema of the file.')
    .action(() => terminal.print(JSON.stringify(configurationJsonSchema(), undefined, 2)))
}

function sourcesOf(file: string | undefined, { dev = false }: Options, { env }: Terminal): ConfigSources {
  return { env, dev, ...(file === undefined ? {} : { file }) }
}

async function check(sources: ConfigSources, terminal: Terminal): Promise<void> {
  // Here, so that other commands do not load the gateway's keys.
  const { faultsOf } = await import('../node/preflight.ts')
  const { weaknesses } = await import('../node/options.ts')
  try {
    const { config } = loadConfigWithOrigins(sources)
    refuse(await faultsOf(config))
    for (const weakness of weaknesses(config)) terminal.tell(`warning: ${weakness}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const complaint of error.complaints) terminal.tell(complaint)
    const count = error.complaints.length
    throw new CommandError(
      `the configuration cannot be used: ${count} ${count === 1 ? 'thing is' : 'things are'} wrong`,
      EXIT_USAGE,
    )
  }
  terminal.print('the configuration is good')
}

function show(sources: ConfigSources, terminal: Terminal): void {
  const values = effectiveValues(loadConfigWithOrigins(sources))
  const width = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length))
  const keyWidth = width(values.map(({ key }) => key))
  // A long list would push everything else out of sight.
  const valueWidth = Math.min(32, width(values.map(({ value }) => value)))
  for (const { key, value, origin } of values) {
    terminal.print(`${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${origin}`)
  }
}
