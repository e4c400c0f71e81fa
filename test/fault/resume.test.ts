import { afterEach, describe, expect, it } from 'vitest'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import {
  eventSourceClient,
  pollClient,
  webSocketClient,
  type ResumingClient,
} from '../support/resuming-clients.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { comesTo } from '../support/patience.ts'

/**
 * A thousand clients on twenty channels, publishing all the time, connections cut at random moments. Each client resumes
 * by itself, with what the protocol gave it.
 */

const CLIENTS = 1000
const CHANNELS = Array.from({ length: 20 }, (_, index) => `room:${index}`)
const KINDS = [webSocketClient, eventSourceClient, pollClient]
const PUBLISH_EVERY_MS = 150
const CUT_EVERY_MS = 250
const CUT_PROBABILITY = 0.04
/** On average each client is cut more than once. */
const CUTS = CLIENTS * 1.2
/** So many are back before others are cut: a slow machine would get no further than to cut them. */
const BACK_SHARE = 0.7

interface Member {
  readonly client: ResumingClient
  readonly channels: readonly string[]
}

interface Tally {
  expected: number
  lost: number
  twice: number
  outOfOrder: number
}

let started: StartedNode | undefined
let proxy: CuttingProxy | undefined
let members: Member[] = []

afterEach(async () => {
  for (const { client } of members) client.close()
  members = []
  await proxy?.close()
  await started?.close()
})

async function join(node: StartedNode, port: number): Promise<Member[]> {
  const all = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const channels = [CHANNELS[index % 20] as string, CHANNELS[(index * 7 + 3) % 20] as string]
      const token = await node.token(`user-${index}`)
      const kind = KINDS[index % 3] as (typeof KINDS)[number]
      return {
        client: kind({ port, token, channels: [...new Set(channels)] }),
        channels: [...new Set(channels)],
      }
    }),
  )
  await Promise.all(all.map(({ client }) => client.ready))
  return all
}

/** Publishes the numbers 1, 2, 3 … to every channel while `cutting` lasts, and once more when all is calm. */
async function publishDuring(node: StartedNode, cutting: Promise<void>): Promise<number> {
  let calm = false
  void cutting.then(() => (calm = true))
  let number = 0
  for (;;) {
    number++
    await node.publish(CHANNELS.map((channel) => ({ channel, data: number })))
    if (calm) return number
    await new Promise((resolve) => setTimeout(resolve, PUBLISH_EVERY_MS))
  }
}

async function storm(target: CuttingProxy): Promise<void> {
  const connections = target.connections
  while (target.cuts < CUTS) {
    await new Promise((resolve) => setTimeout(resolve, CUT_EVERY_MS))
    if (target.connections >= connections * BACK_SHARE) target.cut(CUT_PROBABILITY)
  }
}

/** Resolves when every client has been shown the last number of each of its channels. */
async function settled(all: readonly Member[], last: number): Promise<void> {
  const waiting = (one: Member): boolean =>
    one.channels.some((channel) => one.client.messages.get(channel)?.at(-1) !== last)
  await comesTo(() => all.filter(waiting).length, 0)
}

function tally(all: readonly Member[], last: number): Tally {
  const sum: Tally = { expected: 0, lost: 0, twice: 0, outOfOrder: 0 }
  for (const { client, channels } of all) {
    for (const channel of channels) {
      const shown = client.messages.get(channel) ?? []
      const distinct = new Set(shown)
      sum.expected += last
      sum.lost += last - distinct.size
      sum.twice += shown.length - distinct.size
      for (const [index, number] of shown.entries()) {
        if (index > 0 && number < (shown[index - 1] as number)) sum.outOfOrder++
      }
    }
  }
  return sum
}

describe('resume under a storm of cut connections', () => {
  it('loses nothing, repeats nothing and keeps the order while the log covers the gap', async () => {
    // However long this machine takes.
    started = await startNode({ namespaces: { '*': { ttl: '1h', max: 100_000 } } })
    proxy = new CuttingProxy(started.port)
    await proxy.listen()
    members = await join(started, proxy.port)
    const last = await publishDuring(started, storm(proxy))
    await settled(members, last)
    const sum = tally(members, last)
    const resets = members.reduce((count, { client }) => count + client.resets.length, 0)
    console.log('resume storm', {
      clients: CLIENTS,
      cuts: proxy.cuts,
      published: last * CHANNELS.length,
      ...sum,
      resets,
    })
    expect(proxy.cuts).toBeGreaterThan(CLIENTS)
    expect({ ...sum, resets }).toEqual({
      expected: sum.expected,
      lost: 0,
      twice: 0,
      outOfOrder: 0,
      resets: 0,
    })
  })

  it('tells each affected client with a reset where the log is too short', async () => {
    started = await startNode({ namespaces: { '*': { max: 3 } }, feeds: { tailMessages: 2 } })
    proxy = new CuttingProxy(started.port)
    await proxy.listen()
    members = await join(started, proxy.port)
    const node = started
    // Everybody is away for longer than the log reaches back.
    const { port } = proxy
    await proxy.close()
    for (let number = 1; number <= 50; number++) {
      await node.publish(CHANNELS.map((channel) => ({ channel, data: number })))
    }
    proxy = new CuttingProxy(started.port)
    await proxy.listen(port)
    await comesTo(
      () => members.filter(({ client, channels }) => client.resets.length < channels.length).length,
      0,
    )
    await node.publish(CHANNELS.map((channel) => ({ channel, data: 51 })))
    await settled(members, 51)
    for (const { client, channels } of members) {
      expect(client.resets.map(({ channel }) => channel).toSorted()).toEqual([...channels].toSorted())
      for (const { reason } of client.resets) expect(reason).toBe('trimmed')
      for (const channel of channels) expect(client.messages.get(channel)).toEqual([51])
    }
  })
})
