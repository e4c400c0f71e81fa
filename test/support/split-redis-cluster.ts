/**
 * A Redis Cluster of three masters, of which one has a replica, in a network of its own: that one can be cut from all others, without
 * a word to anybody, while clients reach both sides. Needs root.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import { Namespace } from './network-namespace.ts'
import { ServerProcess, temporaryDirectory } from './server-process.ts'

/** Nobody else is in there. */
const PORTS = [7000, 7001, 7002, 7003] as const
const BUS = 10_000

export interface ClusterSettings {
  readonly nodeTimeoutMs: number
  /** More arguments of each server. */
  readonly more?: readonly string[]
  /** Users of the servers, of whom each may be kept from some of them. */
  readonly users: readonly string[]
}

export class SplitRedisCluster {
  /** The master that is cut off, by its number. */
  static readonly CUT = 0
  static readonly REPLICA = 3
  readonly #network: Namespace
  readonly #servers: readonly ServerProcess[]
  readonly #directory: { readonly path: string; remove(): void }

  private constructor(
    network: Namespace,
    servers: readonly ServerProcess[],
    directory: { readonly path: string; remove(): void },
  ) {
    this.#network = network
    this.#servers = servers
    this.#directory = directory
  }

  /** Resolves when all slots are served, and all servers know the replica, which follows. */
  static async start({ nodeTimeoutMs, more = [], users }: ClusterSettings): Promise<SplitRedisCluster> {
    const network = Namespace.create()
    network.inside('ip', 'link', 'set', 'lo', 'up')
    const directory = temporaryDirectory('split-cluster')
    const servers = await Promise.all(
      PORTS.map((port, i) => {
        mkdirSync(join(directory.path, String(i)))
        const args = [
          ...['--port', String(port), '--bind', '*', '--protected-mode', 'no', '--daemonize', 'no'],
          ...['--dir', join(directory.path, String(i)), '--save', '', '--appendonly', 'no'],
          ...['--cluster-enabled', 'yes', '--cluster-announce-ip', network.peer],
          ...['--cluster-node-timeout', String(nodeTimeoutMs), '--repl-diskless-sync-delay', '0'],
          // By it the network knows who speaks.
          ...['--bind-source-addr', sourceOf(i)],
          ...users.flatMap((user) => ['--user', user, 'on', '>any', '~*', '&*', '+@all']),
          ...more,
        ]
        return ServerProcess.start({
          ...network.command('redis-server', args),
          install: 'apt-get install redis-server',
          ready: 'Ready to accept connections',
        })
      }),
    )
    const cluster = new SplitRedisCluster(network, servers, directory)
    const masters = PORTS.slice(0, 3).map((port) => `${network.peer}:${port}`)
    redisCli(['--cluster', 'create', ...masters, '--cluster-replicas', '0', '--cluster-yes'])
    const id = cluster.command(0, 'cluster', 'myid').trim()
    cluster.command(3, 'cluster', 'meet', network.peer, String(PORTS[0]))
    await until(() => cluster.command(3, 'cluster', 'replicate', id).startsWith('OK'))
    await until(() => cluster.command(3, 'info', 'replication').includes('master_link_status:up'))
    for (const i of PORTS.keys()) {
      await until(() => cluster.command(i, 'cluster', 'info').includes('cluster_state:ok'))
      await until(() => cluster.command(i, 'cluster', 'slots').includes(String(PORTS[3])))
    }
    return cluster
  }

  urls(user: string): string[] {
    return PORTS.slice(0, 3).map((port) => `redis://${user}:any@${this.#network.peer}:${port}`)
  }

  command(server: number, ...words: string[]): string {
    return redisCli(['-h', this.#network.peer, '-p', String(PORTS[server]), ...words])
  }

  /** The first master and the others do not hear one another any more, nor does its replica. */
  cut(): void {
    this.cutReplica()
    this.#drop('-s', sourceOf(0))
    for (const i of [1, 2, 3]) {
      this.#drop('-s', sourceOf(i), '-p', 'tcp', '--dport', String((PORTS[0] as number) + BUS))
    }
  }

  /** The replica does not hear its master any more. */
  cutReplica(): void {
    this.#drop('-s', sourceOf(3), '-p', 'tcp', '--dport', String(PORTS[0]))
  }

  heal(): void {
    this.#network.inside('iptables', '-F', 'INPUT')
  }

  /** These servers do not serve the user any more. */
  keepOut(user: string, servers: readonly number[]): void {
    for (const server of servers) {
      this.command(server, 'acl', 'setuser', user, 'off')
      this.command(server, 'client', 'kill', 'user', user)
    }
  }

  letIn(user: string): void {
    for (const server of PORTS.keys()) this.command(server, 'acl', 'setuser', user, 'on')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.kill()))
    this.#network.close()
    this.#directory.remove()
  }

  #drop(...what: string[]): void {
    this.#network.inside('iptables', '-A', 'INPUT', ...what, '-j', 'DROP')
  }
}

function sourceOf(server: number): string {
  return `127.0.0.${server + 2}`
}

function redisCli(words: readonly string[]): string {
  return execFileSync('redis-cli', [...words], { encoding: 'utf8' })
}

/** Each round asks a server by a process of its own, which is pause enough. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
