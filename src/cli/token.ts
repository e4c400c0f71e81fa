/**
 * `sluice token`: a token for trying things out, signed here with the secret or made by a node that is for development.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { addApiOptions, ApiFailure, apiOf, type ApiOptions } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import { mintToken } from '../auth/tokens.ts'
import { systemClock } from '../clock.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import { durationMs } from '../config/units.ts'

const TTL = '1d'

const EXAMPLES = `
Examples:
  $ sluice token --sub alice --subscribe 'news:*' 'chat:42' --publish 'chat:42'
  $ SLUICE_JWT_SECRET=… sluice token --sub alice --subscribe '*' --ttl 10m

With SLUICE_JWT_SECRET the token is signed here (HS256). Without it a running node of sluice dev makes it.
`

interface Options extends ApiOptions {
  readonly sub: string
  readonly subscribe?: readonly string[]
  readonly publish?: readonly string[]
  readonly ttl: string
  readonly audience?: string
  readonly issuer?: string
}

export interface TokenRequest {
  readonly sub: string
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
  readonly ttlSeconds: number
  readonly audience?: string
  readonly issuer?: string
}

export function addToken(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('token')
      .summary('make a token')
      .description('Prints a token for a user, with the channels that it may subscribe and publish to.')
      .requiredOption('--sub <user>', 'the user')
      .option('--subscribe <patterns...>', 'channels; * at the end matches the rest of a name')
      .option('--publish <patterns...>', 'channels, likewise')
      .option('--ttl <time>', 'how long the token is good, such as 10m or 1h', TTL)
      .option('--audience <name>', 'the claim aud')
      .option('--issuer <name>', 'the claim iss'),
    'a node',
  )
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      const { sub, subscribe = [], publish = [], ttl, audience, issuer } = options
      const request: TokenRequest = {
        sub,
        subscribe: patternsOf(subscribe),
        publish: patternsOf(publish),
        ttlSeconds: secondsOf(ttl),
        ...(audience === undefined ? {} : { audience }),
        ...(issuer === undefined ? {} : { issuer }),
      }
      terminal.print(await obtainToken(request, terminal.env, options))
    })
}

/** Fails with one line that says what to do. */
export async function obtainToken(
  request: TokenRequest,
  env: NodeJS.ProcessEnv,
  access: ApiOptions = {},
): Promise<string> {
  const secret = env['SLUICE_JWT_SECRET']
  if (secret !== undefined && secret !== '') return mintToken({ ...request, secret }, systemClock)
  const api = apiOf(access, env)
  let answer: unknown
  try {
    answer = await api.post('/v1/dev/token', JSON.stringify(request))
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error
    if (error.code === 'unreachable')
      throw new CommandError(`${error.message}; or set SLUICE_JWT_SECRET to sign a token here`)
    if (error.code !== 'not_found') throw error
    throw new CommandError(
      'this node makes no tokens, since it is not one of sluice dev: set SLUICE_JWT_SECRET to the secret that it checks tokens with, or ask whoever signs them',
    )
  }
  const token = (answer as { token?: unknown } | null)?.token
  if (typeof token === 'string') return token
  throw new CommandError('the node answered without a token: it is of another version')
}

/** No channel has a comma in its name, so that both ways to write a list are clear. */
function patternsOf(words: readonly string[]): string[] {
  return words.flatMap((word) => word.split(',')).filter((pattern) => pattern !== '')
}

function secondsOf(ttl: string): number {
  const ms = durationMs(ttl)
  if (ms !== undefined && ms >= 1000) return Math.floor(ms / 1000)
  throw new CommandError(
    `--ttl is ${JSON.stringify(ttl)}; allowed: a time of at least 1s, such as 10m, 1h or 1d`,
    EXIT_USAGE,
  )
}
