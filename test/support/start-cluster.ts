/** Nodes of one cluster in this process, over a real nats-server and a real redis-server. */
import { NatsServer } from './nats-server.ts'
import { RedisServer } from './redis-server.ts'
import { startNode, type StartedNode } from './start-node.ts'
import { patientDuration } from './patience.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

export interface StartedCluster {
  readonly nats: NatsServer
  readonly redis: RedisServer
  readonly nodes: readonly StartedNode[]
  /** One more, or one with settings of its own. */
  join(settings?: ConfigInput): Promise<StartedNode>
  close(): Promise<void>
}

export const CLUSTER_SECRET = 'a-secret-that-the-nodes-of-a-test-share'

export async function startCluster(count: number, settings: ConfigInput = {}): Promise<StartedCluster> {
  const [nats, redis] = await Promise.all([NatsServer.start(), RedisServer.start()])
  const nodes: StartedNode[] = []
  const join = async (more: ConfigInput = {}): Promise<StartedNode> => {
    const node = await startNode({
      ...settings,
      ...more,
      nats: { url: [nats.url], ...more.nats },
      redis: { url: [redis.url], ...more.redis },
      node: { clusterSecret: CLUSTER_SECRET, ...settings.node, ...more.node },
      cluster: {
        heartbeat: '200ms',
        nodeTtl: patientDuration(1500),
        canary: patientDuration(200),
        ...settings.cluster,
        ...more.cluster,
      },
    })
    nodes.push(node)
    return node
  }
  for (let i = 0; i < count; i++) await join()
  return {
    nats,
    redis,
    nodes,
    join,
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
      await Promise.all([nats.stop(), redis.stop()])
    },
  }
}
