/**
 * Redis with a replica and three Sentinels, of which two decide, and ways to cut one from another without a network: each
 * party has a user of its own where it connects to, and a user that is switched off is connected and stays without an answer.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RedisServer } from './redis-server.ts'
import { freePorts, ServerProcess, temporaryDirectory } from './server-process.ts'

const MASTER = 'the-master'
/** As which Sentinels are known to the servers. */
const WATCHER = 'watcher'

export class RedisSentinels {
  /** The one that serves at first. */
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly #ports: readonly number[]
  readonly #sentinels: readonly ServerProcess[]
  readonly #ends: readonly (() => Promise<void> | void)[]

  private constructor(
    primary: RedisServer,
    replica: RedisServer,
    ports: readonly number[],
    sentinels: readonly ServerProcess[],
    ends: readonly (() => Promise<void> | void)[],
  ) {
    this.primary = primary
    this.replica = replica
    this.#ports = ports
    this.#sentinels = sentinels
    this.#ends = ends
  }

  /** `users`: those who ask Sentinels. Resolves when the Sentinels know each other and the replica. */
  static async start(downAfterMs: number, users: readonly string[]): Promise<RedisSentinels> {
    const access = ['--user', WATCHER, 'on', 'nopass', '~*', '&*', '+@all', '--repl-diskless-sync-delay', '0']
    const primary = await RedisServer.start(access)
    const replica = await RedisServer.start([...access, '--replicaof', '127.0.0.1', String(primary.port)])
    await until(() => replica.command('info', 'replication').includes('master_link_status:up'))
    const ports = await freePorts(3)
    const directory = temporaryDirectory('sentinels')
    const sentinels = await Promise.all(
      ports.map((port, i) => {
        const file = join(directory.path, `${i}.conf`)
        const lines = [
          `port ${port}`,
          'bind 127.0.0.1',
          `dir ${directory.path}`,
          ...users.map((user) => `user ${user} on nopass ~* &* +@all`),
          `sentinel monitor ${MASTER} 127.0.0.1 ${primary.port} 2`,
          `sentinel auth-user ${MASTER} ${WATCHER}`,
          `sentinel auth-pass ${MASTER} any`,
          `sentinel down-after-milliseconds ${MASTER} ${downAfterMs}`,
          `sentinel failover-timeout ${MASTER} 3000`,
        ]
        // The Sentinel writes into it what it learns.
        writeFileSync(file, `${lines.join('\n')}\n`)
        const install = 'apt-get install redis-server'
        return ServerProcess.start({
          program: 'redis-server',
          install,
          args: [file, '--sentinel'],
          ready: '+slave',
        })
      }),
    )
    const servers = new RedisSentinels(primary, replica, ports, sentinels, [
      ...sentinels.map((sentinel) => () => sentinel.kill()),
      () => primary.stop(),
      () => replica.stop(),
      () => directory.remove(),
    ])
    for (const port of ports) {
      await until(() => cli(port, 'sentinel', 'sentinels', MASTER).split('runid').length === 3)
    }
    return servers
  }

  get urls(): string[] {
    return this.#ports.map((port) => `sentinel://127.0.0.1:${port}/${MASTER}`)
  }

  /** This one of the Sentinels, as `urls` has them, takes connections and answers nothing. */
  pause(at: number): void {
    this.#sentinels[at]?.pause()
  }

  resume(at: number): void {
    this.#sentinels[at]?.resume()
  }

  /** From now on the replica lacks what the primary confirms, and both live. */
  stopReplicating(): void {
    this.primary.command('acl', 'setuser', 'default', '-psync', '-sync')
    this.primary.command('client', 'kill', 'type', 'replica')
  }

  /** No Sentinel hears the primary any more; everybody else does. */
  cutPrimaryFromSentinels(): void {
    this.primary.command('acl', 'setuser', WATCHER, 'off')
    this.primary.command('client', 'kill', 'user', WATCHER)
  }

  /** So many of the Sentinels give this user no answer any more. */
  cutFromSentinels(user: string, count = this.#ports.length): void {
    for (const port of this.#ports.slice(0, count)) {
      cli(port, 'acl', 'setuser', user, 'off')
      cli(port, 'client', 'kill', 'user', user)
    }
  }

  healFromSentinels(user: string): void {
    for (const port of this.#ports) cli(port, 'acl', 'setuser', user, 'on')
  }

  /** Puts the replica in the place of the primary, which stays alive; resolves when all Sentinels say so. */
  async failover(): Promise<void> {
    // It refuses for as long as it has not heard enough of the replica.
    await until(() => cli(this.#ports[0] as number, 'sentinel', 'failover', MASTER).startsWith('OK'))
    for (const port of this.#ports) {
      const named = (): string => cli(port, 'sentinel', 'get-master-addr-by-name', MASTER)
      await until(() => named().includes(String(this.replica.port)))
    }
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) await end()
  }
}

function cli(port: number, ...words: readonly string[]): string {
  return execFileSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' })
}

/** Each round asks a server by a process of its own, which is pause enough. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
