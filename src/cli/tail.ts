/**
 * `sluice tail`: what is published on a channel, as it comes.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'
import { obtainToken } from './token.ts'
import type { Message } from '../client/channel.ts'
import type { SluiceClient } from '../client/index.ts'
import type { TokenSource } from '../client/tokens.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import { CHANNEL_RULE, INBOX, isChannel } from '../protocol/channel.ts'
import { NPX } from '../package-names.ts'
import type { ResetFrame } from '../dialect/sluice-v1/frames.ts'

const URL_DEFAULT = 'ws://127.0.0.1:8080'
const PATH = '/v1/ws'

/** A person waits: shorter than what a fleet of clients should use. */
const BACKOFF = { baseMs: 250, maxMs: 5000 }

const EXAMPLES = `
Examples:
  $ sluice tail news
  $ sluice tail news --last 10 --json | jq .data
  $ sluice tail @inbox --user alice          what alice gets, and nobody else
  $ sluice tail logs --text > app.log

Nothing is acknowledged: on a durable channel the user gets the messages all the same.
`

interface Options {
  readonly last?: string
  readonly count?: string
  readonly json?: true
  readonly text?: true
  readonly user: string
  readonly url?: string
  readonly token?: string
}

export function addTail(program: Command, terminal: Terminal): void {
  program
    .command('tail')
    .summary('print what is published')
    .description('Prints the messages of a channel, one line each, until it is interrupted.')
    .argument('<channel>', `a channel, or ${INBOX} for that of the user`)
    .option('--last <n>', 'begin with the last n messages')
    .option('--count <n>', 'stop after n messages')
    .option('--json', 'whole messages, with position, id and time')
    .option('--text', 'messages that are texts without the quotes of JSON')
    .option('--user <user>', 'whose token to make, where none is given', 'tail')
    .option('--url <url>', `the public listener of a node (SLUICE_URL, or ${URL_DEFAULT})`)
    .option('--token <token>', 'a token (SLUICE_TOKEN); without it one is made as by sluice token')
    .addHelpText('after', EXAMPLES)
    .action((channel: string, options: Options) => tail(channel, options, terminal))
}

async function tail(channel: string, options: Options, terminal: Terminal): Promise<void> {
  if (channel !== INBOX && !isChannel(channel)) {
    throw new CommandError(`${JSON.stringify(channel)} is not a channel: ${CHANNEL_RULE}`, EXIT_USAGE)
  }
  const url = webSocketUrl(options.url ?? (terminal.env['SLUICE_URL'] || URL_DEFAULT))
  const last = numberOf('--last', options.last, 0)
  const count = numberOf('--count', options.count, 1)
  const token = await tokensOf(channel, options, terminal)

  // Here, so that other commands do not load a WebSocket.
  const { createClient } = await import('../client/node.ts')
  const client = createClient({ url, token, backoff: BACKOFF })
  await new Promise<void>((resolve, reject) => {
    const unlisten = terminal.onSignal(() => finish(resolve))
    const unsilence = silenceClient()
    const finish = (settle: () => void): void => {
      unlisten()
      unsilence()
      client.close()
      settle()
    }
    const fail = (error: Error): void => finish(() => reject(new CommandError(error.message)))
    report(client, terminal, fail)
    if (terminal.interactive) {
      const unsaid = client.on('welcome', () => {
        unsaid()
        terminal.tell(`sluice: listening on ${channel} at ${url} (Ctrl-C ends this)`)
      })
    }
    let printed = 0
    const show = (message: Message): Promise<never> => {
      // More may come in the same frame of the network.
      if (printed === count) return notAcknowledged()
      terminal.print(lineOf(message, options))
      printed++
      if (printed === count) finish(resolve)
      return notAcknowledged()
    }
    const onReset = (reset: ResetFrame): void => {
      if (options.json) terminal.print(JSON.stringify(reset))
      else terminal.tell(`sluice: messages may be missing here (${reset.reason})`)
    }
    if (channel === INBOX) client.inbox(show, { onReset })
    // Always given: without it a durable channel would begin with all that the user has not acknowledged.
    else client.subscribe(channel, show, { from: { last: last ?? 0 }, onReset, onError: fail })
    // That it is not there yet is told; only what is final ends it, by the state.
    client.connect().catch(() => undefined)
  })
}

/** The one that was given, or one that is made for each time that a fresh one is needed. */
async function tokensOf(channel: string, options: Options, { env }: Terminal): Promise<TokenSource> {
  const given = options.token ?? env['SLUICE_TOKEN']
  if (given) return given
  const made = (): Promise<string> =>
    obtainToken(
      { sub: options.user, subscribe: channel === INBOX ? [] : [channel], publish: [], ttlSeconds: 3600 },
      env,
    )
  // Once here, so that a reason why there is none ends the command instead of being tried again for ever.
  let fresh: string | undefined = await made()
  return () => {
    const next = fresh
    fresh = undefined
    return next === undefined ? made() : Promise.resolve(next)
  }
}

/**
 * A handler that fails keeps the client from acknowledging: who only looks on takes no message away from the user.
 * `report` keeps silent about it.
 */
function notAcknowledged(): Promise<never> {
  return Promise.reject(new Error('not acknowledged'))
}

/** The client says on the console why it is not connected, for those who write pages. Here `report` does, and nobody reads it twice. */
function silenceClient(): () => void {
  const { warn } = console
  console.warn = (...words: unknown[]): void => {
    if (!String(words[0]).startsWith('sluice: not connected, ')) warn.apply(console, words)
  }
  return () => void (console.warn = warn)
}

/** Says what becomes of the connection, once for each change. */
function report(client: SluiceClient, terminal: Terminal, fail: (error: Error) => void): void {
  let lost = false
  client.on('state', ({ state, error }) => {
    if (state === 'connected' && lost) {
      lost = false
      terminal.tell('sluice: connected again')
    } else if (state === 'waiting' && !lost) {
      lost = true
      terminal.tell(
        `sluice: ${error?.message ?? 'the connection is lost'}; trying again (${NPX} dev starts a node, --url or SLUICE_URL say where one is)`,
      )
    } else if (state === 'failed' && error !== undefined) fail(error)
  })
  client.on('error', (error) => {
    // Of connections that end, the state tells.
    const isTold = error.code === 'handler' || error.closeCode !== undefined || error.code === 'timeout'
    if (!isTold && client.state !== 'failed') terminal.tell(`sluice: ${error.message}`)
  })
}

function lineOf({ channel, data, position, id, time }: Message, { json, text }: Options): string {
  if (json) return JSON.stringify({ type: 'message', channel, ...position, data: shown(data), id, time })
  return text && typeof data === 'string' ? data : JSON.stringify(shown(data))
}

/** Bytes as other transports carry them. */
function shown(data: unknown): unknown {
  return data instanceof Uint8Array ? Buffer.from(data).toString('base64') : data
}

/** The address of a node is enough, in either scheme. */
function webSocketUrl(given: string): string {
  if (URL.canParse(given)) {
    const url = new URL(given.replace(/^http/, 'ws'))
    if (url.protocol === 'ws:' || url.protocol === 'wss:') {
      if (url.pathname === '/') url.pathname = PATH
      return url.href
    }
  }
  throw new CommandError(
    `${JSON.stringify(given)} is not the URL of a node; allowed: ws, wss, http or https, such as ${URL_DEFAULT}`,
    EXIT_USAGE,
  )
}

function numberOf(flag: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text) && Number(text) >= min) return Number(text)
  throw new CommandError(
    `${flag} is ${JSON.stringify(text)}; allowed: a whole number from ${min}`,
    EXIT_USAGE,
  )
}
