/**
 * A Redis with a replica, and a Sentinel that puts the replica in its place when it dies.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RedisServer } from './redis-server.ts'
import { freePort, ServerProcess, temporaryDirectory } from './server-process.ts'

const MASTER = 'the-master'

export class RedisSentinel {
  /** The one that serves at first. */
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly #port: number
  readonly #sentinel: ServerProcess
  readonly #directory: { readonly path: string; remove(): void }

  private constructor(
    master: RedisServer,
    replica: RedisServer,
    port: number,
    sentinel: ServerProcess,
    directory: { readonly path: string; remove(): void },
  ) {
    this.master = master
    this.replica = replica
    this.#port = port
    this.#sentinel = sentinel
    this.#directory = directory
  }

  /** `more`: lines of the Sentinel's configuration. Resolves when the replica follows and the Sentinel knows of it. */
  static async start(more: readonly string[] = []): Promise<RedisSentinel> {
    // By default it waits five seconds for further replicas before it gives the first its data.
    const master = await RedisServer.start(['--repl-diskless-sync-delay', '0'])
    const replica = await RedisServer.start(['--replicaof', '127.0.0.1', String(master.port)])
    await follows(replica)
    const directory = temporaryDirectory('sentinel')
    const port = await freePort()
    const file = join(directory.path, 'sentinel.conf')
    // The Sentinel writes into it what it learns.
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${directory.path}`,
        `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 1`,
        `sentinel down-after-milliseconds ${MASTER} 500`,
        `sentinel failover-timeout ${MASTER} 2000`,
        ...more,
        '',
      ].join('\n'),
    )
    const sentinel = await ServerProcess.start({
      program: 'redis-server',
      install: 'apt-get install redis-server',
      args: [file, '--sentinel'],
      ready: '+slave',
    })
    return new RedisSentinel(master, replica, port, sentinel, directory)
  }

  get url(): string {
    return `sentinel://127.0.0.1:${this.#port}/${MASTER}`
  }

  /** The master comes back without its data; resolves when the replica follows it again. */
  async loseData(): Promise<void> {
    await this.master.restart()
    // The first replica of a server gives it another replication id, and with it every channel a new epoch.
    await follows(this.replica)
  }

  async stop(): Promise<void> {
    await this.#sentinel.kill()
    await Promise.all([this.master.stop(), this.replica.stop()])
    this.#directory.remove()
  }
}

function follows(replica: RedisServer): Promise<void> {
  return until(() => replica.command('info', 'replication').includes('master_link_status:up'))
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
