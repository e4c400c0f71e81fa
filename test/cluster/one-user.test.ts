import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NatsLink } from '../../src/drivers/nats.ts'
import { decodeMessage } from '../../src/protocol/packet.ts'
import { decodeSealed } from '../../src/protocol/sealed-packet.ts'
import { openNats } from '../support/nats-links.ts'
import { patientMs } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** What a message costs that is published at one node to a user who is at another: one word to Redis, and one to NATS. And many of one turn. */

const TIMEOUT_MS = patientMs(60_000)
const USER = 'uma'

let cluster: StartedCluster
let proxy: Server
let one: StartedNode
let two: StartedNode
let wire: NatsLink
/** What node one has written to Redis, as it came: what it writes in one go is one of these. */
let written: string[] = []
/** The subjects of packets with a message to the user. */
let subjects: string[] = []

beforeAll(async () => {
  cluster = await startCluster(0)
  proxy = createServer((client) => {
    const redis = connect(cluster.redis.port, '127.0.0.1')
    client.on('data', (bytes) => {
      written.push(bytes.toString('latin1'))
      redis.write(bytes)
    })
    redis.pipe(client)
    for (const [end, other] of [
      [client, redis],
      [redis, client],
    ] as const)
      end.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  one = await cluster.join({ redis: { url: [`redis://127.0.0.1:${port}`] } })
  two = await cluster.join()
  wire = await openNats(cluster.nats.url)
  wire.subscribe('sluice.>', {}, (subject, bytes) => {
    const message = decodeMessage(decodeSealed(bytes)?.packet ?? Buffer.alloc(0))
    if (message?.channel === `@${USER}`) subjects.push(subject)
  })
  await wire.flush()
}, TIMEOUT_MS)
afterAll(async () => {
  await wire.close()
  await cluster.close()
  await new Promise((resolve) => proxy.close(resolve))
})

describe('a message to one user at another node', () => {
  it(
    'is one round trip to Redis, for the log and for where he is, and one message of NATS, to his node',
    async () => {
      const { client } = await RawClient.connect(`ws://127.0.0.1:${two.port}/v1/ws`, {
        token: await two.token(USER),
      })
      // Node one reads the table of nodes with the first.
      for (const data of [1, 2, 3]) {
        written = []
        subjects = []
        await one.publish({ user: USER, data })
        expect(await client.next('message')).toMatchObject({ channel: '@inbox', data })
        if (data === 1) continue
        await wire.flush()
        expect(subjects).toEqual([`sluice.node.${two.id}`])
        const words = written.filter((bytes) => bytes.includes(USER))
        expect(words.length).toBe(1)
        // Something else of the node may have come with them.
        expect(words[0]?.match(/:log:\{@uma\}|hgetall\r\n\$\d+\r\n\S*uma/gi)?.length).toBe(2)
      }
      client.cut()
    },
    TIMEOUT_MS,
  )
})

describe('what is published in one turn', () => {
  it(
    'goes to Redis as one command for all channels, in one piece, and keeps the order of each',
    async () => {
      const channels = ['turn:a', 'turn:b', 'turn:c']
      const batch = Array.from({ length: 60 }, (_, n) => ({ channel: channels[n % 3] as string, data: n }))
      written = []
      const answers = (await one.publish(batch)) as { offset: number }[]
      expect(answers.map(({ offset }) => offset)).toEqual(batch.map((_, n) => Math.floor(n / 3) + 1))
      const words = written.filter((bytes) => bytes.includes('{turn:'))
      expect(words.length).toBe(1)
      // Of three channels with three keys each, and nothing else of theirs came with it.
      expect(words[0]?.match(/evalsha\r\n\$40\r\n\w{40}\r\n\$1\r\n9\r\n/gi)?.length).toBe(1)
      for (const channel of channels)
        expect(words[0]?.split(`sluice:log:{${channel}}`).length, channel).toBe(2)
    },
    TIMEOUT_MS,
  )
})
