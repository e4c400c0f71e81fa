/** A process of `sluice serve`, as a supervisor starts it: again after it has ended, on the same ports. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from './server-process.ts'
import { CLUSTER_SECRET } from './start-cluster.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

export const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'
const API_KEY = 'a-key-for-tests-only'

export class GatewayProcess {
  readonly port: number
  readonly apiPort: number
  readonly apiKey = API_KEY
  readonly #directory: string
  readonly #settings: ConfigInput
  readonly #command: string
  #process: ServerProcess | undefined

  /** `command`: the program. Default: that of this tree. */
  constructor(
    ports: readonly [number, number],
    directory: string,
    settings: ConfigInput,
    command: string = COMMAND,
  ) {
    ;[this.port, this.apiPort] = ports
    this.#directory = directory
    this.#settings = settings
    this.#command = command
  }

  /** Again after `kill` or `stop`; `more` wins over what it was made with. */
  async start(more: ConfigInput = {}): Promise<void> {
    const file = join(this.#directory, `node-${this.port}.json`)
    const settings: ConfigInput = {
      ...this.#settings,
      ...more,
      host: '127.0.0.1',
      port: this.port,
      api: { port: this.apiPort, keys: [`tests:publish+admin:${API_KEY}`] },
      auth: { jwtSecret: SECRET, ...this.#settings.auth },
      log: { level: 'info', pretty: false },
      node: { clusterSecret: CLUSTER_SECRET, ...this.#settings.node, ...more.node },
    }
    writeFileSync(file, JSON.stringify(settings))
    this.#process = await ServerProcess.start({
      program: process.execPath,
      install: 'Node.js',
      args: [this.#command, 'serve', '--config', file],
      ready: 'the node is ready',
    })
  }

  get output(): string {
    return this.#process?.output ?? ''
  }

  get pid(): number {
    if (this.#process === undefined) throw new Error('the node was not started')
    return this.#process.pid
  }

  /** As the node calls itself, since it was started last. */
  get id(): string {
    const id = /"node":"([0-9a-f]+)"/.exec(this.output)?.[1]
    if (id === undefined) throw new Error('the node has not said who it is')
    return id
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal)
  }

  kill(): Promise<void> {
    return this.#process?.kill() ?? Promise.resolve()
  }

  /** By SIGTERM; answers the exit code. */
  stop(): Promise<number | null> {
    return this.#process?.stop() ?? Promise.resolve(null)
  }

  /** Resolves with the exit code once it has ended, however that comes. */
  ended(): Promise<number | null> {
    return this.#process?.ended() ?? Promise.resolve(null)
  }

  api(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.apiPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async ready(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.apiPort}/readyz`)).status === 200
    } catch (error) {
      // Nobody listens.
      if (error instanceof TypeError) return false
      throw error
    }
  }

  async metric(series: string): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${this.apiPort}/metrics`)).text()
    const line = page.split('\n').find((text) => text.startsWith(`${series} `))
    return line === undefined ? 0 : Number(line.slice(series.length + 1))
  }
}

/** For any node that was started here: everything is allowed, and it does not expire. */
export function tokenOf(user: string): Promise<string> {
  return mintToken({ secret: SECRET, sub: user, subscribe: ['*'], publish: ['*'] }, systemClock)
}
