import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NatsLink } from '../../src/drivers/nats.ts'
import { decodeMessage } from '../../src/protocol/packet.ts'
import { decodeSealed } from '../../src/protocol/sealed-packet.ts'
import { decodeSeveral } from '../../src/protocol/several-packet.ts'
import { openNats } from '../support/nats-links.ts'
import { patientMs } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** Messages of one turn go as one packet between nodes that read that, and one by one while a node is there that does not. */

const CHANNEL = 'news:1'
const MESSAGES = 50
const TIMEOUT_MS = patientMs(60_000)

let cluster: StartedCluster
let one: StartedNode
let wire: NatsLink
let listeners: RawClient[]
/** What went over NATS to the channel: how many messages were in each packet. */
let packets: number[] = []
let published = 0

beforeAll(async () => {
  cluster = await startCluster(2)
  one = cluster.nodes[0] as StartedNode
  wire = await openNats(cluster.nats.url)
  wire.subscribe(`sluice.ch.${CHANNEL}`, {}, (_subject, bytes) => {
    const packet = decodeSealed(bytes)?.packet ?? Buffer.alloc(0)
    const messages = decodeSeveral(packet) ?? [packet]
    packets.push(messages.filter((message) => decodeMessage(message)?.channel === CHANNEL).length)
  })
  await wire.flush()
  listeners = await Promise.all(cluster.nodes.map(subscribed))
}, TIMEOUT_MS)
afterAll(async () => {
  for (const listener of listeners) listener.cut()
  await wire.close()
  await cluster.close()
})

async function subscribed(node: StartedNode): Promise<RawClient> {
  const url = `ws://127.0.0.1:${node.port}/v1/ws`
  const { client } = await RawClient.connect(url, { token: await node.token('ann') })
  expect(await client.request({ type: 'subscribe', ref: 1, channel: CHANNEL })).toMatchObject({
    type: 'subscribed',
  })
  return client
}

/** Publishes in one turn, and waits for all of it at both nodes; what went over NATS. */
async function packetsOfTurn(): Promise<readonly number[]> {
  packets = []
  const data = Array.from({ length: MESSAGES }, () => published++)
  await one.publish(data.map((each) => ({ channel: CHANNEL, data: each })))
  for (const listener of listeners) {
    const seen: unknown[] = []
    while (seen.length < MESSAGES) seen.push((await listener.next('message'))['data'])
    expect(seen).toEqual(data)
  }
  await wire.flush()
  return packets
}

/** The table as the node read it last, which it does when it is asked for it. */
async function nodesSeen(): Promise<string[]> {
  const { nodes } = (await (await one.api('GET', '/v1/nodes')).json()) as { nodes: { id: string }[] }
  return nodes.map(({ id }) => id)
}

describe('what is published in one turn', () => {
  it(
    'is one packet and the last message; by itself each while an older node is in the table; and again one',
    async () => {
      expect((await nodesSeen()).length).toBe(2)
      expect(await packetsOfTurn()).toEqual([MESSAGES - 1, 1])
      const [seconds] = cluster.redis.command('time').split('\n')
      const older = {
        ...{ id: 'older', version: '0', region: 'local', role: 'all', state: 'active', startedAt: 1 },
        ...{ connections: 0, pressure: 0, rates: { connects: 0, published: 0, delivered: 0 }, degraded: [] },
        ...{ address: '127.0.0.1:1', peer: { beat: 1 } },
      }
      const entry = `${(Number(seconds) + 3600) * 1000} 0 ${JSON.stringify(older)}`
      cluster.redis.command('hset', 'sluice:nodes', 'older', entry)
      expect(await nodesSeen()).toContain('older')
      expect(await packetsOfTurn()).toEqual(Array.from({ length: MESSAGES }, () => 1))
      cluster.redis.command('hdel', 'sluice:nodes', 'older')
      expect(await nodesSeen()).not.toContain('older')
      expect(await packetsOfTurn()).toEqual([MESSAGES - 1, 1])
    },
    TIMEOUT_MS,
  )
})
