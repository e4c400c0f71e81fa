import { afterAll, beforeAll, expect, it } from 'vitest'
import { TURNS_MAX } from '../../src/cluster/steering.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** What a node that is kept out does with clients that are sent away from another: a balancer may not know of it yet. */

let cluster: StartedCluster
let [kept, free]: StartedNode[] = []

beforeAll(async () => {
  cluster = await startCluster(2)
  ;[kept, free] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

it('a node that is cordoned sends a moving client on, to one that is not, and lets in whoever has no other way', async () => {
  const [out, open] = [kept, free] as [StartedNode, StartedNode]
  const ready = async (node: StartedNode): Promise<number> =>
    (await fetch(`http://127.0.0.1:${node.apiPort}/readyz`)).status
  const moving = async (node: StartedNode, move: number): Promise<number> => {
    const url = `ws://127.0.0.1:${node.port}/v1/ws?resume=1&move=${move}`
    const { client, welcome } = await RawClient.connect(url, { token: await node.token('ann') }).catch(
      (error: { status: number }) => ({ client: undefined, welcome: error }),
    )
    client?.cut()
    return 'status' in welcome ? (welcome.status as number) : 101
  }
  expect(await moving(out, 0)).toBe(101)
  expect((await out.api('PUT', `/v1/cordons/node/${out.id}`)).status).toBe(200)
  await expect.poll(() => ready(out)).toBe(503)
  // From here on the other one is known as well.
  await expect.poll(() => moving(out, 0)).toBe(503)
  const refused = await out.metric('sluice_refusals_total{reason="outdated"}')
  expect(await moving(out, TURNS_MAX - 1)).toBe(503)
  expect(await out.metric('sluice_refusals_total{reason="outdated"}')).toBe(refused + 1)
  // Everywhere it was sent on: better here than nowhere.
  expect(await moving(out, TURNS_MAX)).toBe(101)
  expect(await moving(open, 0)).toBe(101)
  // A newcomer whom a balancer has sent here all the same is served.
  const { client } = await RawClient.connect(`ws://127.0.0.1:${out.port}/v1/ws`, {
    token: await out.token('bob'),
  })
  client.cut()
})
