/**
 * `sluice size`: what a load needs, by the arithmetic of docs/sizing.md.
 */
import type { Command } from 'commander'
import { FACTORS, INSTANCE, PRICES_OF, type Factor } from './factors.ts'
import { sizeLines, sizeOf, type Load } from './sizing.ts'
import { CommandError } from '../command-error.ts'
import type { Terminal } from '../terminal.ts'
import { EXIT_USAGE } from '../../config/config-error.ts'

const EXAMPLES = `
Examples:
  $ sluice size --connections 1e6 --channels 1e5 --publishes 500 --fanout 100
  $ sluice size --connections 1e5 --per-node 25000 --json

The factors and where they come from are in docs/sizing.md; what was not measured is named there.
`

const NUMBERS = {
  connections: ['100000', 'open at a time'],
  channels: ['10000', 'in use at a time, inboxes not counted'],
  publishes: ['100', 'in a second'],
  fanout: ['100', 'subscribers of a message, on average'],
  payload: ['256', 'bytes of a message'],
  subscriptions: ['3', 'of a connection, beside the inbox'],
  'per-node': ['50000', 'connections that a node shall have at most'],
  price: [String(INSTANCE.perHour), `USD for an hour of ${INSTANCE.name}, as of ${PRICES_OF}`],
} as const satisfies Readonly<Record<string, readonly [string, string]>>

type Name = keyof typeof NUMBERS

export function addSize(program: Command, terminal: Terminal): void {
  const command = program
    .command('size')
    .summary('reckon what a load needs')
    .description('Reckons nodes, memory, NATS, Redis, times and cost of a load from our own measurements.')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
  for (const [name, [initial, doc]] of Object.entries(NUMBERS)) command.option(`--${name} <n>`, doc, initial)
  command.action((options: Readonly<Record<string, string>> & { readonly json?: true }) => {
    const load = loadOf((name) => options[name === 'per-node' ? 'perNode' : name] as string)
    if (options.json) {
      terminal.print(JSON.stringify({ load, ...sizeOf(load) }))
      return
    }
    for (const [what, says] of sizeLines(load)) terminal.print(`${what.padEnd(26)}${says}`)
    const unknown = Object.values(FACTORS).filter((one: Factor) => one.by === undefined).length
    terminal.print('')
    const count = Object.keys(FACTORS).length
    terminal.print(
      unknown === 0
        ? `each of the ${count} factors was measured: docs/sizing.md names the commands`
        : `${unknown} of ${count} factors are guesses: docs/sizing.md names them`,
    )
  })
}

function loadOf(said: (name: Name) => string): Load {
  const number = (name: Name, min: number): number => {
    const value = Number(said(name))
    if (Number.isFinite(value) && value >= min) return value
    throw new CommandError(
      `--${name} is ${JSON.stringify(said(name))}; allowed: a number from ${min} on, also as 1e6`,
      EXIT_USAGE,
    )
  }
  return {
    connections: number('connections', 1),
    channels: number('channels', 0),
    publishes: number('publishes', 0),
    fanout: number('fanout', 0),
    payloadBytes: number('payload', 0),
    subscriptions: number('subscriptions', 0),
    perNode: number('per-node', 100),
    pricePerHour: number('price', 0),
  }
}
