/**
 * `sluice subscribe` and `sluice unsubscribe`: what a user is on, whatever his tokens say.
 */
import type { Command } from 'commander'
import { addApiOptions, apiOf, type ApiOptions } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'

const SUBSCRIBE_EXAMPLES = `
Examples:
  $ sluice subscribe --user alice news sport       every session of alice, also those that come later
  $ sluice subscribe --user alice                  what she was put on
  $ sluice subscribe --user alice --session Xb2… news

It goes before what the token says, and holds until sluice unsubscribe, or for 30 days after the last change.
`

const UNSUBSCRIBE_EXAMPLES = `
Examples:
  $ sluice unsubscribe --user alice news           every session of alice, whoever has subscribed it

Who may subscribe by the token may do so again: to keep a user out, give tokens that do not allow it, and revoke the old ones.
`

interface Options extends ApiOptions {
  readonly user: string
  readonly session?: string
}

interface Stood {
  readonly sessions: number
  readonly degraded?: true
}

export function addUsers(program: Command, terminal: Terminal): void {
  commandOf(program, 'subscribe', 'put a user on channels, whatever the token says')
    .argument('[channels...]', 'absent: show what the user was put on')
    .description('Puts a user on channels, with every session that is there and that comes.')
    .addHelpText('after', SUBSCRIBE_EXAMPLES)
    .action(async (channels: readonly string[], options: Options) => {
      if (channels.length === 0) await show(options, terminal)
      else await stand('subscribe', channels, options, terminal)
    })
  commandOf(program, 'unsubscribe', 'take a user off channels')
    .argument('<channels...>', 'names of channels')
    .description('Ends the subscriptions of a user to channels, whoever has made them.')
    .addHelpText('after', UNSUBSCRIBE_EXAMPLES)
    .action((channels: readonly string[], options: Options) =>
      stand('unsubscribe', channels, options, terminal),
    )
}

function commandOf(program: Command, verb: string, summary: string): Command {
  const command = program
    .command(verb)
    .summary(summary)
    .requiredOption('--user <user>', 'the sub of the tokens')
    .option('--session <session>', 'this one alone, as GET /v1/users/{user} shows it')
  return addApiOptions(command, 'any node', 'admin')
}

async function stand(
  verb: 'subscribe' | 'unsubscribe',
  channels: readonly string[],
  { user, session, ...access }: Options,
  terminal: Terminal,
): Promise<void> {
  const api = apiOf(access, terminal.env)
  const body = JSON.stringify({ channels, ...(session === undefined ? {} : { session }) })
  const { sessions, degraded } = (await api.post(pathOf(user, verb), body)) as Stood
  const what = verb === 'subscribe' ? 'is on' : 'is off'
  const late = degraded === true ? '; some node may not have been told, and finds it within a minute' : ''
  terminal.print(`${user} ${what} ${channels.join(', ')}: ${sessions} sessions now${late}`)
}

async function show({ user, ...access }: Options, terminal: Terminal): Promise<void> {
  const { channels } = (await apiOf(access, terminal.env).get(pathOf(user, 'channels'))) as {
    readonly channels: readonly { readonly channel: string; readonly session?: string }[]
  }
  if (channels.length === 0) terminal.print(`${user} was put on nothing`)
  for (const { channel, session } of channels)
    terminal.print(session === undefined ? channel : `${channel} (session ${session})`)
}

function pathOf(user: string, what: string): string {
  return `/v1/users/${encodeURIComponent(user)}/${what}`
}
