/** Stock clients of Centrifuge, in both builds, while the node that they are at is drained. */
import { Centrifuge, type SubscribedContext } from 'centrifuge'
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { patientDuration } from '../support/patience.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

const CLIENTS_OF_EACH = 5

interface Follower {
  readonly client: Centrifuge
  readonly seen: number[]
  readonly starts: SubscribedContext[]
  readonly closedWith: number[]
}

let cluster: StartedCluster | undefined
const followers: Follower[] = []

afterEach(async () => {
  for (const { client } of followers.splice(0)) client.disconnect()
  await cluster?.close()
  cluster = undefined
})

/** Where the balancer sends whoever comes. */
let target: StartedNode

class Balanced extends WebSocket {
  constructor(_url: string, protocols: string[]) {
    super(`ws://127.0.0.1:${target.port}/connection/websocket`, protocols)
  }
}

async function follow(
  Client: typeof Centrifuge,
  user: string,
  read: (data: unknown) => number,
): Promise<Follower> {
  const client = new Client('ws://balancer', {
    websocket: Balanced,
    token: await target.token(user),
    minReconnectDelay: 1,
    maxReconnectDelay: 50,
  })
  const follower: Follower = { client, seen: [], starts: [], closedWith: [] }
  client.on('connecting', ({ code }) => void follower.closedWith.push(code))
  const subscription = client.newSubscription('news')
  subscription.on('publication', ({ data }) => void follower.seen.push(read(data)))
  subscription.on('subscribed', (context) => void follower.starts.push(context))
  subscription.subscribe()
  client.connect()
  await subscription.ready()
  followers.push(follower)
  return follower
}

it('a drain moves each of them once, and each sees every message once and in order', async () => {
  cluster = await startCluster(2, {
    dialects: { centrifuge: {} },
    drain: { plan: '25%/200ms', deregisterDelay: '100ms', grace: patientDuration(10_000), linger: '100ms' },
  })
  const [old, other] = cluster.nodes as [StartedNode, StartedNode]
  target = old
  const text = new TextDecoder()
  await Promise.all(
    Array.from({ length: CLIENTS_OF_EACH }, (_, index) => [
      follow(Centrifuge, `json${index}`, (data) => data as number),
      follow(ProtobufCentrifuge as unknown as typeof Centrifuge, `protobuf${index}`, (data) =>
        Number(text.decode(data as Uint8Array)),
      ),
    ]).flat(),
  )
  const drained = { yet: false }
  target = other
  const draining = old.drain().then(() => (drained.yet = true))
  const published: number[] = []
  // As fast as the log takes them, for as long as anybody is on the way.
  while (!drained.yet) {
    published.push(published.length)
    await other.publish({ channel: 'news', data: published.length - 1 })
  }
  await draining
  for (const { seen } of followers)
    await expect.poll(() => seen.length).toBeGreaterThanOrEqual(published.length)
  for (const { seen, starts, closedWith } of followers) {
    expect(seen).toEqual(published)
    expect(starts.map(({ wasRecovering, recovered }) => [wasRecovering, recovered])).toEqual([
      [false, false],
      [true, true],
    ])
    // The first is that of its own connect.
    expect(closedWith).toEqual([0, 3001])
  }
})
