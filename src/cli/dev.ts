/**
 * `sluice dev`: a node with nothing to set up, and the lines to try it with.
 */
import { createServer } from 'node:net'
import { statSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { devSecret } from './dev-secret.ts'
import { adviseOnFiles } from './file-limit.ts'
import { API_URL } from './gateway-api.ts'
import { addNodeOptions, sourcesOf } from './node-options.ts'
import { runNode } from './run-node.ts'
import type { Terminal } from './terminal.ts'
import { mintToken } from '../auth/tokens.ts'
import { systemClock } from '../clock.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import { DEV_KEY, hasDevKey } from '../config/dev-settings.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Node } from '../node/contract.ts'
import { NPX } from '../package-names.ts'

/** As the banner's commands assume it. */
const URL_DEFAULT = 'http://127.0.0.1:8080'

/** Longer than anybody tries something out. */
const TOKEN_TTL_SECONDS = 86_400

const EXAMPLES = `
Examples:
  $ sluice dev
  $ sluice dev --port 9000 --config sluice.yaml
  $ sluice dev --static ./public                      your page at /, beside /sluice.js, /dev/token and the workbench at /dev/

Ctrl-C (SIGINT) closes clients over a second and ends the node; once more ends it at once. SIGTERM and the end of the terminal
(SIGHUP) end it, too.
`

export function addDev(program: Command, terminal: Terminal): void {
  const command = program
    .command('dev')
    .summary('start a node for development: nothing to set up')
    .description(
      'Starts a node for development on this machine: everything in memory, a key and a secret of its own, for this machine only.',
    )
  addNodeOptions(command, true)
    .option('--static <folder>', 'serve its files at /')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { readonly static?: string }) => {
      const { secret, unkept } = devSecret(terminal.env)
      const config = loadConfig({
        ...sourcesOf(command, terminal.env, true),
        devSecret: secret,
        ...(options.static === undefined ? {} : { devStatic: folderAt(options.static) }),
      })
      if (unkept !== undefined)
        terminal.tell(`sluice: ${unkept}: tokens are good for this run only, and open pages ask for new ones`)
      await refuseTakenPort(config.host, config.port, '--port')
      await refuseTakenPort(config.api.host, config.api.port, '--api-port')
      const started = async (node: Node): Promise<void> => {
        const { url, apiUrl } = node
        terminal.print(banner(config, { url, apiUrl, token: await tokenFor(config) }))
        adviseOnFiles(config, node)
      }
      await runNode({ config, started }, terminal)
    })
}

function folderAt(given: string): string {
  const path = resolvePath(given)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path
  throw new CommandError(`--static is ${JSON.stringify(given)}, and there is no folder ${path}`, EXIT_USAGE)
}

/**
 * A gateway shares its ports with others of its kind, so that processes can take over from one another. Two nodes for
 * development on one port would each get some of the connections, and nobody would understand why.
 */
function refuseTakenPort(host: string, port: number, flag: string): Promise<void> {
  if (port === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'something listens there already' : (error.code ?? error.message)
      reject(new CommandError(`cannot listen on ${host}:${port} (${why}): choose another port with ${flag}`))
    })
    probe.listen(port, host, () => probe.close(() => resolve()))
  })
}

/** With a secret that somebody has configured, who gets a token is theirs to say. */
async function tokenFor({ auth, devTokens }: Config): Promise<string | undefined> {
  if (!devTokens || auth.jwtSecret === undefined) return undefined
  const [audience] = auth.audience ?? []
  const [issuer] = auth.issuer ?? []
  return mintToken(
    {
      secret: auth.jwtSecret,
      sub: 'dev',
      subscribe: ['*'],
      publish: ['*'],
      ttlSeconds: TOKEN_TTL_SECONDS,
      ...(audience === undefined ? {} : { audience }),
      ...(issuer === undefined ? {} : { issuer }),
    },
    systemClock,
  )
}

interface Addresses {
  readonly url: string
  readonly apiUrl: string
  readonly token: string | undefined
}

/** What to paste. A key that somebody has set is theirs, and not shown. */
function banner(config: Config, { url, apiUrl, token }: Addresses): string {
  const ownKey = hasDevKey(config.api.keys)
  const key = ownKey ? DEV_KEY : '<your API key>'
  // Without a token `tail` asks the second listener for one.
  const tailFlags = url === URL_DEFAULT ? '' : ` --url ${url}`
  const tailPrefix = apiUrl === API_URL ? '' : `SLUICE_API_URL=${apiUrl} `
  const flags = `${apiUrl === API_URL ? '' : ` --url ${apiUrl}`}${ownKey ? '' : ` --key '${key}'`}`
  const webSocket = `${url.replace(/^http/, 'ws')}/v1/ws`
  const message = `{"hello":"world"}`
  return [
    '',
    'Sluice is running, for development only.',
    '',
    `  workbench   ${url}/${config.devStatic === undefined ? '' : 'dev/'}`,
    ...(config.devStatic === undefined ? [] : [`  your page   ${url}/ (${config.devStatic})`]),
    `  WebSocket   ${webSocket}`,
    `  SDK         ${url}/sluice.js`,
    `  API         ${apiUrl}`,
    '',
    ...inMemoryNote(config),
    ...(token === undefined
      ? []
      : ['A token for the user dev, who may subscribe and publish to everything:', '', `  ${token}`, '']),
    'Listen in another terminal, and publish in a third:',
    '',
    `  ${tailPrefix}${NPX} tail news${tailFlags}`,
    `  ${NPX} publish news '${message}'${flags}`,
    `  curl -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '{"channel":"news","data":${message}}' ${apiUrl}/v1/publish`,
    '',
  ].join('\n')
}

/** What is called durable and is not has to be said where it is started. */
function inMemoryNote({ namespaces, nats }: Config): string[] {
  const names = Object.entries(namespaces).flatMap(([name, { delivery }]) =>
    delivery === 'durable' ? [name] : [],
  )
  if (names.length === 0 || nats.url.length > 0) return []
  return [
    `Durable channels (${names.join(', ')}) are in memory only, and gone when this node ends: for more set nats.url.`,
    '',
  ]
}
