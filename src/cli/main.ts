/**
 * The command line tool: which command, and what a failure looks like.
 */
import { Command, CommanderError } from 'commander'
import { CommandError } from './command-error.ts'
import { groupsFor } from './commands.ts'
import { processTerminal, type Terminal } from './terminal.ts'
import { AuthConfigError } from '../auth/config-error.ts'
import { ConfigError, EXIT_USAGE } from '../config/config-error.ts'
import { SluiceError } from '../errors.ts'
import { packageVersion } from '../package-version.ts'

const EXAMPLES = `
Examples:
  $ sluice dev                                        a node to try things with
  $ sluice tail news                                  what is published, as it comes
  $ sluice publish news '{"title":"Hello"}'
  $ sluice serve --config sluice.yaml                 a node in production
  $ sluice status                                     the nodes of a cluster
  $ sluice drain 4f1c --watch                         one of them, before it is replaced

The configuration is described in docs/configuration.md.
`

/** The process is this tool: its arguments, its terminal, its exit code. */
export async function runProcess(): Promise<void> {
  const code = await main(process.argv.slice(2), processTerminal())
  // After what was written has left: a pipe may be slower than we are. Connections that are kept for later do not count.
  process.stdout.write('', () => process.exit(code))
}

/** Runs a command to its end; the answer is the exit code. A failure is one line on standard error. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const program = await programOf(words, terminal)
    await program.parseAsync([...words], { from: 'user' })
    return 0
  } catch (error) {
    // Commander has said its piece already; help and version are among its errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    terminal.tell(`sluice: ${sentenceOf(error)}`)
    return exitCodeOf(error)
  }
}

async function programOf(words: readonly string[], terminal: Terminal): Promise<Command> {
  const program = new Command('sluice')
  program
    .description('A real-time gateway: WebSocket, SSE and long poll, with replay and resume.')
    .version(packageVersion(), '-V, --version', 'print the version')
    // Behind a command its own options count: `drain --version '1.4.*'` names nodes.
    .enablePositionalOptions()
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.tell(text.trimEnd()),
      outputError: (text, write) => write(`sluice: ${oneLine(text.replace(/^error: /, ''))}`),
    })
  const adders = await Promise.all(groupsFor(words).map((group) => group.load()))
  for (const add of adders) add(program, terminal)
  return program
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode
  return error instanceof ConfigError || error instanceof AuthConfigError ? EXIT_USAGE : 1
}

function sentenceOf(error: unknown): string {
  if (error instanceof SluiceError) return `${error.code}: ${oneLine(error.message)}`
  return oneLine(error instanceof Error ? error.message : String(error))
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}
