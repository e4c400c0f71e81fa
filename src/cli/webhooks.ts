/**
 * `sluice webhooks`: what backends were not told.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { addApiOptions, apiOf, type ApiOptions, type GatewayApi } from './gateway-api.ts'
import { tableLines } from './table.ts'
import type { Terminal } from './terminal.ts'
import { EXIT_USAGE } from '../config/config-error.ts'

const EXAMPLES = `
Examples:
  $ sluice webhooks dead                           what backends refused for too long
  $ sluice webhooks resend 1764185587123-0         one of them again
  $ sluice webhooks resend --all                   all of them, once the backend is well again
  $ sluice webhooks drop 1764185587123-0
`

interface Dead {
  readonly count: number
  readonly letters: readonly {
    readonly letter: string
    readonly target: string
    readonly why: string
    readonly attempts: number
    readonly atMs: number
    readonly happening: { readonly kind: string; readonly channel?: string; readonly user?: string }
  }[]
}

type Options = ApiOptions & { readonly all?: true }

/** As many as are asked for at once. */
const LIST = '/v1/webhooks/dead?limit=1000'

export function addWebhooks(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('webhooks')
      .summary('see what backends were not told, and tell it again')
      .description('Shows, sends again or throws away what backends refused for too long (dead letters).')
      .argument('<what>', 'dead, resend or drop')
      .argument('[letters...]', 'which of them, as `dead` lists them')
      .option('--all', 'all of them'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action(async (what: string, letters: readonly string[], options: Options) => {
      const api = apiOf(options, terminal.env)
      if (what === 'dead') show((await api.get(LIST)) as Dead, terminal)
      else if (what === 'resend' || what === 'drop')
        await change(api, what, await named(api, letters, options), terminal)
      else throw new CommandError(`there is no ${JSON.stringify(what)}: dead, resend or drop`, EXIT_USAGE)
    })
}

function show({ count, letters }: Dead, terminal: Terminal): void {
  const rows = letters.map(({ letter, target, why, attempts, atMs, happening }) => {
    const { kind, channel, user } = happening
    const about = [channel, user].filter((one) => one !== undefined).join(' ')
    return [letter, new Date(atMs).toISOString(), target, kind, about, String(attempts), why]
  })
  const columns = ['letter', 'given up', 'target', 'event', 'of', 'tries', 'why'].map((title) => ({ title }))
  for (const line of rows.length === 0 ? [] : tableLines(columns, rows)) terminal.print(line)
  terminal.print(count === 0 ? 'There are no dead letters.' : `${letters.length} of ${count}`)
}

async function named(
  api: GatewayApi,
  letters: readonly string[],
  { all = false }: { readonly all?: boolean },
): Promise<readonly string[]> {
  if (all === letters.length > 0)
    throw new CommandError(
      'which ones? Name letters as `sluice webhooks dead` lists them, or --all',
      EXIT_USAGE,
    )
  return all ? ((await api.get(LIST)) as Dead).letters.map(({ letter }) => letter) : letters
}

async function change(
  api: GatewayApi,
  what: 'resend' | 'drop',
  letters: readonly string[],
  terminal: Terminal,
): Promise<void> {
  for (const letter of letters) {
    const path = `/v1/webhooks/dead/${encodeURIComponent(letter)}`
    if (what === 'drop') await api.delete(path)
    else await api.post(`${path}/resend`, '')
  }
  terminal.print(`${letters.length} ${what === 'drop' ? 'thrown away' : 'on their way again'}`)
}
