import { afterEach, describe, expect, it } from 'vitest'
import { heldBytes } from '../support/held-memory.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

const CHANNELS = 600
const MESSAGES = 8
const PAYLOAD = 'x'.repeat(2000)
/** What a machine that does much else has answered in time. */
const BATCH = 100
const MIB = 1_048_576

let cluster: StartedCluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

/** A client on all channels of a round, with their last messages. */
async function onAll(node: StartedNode, user: string, round: string, last: number): Promise<RawClient> {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
    token: await node.token(user),
  })
  for (const [ref, channel] of names(round).entries()) {
    client.send({ type: 'subscribe', ref, channel, ...(last === 0 ? {} : { from: { last } }) })
    if ((ref + 1) % BATCH === 0) await expect.poll(() => count(client, 'subscribed')).toBe(ref + 1)
  }
  return client
}

function count(client: RawClient, kind: string): number {
  return client.frames.reduce((sum, { type }) => sum + Number(type === kind), 0)
}

/** A client to whose channels a backend has published. */
async function busyClient(node: StartedNode, round: string): Promise<RawClient> {
  const client = await onAll(node, 'reader', round, 0)
  const bodies = names(round).flatMap((channel) =>
    Array.from({ length: MESSAGES }, (_, n) => ({ channel, data: `${n} ${PAYLOAD}` })),
  )
  for (let i = 0; i < bodies.length; i += BATCH) await node.publish(bodies.slice(i, i + BATCH))
  await expect.poll(() => count(client, 'message')).toBe(bodies.length)
  return client
}

function names(round: string): string[] {
  return Array.from({ length: CHANNELS }, (_, n) => `${round}:${n}`)
}

const ROOMY = {
  subscriptions: CHANNELS,
  framesPerSecond: 0,
  bytesPerSecond: 0,
  buffered: '64MiB',
} as const

describe('a node through which many channels go', () => {
  it('is as small when everybody has left as it was at the start', async () => {
    cluster = await startCluster(1, {
      limits: ROOMY,
      admission: { maxLoopLag: 0 },
      feeds: { quiet: '200ms' },
    })
    const node = cluster.nodes[0] as StartedNode
    const round = async (name: string): Promise<{ heap: number; buffers: number }> => {
      const client = await busyClient(node, name)
      expect(await node.metric('sluice_channels')).toBe(CHANNELS + 1)
      expect(await node.metric('sluice_feed_bytes')).toBeGreaterThan(CHANNELS * MESSAGES * 2000)
      client.cut()
      // What the client was shown is the test's, not the node's.
      client.frames.length = 0
      await expect.poll(() => node.metric('sluice_channels')).toBe(0)
      expect(await node.metric('sluice_feed_bytes')).toBe(0)
      return heldBytes()
    }
    // The first makes what stays: compiled code, pools, the buffers of connections.
    const start = await round('warm-up')
    let end = start
    for (const name of ['first', 'second', 'third']) end = await round(name)
    expect(end.buffers - start.buffers).toBeLessThan(2 * MIB)
    expect(end.heap - start.heap).toBeLessThan(4 * MIB)
  })

  it('holds no more than feeds.memory, and who resumes misses nothing', async () => {
    cluster = await startCluster(1, {
      limits: ROOMY,
      admission: { maxLoopLag: 0 },
      feeds: { memory: '4MiB', tailBytes: '1MiB' },
    })
    const node = cluster.nodes[0] as StartedNode
    const client = await busyClient(node, 'full')
    expect(await node.metric('sluice_feed_bytes')).toBeLessThanOrEqual(4 * MIB)
    expect(await node.metric('sluice_feed_bytes')).toBeGreaterThan(3 * MIB)
    expect(await node.metric('sluice_tails_given_up_total')).toBeGreaterThan(0)
    const late = await onAll(node, 'late', 'full', MESSAGES)
    await expect.poll(() => count(late, 'message')).toBe(CHANNELS * MESSAGES)
    expect(count(late, 'reset')).toBe(0)
    expect(await node.metric('sluice_feed_bytes')).toBeLessThanOrEqual(4 * MIB)
    client.cut()
    late.cut()
  })
})
