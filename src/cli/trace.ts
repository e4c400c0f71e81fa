/**
 * `sluice trace`: follows one user live across the cluster.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { addApiOptions, apiOf, type ApiOptions } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import { EXIT_USAGE } from '../config/config-error.ts'

const EXAMPLES = `
Examples:
  $ sluice trace --user alice                      for a minute, or until it is interrupted
  $ sluice trace --user alice --for 10m --json > alice.jsonl
  $ sluice trace --user alice --payloads           also what messages say

Each line: the time, the node, the connection, and what happened. A message has the time from its publish to the write to the
socket, an acknowledgement that from the publish to the client's word. Each trace is a line of the audit log.
`

interface Options extends ApiOptions {
  readonly user?: string
  readonly for?: string
  readonly events?: string
  readonly payloads?: true
  readonly json?: true
}

export interface TraceEvent extends Readonly<Record<string, unknown>> {
  readonly type: string
}

export function addTrace(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('trace')
      .summary('follow one user live across the cluster')
      .description(
        'Shows what happens to a user, on whatever node: connections, messages, resets, moves, ends.',
      )
      .option('--user <user>', 'the `sub` of his tokens')
      .option('--for <time>', 'for how long, up to 1h', '60s')
      .option('--events <n>', 'no more than so many', '10000')
      .option('--payloads', 'also what messages say, up to 4 KiB of each')
      .option('--json', 'each event as the node tells it'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => trace(options, terminal))
}

async function trace(options: Options, terminal: Terminal): Promise<void> {
  const { user, payloads, json } = options
  if (user === undefined) throw new CommandError('who is to be followed? Give --user', EXIT_USAGE)
  const query = new URLSearchParams({
    for: options.for ?? '60s',
    events: options.events ?? '10000',
    payloads: String(payloads === true),
  })
  const aborts = new AbortController()
  const unlisten = terminal.onSignal(() => aborts.abort())
  let whole = false
  try {
    await apiOf(options, terminal.env).events(
      `/v1/users/${encodeURIComponent(user)}/trace?${query.toString()}`,
      (data) => {
        const event = JSON.parse(data) as TraceEvent
        if (event.type === 'over') whole = true
        terminal.print(json ? data : traceLine(event))
      },
      aborts.signal,
    )
  } finally {
    unlisten()
  }
  if (!whole && !aborts.signal.aborted)
    throw new CommandError('the node that was asked has gone: ask another one')
}

/** A line for a person: `14:03:07.123  4f1c  5d1c03  delivered  news 17, 3 ms after its publish`. */
export function traceLine(event: TraceEvent): string {
  const { at, node, session, type } = event
  const time = typeof at === 'number' ? new Date(at).toISOString().slice(11, 23) : ' '.repeat(12)
  const said = (id: unknown): string => (typeof id === 'string' ? id.slice(-6) : '').padEnd(6)
  return `${time}  ${said(node)}  ${said(session)}  ${type.padEnd(12)}  ${whatOf(event)}`.trimEnd()
}

function whatOf(event: TraceEvent): string {
  switch (event.type) {
    case 'delivered': {
      const replay = event['live'] === false ? ', from the log' : ''
      const payload =
        event['data'] === undefined ? '' : `  ${textOf(event['data'])}${event['cut'] ? '…' : ''}`
      return `${placeOf(event)}, ${after(event, 'written')} its publish${replay}${payload}`
    }
    case 'acknowledged':
      return `${placeOf(event)}, ${after(event, 'acknowledged')} its publish`
    case 'closed':
      return `${textOf(event['why'])}${event['code'] === undefined ? '' : ` ${textOf(event['code'])}`}`
    case 'left out':
      return `${textOf(event['events'])} events: more than can be told`
    default:
      return Object.entries(event)
        .filter(([name, value]) => !COMMON.has(name) && value !== undefined)
        .map(([name, value]) => `${name}=${textOf(value)}`)
        .join(' ')
  }
}

const COMMON: ReadonlySet<string> = new Set(['type', 'at', 'node', 'session'])

function placeOf({ channel, offset }: TraceEvent): string {
  return `${textOf(channel)}${offset === undefined ? '' : ` ${textOf(offset)}`}`
}

function after(event: TraceEvent, what: string): string {
  return `${Math.max(0, Number(event[what]) - Number(event['published']))} ms after`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
