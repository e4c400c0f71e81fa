/** A whole cluster as it is deployed: processes of `sluice serve`, a nats-server, a redis-server and a load balancer. */
import { Balancer } from './balancer.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { GatewayProcess, tokenOf } from './gateway-process.ts'
import { NatsServer } from './nats-server.ts'
import { RedisServer } from './redis-server.ts'
import { freePorts, temporaryDirectory } from './server-process.ts'
import { patientDuration } from './patience.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

const HEALTH_CHECK_MS = 100

export interface FleetOptions {
  readonly nodes: number
  /** So many of them are started; the others wait for `start`. Default: all. */
  readonly started?: number
  readonly settings?: ConfigInput
  /** Arguments of redis-server; by default nothing is kept on disk. */
  readonly redis?: readonly string[]
  /** More lines of the configuration of nats-server. */
  readonly nats?: readonly string[]
  /**
   * Each node reaches NATS through a proxy that can be cut. It runs in this process, and with all of its clients in there too what
   * nodes say to each other is as late as they are: so only where it is cut. Default: false.
   */
  readonly cuttable?: boolean
}

export class FleetNode extends GatewayProcess {
  /** Between the node and NATS: what it cuts, only this node loses. Of a fleet that is cuttable. */
  readonly natsProxy: CuttingProxy | undefined

  constructor(
    ports: readonly [number, number],
    natsProxy: CuttingProxy | undefined,
    directory: string,
    settings: ConfigInput,
  ) {
    super(ports, directory, settings)
    this.natsProxy = natsProxy
  }
}

export class Fleet {
  readonly nats: NatsServer
  readonly redis: RedisServer
  readonly nodes: readonly FleetNode[]
  readonly balancer: Balancer
  readonly #directory: { readonly path: string; remove(): void }
  readonly #checking: NodeJS.Timeout

  private constructor(
    nats: NatsServer,
    redis: RedisServer,
    nodes: readonly FleetNode[],
    balancer: Balancer,
    directory: { readonly path: string; remove(): void },
  ) {
    this.nats = nats
    this.redis = redis
    this.nodes = nodes
    this.balancer = balancer
    this.#directory = directory
    this.#checking = setInterval(() => void this.#check(), HEALTH_CHECK_MS)
  }

  static async start({
    nodes: count,
    started = count,
    settings = {},
    redis: redisArgs = [],
    nats: natsLines = [],
    cuttable = false,
  }: FleetOptions): Promise<Fleet> {
    const directory = temporaryDirectory('fleet')
    const [nats, redis] = await Promise.all([
      NatsServer.start(undefined, natsLines),
      RedisServer.start(redisArgs),
    ])
    const ports = await freePorts(count * 2)
    const nodes = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const proxy = cuttable ? new CuttingProxy(nats.port) : undefined
        await proxy?.listen()
        return new FleetNode(
          [ports[index * 2] as number, ports[index * 2 + 1] as number],
          proxy,
          directory.path,
          {
            ...settings,
            // Everybody comes from one address, and a busy machine is not what admission is to notice.
            admission: { perAddressPerSecond: 0, maxLoopLag: 0, ...settings.admission },
            nats: { url: [proxy === undefined ? nats.url : `nats://127.0.0.1:${proxy.port}`] },
            redis: { url: [redis.url] },
            cluster: {
              heartbeat: '500ms',
              nodeTtl: patientDuration(3000),
              canary: patientDuration(500),
              ...settings.cluster,
            },
            heartbeat: { retryMin: '50ms', retryMax: '300ms', ...settings.heartbeat },
            feeds: { headCheck: '2s', ...settings.feeds },
          },
        )
      }),
    )
    const balancer = new Balancer(nodes.map(({ port }) => port))
    await balancer.listen()
    const fleet = new Fleet(nats, redis, nodes, balancer, directory)
    try {
      await Promise.all(nodes.slice(0, started).map((node) => node.start()))
    } catch (error) {
      await fleet.close()
      throw error
    }
    return fleet
  }

  token(user: string): Promise<string> {
    return tokenOf(user)
  }

  /** As load balancers do: who is not ready gets no new connections. */
  async #check(): Promise<void> {
    const ready = await Promise.all(this.nodes.map((node) => node.ready()))
    this.balancer.targets = this.nodes.flatMap(({ port }, index) => (ready[index] === true ? [port] : []))
  }

  async close(): Promise<void> {
    clearInterval(this.#checking)
    await this.balancer.close()
    await Promise.all(this.nodes.map((node) => node.kill()))
    await Promise.all(this.nodes.map(async ({ natsProxy }) => natsProxy?.close()))
    await Promise.all([this.nats.stop(), this.redis.stop()])
    this.#directory.remove()
  }
}
