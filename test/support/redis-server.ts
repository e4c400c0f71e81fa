/**
 * Real Redis servers for tests: one alone, or three masters as a Redis Cluster.
 */
import { execFileSync } from 'node:child_process'
import { freePort, freePorts, ServerProcess, temporaryDirectory } from './server-process.ts'

export class RedisServer {
  readonly port: number
  readonly #args: readonly string[]
  readonly #directory: { readonly path: string; remove(): void }
  #process: ServerProcess

  private constructor(
    port: number,
    args: readonly string[],
    directory: { readonly path: string; remove(): void },
    process: ServerProcess,
  ) {
    this.port = port
    this.#args = args
    this.#directory = directory
    this.#process = process
  }

  /** Keeps nothing on disk, unless `settings` say so. */
  static async start(settings: readonly string[] = [], port?: number): Promise<RedisServer> {
    const directory = temporaryDirectory('redis')
    const at = port ?? (await freePort())
    const args = [
      ...['--port', String(at), '--bind', '127.0.0.1', '--dir', directory.path],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      ...settings,
    ]
    return new RedisServer(at, args, directory, await launch(args))
  }

  /** Where it keeps its files. */
  get directory(): string {
    return this.#directory.path
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  kill(): Promise<void> {
    return this.#process.kill()
  }

  pause(): void {
    this.#process.pause()
  }

  resume(): void {
    this.#process.resume()
  }

  /** After `kill`, on the same port. Empty, unless it keeps its data on disk. */
  async restart(): Promise<void> {
    await this.#process.kill()
    this.#process = await launch(this.#args)
  }

  /** One command by the server's own client, so that a test does not depend on ours. */
  command(...words: string[]): string {
    return redisCli(this.port, words)
  }

  async stop(): Promise<void> {
    await this.#process.kill()
    await this.#process.forksEnded()
    this.#directory.remove()
  }
}

/** Three masters without replicas, with the slots spread over them. */
export class RedisCluster {
  readonly servers: readonly RedisServer[]

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers
  }

  static async start(): Promise<RedisCluster> {
    const ports = await freePorts(6)
    const servers = await Promise.all(
      [0, 1, 2].map((i) =>
        RedisServer.start(
          [
            ...['--cluster-enabled', 'yes', '--cluster-port', String(ports[i + 3])],
            ...['--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'],
          ],
          ports[i],
        ),
      ),
    )
    redisCli(undefined, [
      ...['--cluster', 'create', ...servers.map(({ port }) => `127.0.0.1:${port}`)],
      ...['--cluster-replicas', '0', '--cluster-yes'],
    ])
    const cluster = new RedisCluster(servers)
    await cluster.#agreed()
    return cluster
  }

  get urls(): string[] {
    return this.servers.map(({ url }) => url)
  }

  /** A replica of this master. Resolves when it follows, and all servers know it. */
  async addReplica(master: RedisServer): Promise<RedisServer> {
    const bus = String(await freePort())
    const replica = await RedisServer.start([
      ...['--cluster-enabled', 'yes', '--cluster-port', bus],
      ...['--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'],
    ])
    master.command('config', 'set', 'repl-diskless-sync-delay', '0')
    const id = master.command('cluster', 'myid').trim()
    const itsBus = /@(\d+)\S* myself/.exec(master.command('cluster', 'nodes'))?.[1] as string
    replica.command('cluster', 'meet', '127.0.0.1', String(master.port), itsBus)
    while (!replica.command('cluster', 'replicate', id).startsWith('OK')) await nextTurn()
    while (!replica.command('info', 'replication').includes('master_link_status:up')) await nextTurn()
    for (const server of this.servers)
      while (!server.command('cluster', 'slots').includes(String(replica.port))) await nextTurn()
    return replica
  }

  /** All servers lose their data and keep their slots. */
  async restart(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.restart()))
    await this.#agreed()
  }

  /** The servers tell one another: whoever asks the last of them must not be sent to nobody. */
  async #agreed(): Promise<void> {
    for (const server of this.servers) {
      while (!server.command('cluster', 'info').includes('cluster_state:ok')) await nextTurn()
      while (server.command('cluster', 'slots').split('127.0.0.1').length < 4) await nextTurn()
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
  }
}

function launch(args: readonly string[]): Promise<ServerProcess> {
  return ServerProcess.start({
    program: 'redis-server',
    install: 'apt-get install redis-server',
    args,
    ready: 'Ready to accept connections',
  })
}

function redisCli(port: number | undefined, words: readonly string[]): string {
  const where = port === undefined ? [] : ['-h', '127.0.0.1', '-p', String(port)]
  return execFileSync('redis-cli', [...where, ...words], { encoding: 'utf8' })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
