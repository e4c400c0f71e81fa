/**
 * `sluice doctor`: looks at a deployment from outside, and says what to change.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { backlogFinding, failed, filesFinding, findingLines, type Finding } from './findings.ts'
import { apiFindings, proxyFinding, publicFindings } from './listeners.ts'
import { natsOf, redisOf } from './servers.ts'
import { CommandError } from '../command-error.ts'
import type { Terminal } from '../terminal.ts'
import { systemClock } from '../../clock.ts'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'

const EXAMPLES = `
Examples:
  $ sluice doctor sluice.yaml
  $ sluice doctor sluice.yaml --public https://rt.example.com --url https://10.0.0.5:8081 --ca ca.pem
  $ sluice doctor sluice.yaml --json | jq '.[] | select(.status != "ok")'

Run it where a node runs, with its configuration: file limits and the kernel are those of this machine, NATS and Redis are used as
the node would, on the subject sluice.doctor and without writing anything. The exit code is 1 where something fails.
`

interface Options {
  readonly public?: string
  readonly url?: string
  readonly ca?: string
  readonly json?: true
}

export function addDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .summary('look at a deployment and say what to change')
    .description(
      'Looks at a deployment from outside: ports, TLS, PROXY protocol, NATS, Redis, clocks, limits of the machine.',
    )
    .argument('[file]', 'the configuration of the nodes, YAML or JSON (SLUICE_CONFIG)')
    .option(
      '--public <url>',
      'where clients connect, such as https://rt.example.com (the public listener here)',
    )
    .option('--url <url>', 'the second listener of a node (the one here)')
    .option('--ca <file>', 'whom the certificates come from, in PEM')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action((file: string | undefined, options: Options) => doctor(file, options, terminal))
}

async function doctor(file: string | undefined, options: Options, terminal: Terminal): Promise<void> {
  const config = loadConfig({ env: terminal.env, ...(file === undefined ? {} : { file }) })
  const findings = await allOf(config, options)
  if (options.json) terminal.print(JSON.stringify(findings))
  else for (const line of findingLines(findings)) terminal.print(line)
  const count = failed(findings)
  if (count > 0) throw new CommandError(`${count} of ${findings.length} checks fail`)
}

async function allOf(config: Config, options: Options): Promise<Finding[]> {
  const ca = options.ca === undefined ? undefined : readFileSync(options.ca, 'utf8')
  const clients = { url: options.public ?? hereOf(config.host, config.port, config.tls), ca }
  const api = { url: options.url ?? hereOf(config.api.host, config.api.port, config.api.tls), ca }
  const isEdge = config.node.role !== 'api'
  const looks = [
    checked(config),
    ...(isEdge ? [publicFindings(clients)] : []),
    ...(isEdge && config.proxyProtocol ? [proxyFinding(clients).then((one) => [one])] : []),
    apiFindings(api, systemClock.now()),
    natsOf(config),
    redisOf(config),
  ]
  return [...(await Promise.all(looks)).flat(), ...machine(config)]
}

async function checked(config: Config): Promise<Finding[]> {
  const { faultsOf } = await import('../../node/preflight.ts')
  const { weaknesses } = await import('../../node/options.ts')
  const found: Finding[] = [
    ...(await faultsOf(config)).map((says) => ({ what: 'configuration', status: 'fail' as const, says })),
    ...weaknesses(config).map((says) => ({ what: 'configuration', status: 'warn' as const, says })),
  ]
  if (['0.0.0.0', '::'].includes(config.api.host))
    found.push({
      what: 'api.host',
      status: 'warn',
      says: `${config.api.host}: the second listener may be reached from everywhere`,
      change: 'an internal address, or a NetworkPolicy or firewall before it',
    })
  return found.length > 0
    ? found
    : [{ what: 'configuration', status: 'ok', says: 'nothing is wrong with it' }]
}

/** Linux alone tells. */
function machine({ limits }: Config): Finding[] {
  const found: Finding[] = []
  const limit = /^Max open files\s+(\d+)\s+(\d+)/m.exec(textOf('/proc/self/limits') ?? '')
  if (limit !== null) found.push(filesFinding(Number(limit[1]), Number(limit[2]), limits.connections))
  const somaxconn = textOf('/proc/sys/net/core/somaxconn')
  if (somaxconn !== undefined) found.push(backlogFinding(Number(somaxconn)))
  if (found.length === 0)
    found.push({
      what: 'this machine',
      status: 'skip',
      says: 'only Linux tells its limits; look at ulimit -n',
    })
  return found
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT' || (error as { code?: unknown }).code === 'EACCES')
      return undefined
    throw error
  }
}

function hereOf(host: string, port: number, tls: object | undefined): string {
  const shown = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `${tls === undefined ? 'http' : 'https'}://${shown}:${port}`
}
