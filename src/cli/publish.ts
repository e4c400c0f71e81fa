/**
 * `sluice publish`: one message, or the lines of standard input.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { addApiOptions, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import { jsonFault } from './json-fault.ts'
import { LinePublisher, type Totals } from './line-publisher.ts'
import { linesOf } from './lines.ts'
import { EXIT_INTERRUPTED, type Terminal } from './terminal.ts'
import { systemClock } from '../clock.ts'
import { EXIT_USAGE } from '../config/config-error.ts'

/** Longer ones are no lines of a log; a node takes no such payload anyway. */
const LINE_BYTES_MAX = 16_777_216

const EXAMPLES = `
Examples:
  $ sluice publish news '{"title":"Hello"}'
  $ sluice publish --user alice '"You have mail"'       to every session of a user
  $ sluice publish news Hello                           what is not JSON is a text
  $ sluice publish news                                 each line that you type; Ctrl-D ends it
  $ tail -f app.log | sluice publish logs -             each line as it comes
  $ cat events.ndjson | sluice publish events - --id import-7
                                                        may be repeated: no line is published twice

A line that is JSON is published as it is, any other line as a text; one that begins with { and is not JSON is refused. While no node answers, lines wait.
`

interface Options extends ApiOptions {
  readonly user?: string
  readonly id?: string
  readonly text?: true
}

type Target = { readonly channel: string } | { readonly user: string }

export function addPublish(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('publish')
      .summary('publish a message, or each line of standard input')
      .description(
        'Publishes a message to a channel or to a user, or each line of standard input as a message.',
      )
      .usage(
        '<channel> <json | text | -> [options]\n       sluice publish --user <user> <json | text | -> [options]',
      )
      .argument('[words...]', 'the channel and the message')
      .option('--user <user>', "to the user's inbox instead of a channel")
      .option('--id <id>', 'idempotency id; with - the beginning of the ids of all lines')
      .option('--text', 'the message is a text, also where it is JSON'),
    'a node',
  )
    .addHelpText('after', EXAMPLES)
    .action((words: readonly string[], options: Options) => publish(words, options, terminal))
}

async function publish(words: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { target, message } = targetOf(words, options, terminal.typedInto)
  const api = apiOf(options, terminal.env)
  if (message === '-') return publishLines(target, options, api, terminal)
  const data = dataOf(message, options.text === true)
  const head = JSON.stringify({ ...target, ...(options.id === undefined ? {} : { id: options.id }) })
  // The message is sent as it was written: parsing and printing it would change large numbers.
  terminal.print(JSON.stringify(await api.post('/v1/publish', `${head.slice(0, -1)},"data":${data}}`)))
}

/** As JSON. Who begins as JSON does meant it: what is wrong with it is not published as a text. */
function dataOf(message: string, asText: boolean): string {
  const fault = asText ? undefined : jsonFault(message)
  if (fault === undefined) return asText ? JSON.stringify(message) : message
  if (!/^\s*[{["]/.test(message)) return JSON.stringify(message)
  throw new CommandError(
    `the message is not JSON (${fault}); to publish it as a text, add --text`,
    EXIT_USAGE,
  )
}

/** `typed`: without a message, it is what somebody types. */
function targetOf(
  words: readonly string[],
  { user }: Options,
  typed: boolean,
): { target: Target; message: string } {
  const [first = '', second] = words
  if (typed && user === undefined && words.length === 1) return { target: { channel: first }, message: '-' }
  if (typed && user !== undefined && words.length === 0) return { target: { user }, message: '-' }
  if (user === undefined && second !== undefined && words.length === 2) {
    return { target: { channel: first }, message: second }
  }
  if (user !== undefined && words.length === 1) return { target: { user }, message: first }
  throw new CommandError(
    user === undefined
      ? `publish needs a channel and one message (${words.length} arguments were given): sluice publish news '{"title":"Hello"}', or - for the lines of standard input`
      : `with --user, publish needs nothing but one message (${words.length} arguments were given): sluice publish --user alice '{"title":"Hello"}'`,
    EXIT_USAGE,
  )
}

async function publishLines(
  target: Target,
  options: Options,
  api: GatewayApi,
  terminal: Terminal,
): Promise<void> {
  const stop = new AbortController()
  let signals = 0
  const unlisten = terminal.onSignal(() => {
    signals++
    if (signals > 1) terminal.exit(EXIT_INTERRUPTED)
    stop.abort()
  })
  const publisher = new LinePublisher(
    {
      target,
      asText: options.text === true,
      idPrefix: options.id ?? randomBytes(8).toString('hex'),
    },
    {
      api,
      wait: waitOrStop,
      random: () => systemClock.random(),
      tell: (line) => terminal.tell(`sluice: ${line}`),
    },
    stop.signal,
  )
  if (terminal.typedInto)
    terminal.tell(`sluice: each line is a message for ${nameOf(target)}; Ctrl-D ends this`)
  const shown = terminal.interactive && !terminal.typedInto ? showProgress(publisher, terminal) : undefined
  try {
    await publisher.run(linesOf(terminal.input, LINE_BYTES_MAX))
  } finally {
    unlisten()
    if (shown !== undefined) {
      clearInterval(shown)
      terminal.update('')
    }
    terminal.tell(`sluice: ${summaryOf(publisher.totals)}`)
  }
  const { refused, unsent } = publisher.totals
  if (refused + unsent > 0) throw new CommandError('not every line was published')
}

const PROGRESS_MS = 1000

/** For whoever waits for the end of a long file. */
function showProgress(publisher: LinePublisher, terminal: Terminal): NodeJS.Timeout {
  let before = 0
  return setInterval(() => {
    const { published } = publisher.totals
    terminal.update(
      `${published} lines published, ${Math.round((published - before) / (PROGRESS_MS / 1000))} in the last second`,
    )
    before = published
  }, PROGRESS_MS)
}

function nameOf(target: Target): string {
  return 'channel' in target ? target.channel : `the user ${target.user}`
}

/** Keeps the process alive, unlike a timer of the clock: there may be nothing else that does. */
async function waitOrStop(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function summaryOf({ published, duplicates, refused, unsent, requests }: Readonly<Totals>): string {
  const parts = [
    `${published} ${published === 1 ? 'line' : 'lines'} published in ${requests} ${requests === 1 ? 'request' : 'requests'}`,
    duplicates > 0 ? `${duplicates} of them had been published before` : '',
    refused > 0 ? `${refused} refused` : '',
    unsent > 0 ? `${unsent} not sent` : '',
  ]
  return parts.filter((part) => part !== '').join(', ')
}
