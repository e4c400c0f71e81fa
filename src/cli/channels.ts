/**
 * `sluice channels`: which channels are occupied in the cluster.
 */
import { InvalidArgumentError, type Command } from 'commander'
import { addApiOptions, apiOf, type ApiOptions } from './gateway-api.ts'
import { tableLines } from './table.ts'
import type { Terminal } from './terminal.ts'

const EXAMPLES = `
Examples:
  $ sluice channels                                all that somebody is subscribed to
  $ sluice channels chat:                          those whose names begin so
  $ sluice channels chat: --users                  with the users in them, where the namespace keeps presence
  $ sluice channels --json | jq -r .channel        a line of JSON each
`

/** Of a page: what it is asked for in. */
const PAGE = 1000
const PAGE_WITH_USERS = 100

interface Options extends ApiOptions {
  readonly users?: true
  readonly json?: true
  readonly limit: number
}

interface Line {
  readonly channel: string
  readonly connections: number
  readonly users?: number
}

export function addChannels(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('channels')
      .summary('list the channels that somebody is subscribed to')
      .description('Lists the channels of the cluster that have subscribers, and how many.')
      .argument('[prefix]', 'the beginning of their names', '')
      .option('--users', 'with how many users are in each, where its namespace keeps presence')
      .option('--limit <number>', 'no more than so many', countIn, 1000)
      .option('--json', 'a line of JSON for each'),
    'any node',
    'history',
  )
    .addHelpText('after', EXAMPLES)
    .action(async (prefix: string, { users, json, limit, ...access }: Options) => {
      const api = apiOf(access, terminal.env)
      const lines: Line[] = []
      let after: string | undefined = ''
      while (after !== undefined && lines.length < limit) {
        const page = Math.min(users === true ? PAGE_WITH_USERS : PAGE, limit - lines.length)
        const query = new URLSearchParams({ prefix, after, limit: String(page) })
        if (users === true) query.set('users', 'true')
        const answer = (await api.get(`/v1/channels?${query.toString()}`)) as {
          readonly channels: readonly Line[]
          readonly next?: string
        }
        lines.push(...answer.channels)
        after = answer.next
      }
      if (json === true) for (const line of lines) terminal.print(JSON.stringify(line))
      else print(lines, users === true, after !== undefined, terminal)
    })
}

function print(lines: readonly Line[], withUsers: boolean, more: boolean, terminal: Terminal): void {
  if (lines.length === 0) {
    terminal.print('nobody is subscribed to any')
    return
  }
  const columns = [
    { title: 'CHANNEL' },
    { title: 'CONNECTIONS', right: true as const },
    ...(withUsers ? [{ title: 'USERS', right: true as const }] : []),
  ]
  const rows = lines.map(({ channel, connections, users }) => [
    channel,
    String(connections),
    ...(withUsers ? [users === undefined ? '-' : String(users)] : []),
  ])
  for (const line of tableLines(columns, rows)) terminal.print(line)
  if (more) terminal.tell('there are more: say --limit')
}

function countIn(text: string): number {
  const count = Number(text)
  if (/^\d{1,7}$/.test(text) && count > 0) return count
  throw new InvalidArgumentError('It is a whole number from 1 on.')
}
