/**
 * A cluster as it is deployed: processes of `sluice serve` with the shipped defaults, a nats-server, a redis-server, and HAProxy
 * in front. Set is only what has no default (addresses, secrets), what says which deploy a node is of, and the drain's plan.
 */
import { execFile } from 'node:child_process'
import { startHaProxy, type HaProxy } from './haproxy.ts'
import type { ConfigInput } from '../../../src/config/schema.ts'
import { COMMAND, GatewayProcess } from '../../../test/support/gateway-process.ts'
import { NatsServer } from '../../../test/support/nats-server.ts'
import { RedisServer } from '../../../test/support/redis-server.ts'
import { freePorts, temporaryDirectory } from '../../../test/support/server-process.ts'

/** Of the nodes that a deploy replaces; with `--old` they run that build. */
export const OLD = '1.0'
export const NEW = '1.1'

export interface ClusterOptions {
  /** Places for nodes: of each what it is started with. */
  readonly nodes: readonly ConfigInput[]
  readonly plan: string
  /** Where clients connect to the nodes themselves, there is none. Default: true. */
  readonly balanced?: boolean
  /** The program of the nodes of the version `OLD`. Default: that of this tree, as of all others. */
  readonly old?: string | undefined
}

export class Cluster {
  readonly nats: NatsServer
  readonly redis: RedisServer
  readonly nodes: readonly GatewayProcess[]
  readonly #haproxy: HaProxy | undefined
  readonly #directory: { readonly path: string; remove(): void }

  private constructor(
    nats: NatsServer,
    redis: RedisServer,
    nodes: readonly GatewayProcess[],
    haproxy: HaProxy | undefined,
    directory: { readonly path: string; remove(): void },
  ) {
    this.nats = nats
    this.redis = redis
    this.nodes = nodes
    this.#haproxy = haproxy
    this.#directory = directory
  }

  /** No node runs yet. */
  static async prepare({ nodes: wanted, plan, balanced = true, old }: ClusterOptions): Promise<Cluster> {
    const directory = temporaryDirectory('storm')
    const [nats, redis, ports] = await Promise.all([
      NatsServer.start(),
      RedisServer.start(),
      freePorts(wanted.length * 2),
    ])
    const nodes = wanted.map(
      (settings, index) =>
        new GatewayProcess(
          [ports[index * 2] as number, ports[index * 2 + 1] as number],
          directory.path,
          {
            ...settings,
            trustedProxies: ['127.0.0.0/8'],
            nats: { url: [nats.url] },
            redis: { url: [redis.url] },
            drain: { plan, ...settings.drain },
          },
          settings.node?.version === OLD ? old : undefined,
        ),
    )
    const haproxy = balanced ? await startHaProxy(nodes) : undefined
    return new Cluster(nats, redis, nodes, haproxy, directory)
  }

  get balancer(): HaProxy {
    if (this.#haproxy === undefined) throw new Error('the cluster was prepared without a balancer')
    return this.#haproxy
  }

  node(index: number): GatewayProcess {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`there is no node ${index}`)
    return node
  }

  /** A command of `sluice`, asked at a node; answers its exit code and what it printed. */
  sluice(at: GatewayProcess, ...words: readonly string[]): Promise<{ code: number; output: string }> {
    const env = {
      ...process.env,
      SLUICE_API_URL: `http://127.0.0.1:${at.apiPort}`,
      SLUICE_API_KEY: at.apiKey,
    }
    return new Promise((resolve) => {
      execFile(process.execPath, [COMMAND, ...words], { env }, (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
      })
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()))
    await this.#haproxy?.close()
    await Promise.all([this.nats.stop(), this.redis.stop()])
    this.#directory.remove()
  }
}
