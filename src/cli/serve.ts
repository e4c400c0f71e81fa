/**
 * `sluice serve`: a node in production, or several in one command.
 */
import { fork } from 'node:child_process'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { adviseOnFiles } from './file-limit.ts'
import { addNodeOptions, sourcesOf } from './node-options.ts'
import { runNode } from './run-node.ts'
import { StopSignals } from './stop-signals.ts'
import { EXIT_INTERRUPTED, RELOAD, SIBLINGS_STOP, type Terminal } from './terminal.ts'
import { Workers, type Worker } from './workers.ts'
import { systemClock } from '../clock.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'

const WORKERS_MAX = 256

const EXAMPLES = `
Examples:
  $ sluice serve --config sluice.yaml
  $ sluice serve --config sluice.yaml --workers 4
  $ SLUICE_JWKS_URL=https://id.example.com/jwks SLUICE_API_KEYS=shop:publish:… sluice serve

SIGTERM   moves its clients away at the pace of drain.plan, and ends the node, all of it by drain.deadline
          a second one hurries: all are asked now; a third one closes who is left
SIGINT    closes clients over a second and ends the node within a few more; a second one ends it at once
SIGHUP    reads certificates and the configuration again: log.level is taken up, the log names what needs a restart; it never
          ends a node
Workers are nodes of a cluster that share the public port; the second listener of each has a port of its own, counting up
from api.port.
`

export function addServe(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .summary('start a node')
    .description('Starts a node. sluice config check lists what is wrong with its configuration beforehand.')
  addNodeOptions(command)
    .option('--workers <n>', 'so many nodes, a process each', '1')
    .addHelpText('after', EXAMPLES)
    .action(async ({ workers }: { readonly workers: string }) => {
      const reload = (): Config => loadConfig(sourcesOf(command, terminal.env, false))
      const config = reload()
      const count = workerCount(workers, config)
      if (count === 1)
        await runNode({ config, reload, started: (node) => adviseOnFiles(config, node) }, terminal)
      else await runWorkers(count, config, terminal)
    })
}

function workerCount(text: string, config: Config): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0
  const fault =
    count < 1 || count > WORKERS_MAX
      ? `--workers is ${JSON.stringify(text)}; allowed: a whole number from 1 to ${WORKERS_MAX}`
      : count > 1 && config.nats.url.length === 0
        ? '--workers needs a cluster, or a message would reach the clients of one worker only: set nats.url and redis.url'
        : count > 1 && config.port === 0
          ? '--workers needs a port to share: port is 0'
          : undefined
  if (fault === undefined) return count
  throw new CommandError(fault, EXIT_USAGE)
}

async function runWorkers(count: number, config: Config, terminal: Terminal): Promise<void> {
  const [, program = '', ...words] = process.argv
  const workers = new Workers(count, {
    clock: systemClock,
    spawn: (index) => spawn(program, [...words, ...ownOptions(config, index)], terminal),
    after: setTimeoutOf,
    tell: (line) => terminal.tell(line),
  })
  const signals = new StopSignals()
  terminal.onHangup(() => workers.reload())
  const unlisten = terminal.onSignal((signal) => {
    const what = signals.heard(signal, systemClock.monotonicMs())
    // Each of them knows what it means; of one press they shall hear once.
    if (what !== 'none') workers.signal(signal)
    if (what === 'exit') terminal.exit(EXIT_INTERRUPTED)
  })
  const code = await workers.run()
  unlisten()
  if (code !== 0) throw new CommandError('a worker could not end well', code)
}

function setTimeoutOf(ms: number, run: () => void): void {
  setTimeout(run, ms)
}

/** The last of equal options counts. */
function ownOptions(config: Config, index: number): string[] {
  const port = config.api.port === 0 ? 0 : config.api.port + index
  return ['--workers', '1', '--share-port', 'true', '--api-port', String(port)]
}

function spawn(program: string, words: readonly string[], terminal: Terminal): Worker {
  // Apart from the terminal, whose Ctrl-C would reach workers twice: from it and from us. They hear of our end by the
  // channel between us.
  const child = fork(program, words, { env: terminal.env, detached: true })
  return {
    siblingsStop() {
      // Whoever is about to end has closed the channel, and needs no word.
      if (child.connected) child.send(SIBLINGS_STOP, () => undefined)
    },
    kill: (signal) => void child.kill(signal),
    reload() {
      if (child.connected) child.send(RELOAD, () => undefined)
    },
    onExit(listener) {
      child.once('exit', (code) => listener(code ?? undefined))
      child.once('error', () => {
        // It may also be told of a signal that could not be sent; who never started never exits.
        if (child.pid === undefined) listener(undefined)
      })
    },
  }
}
