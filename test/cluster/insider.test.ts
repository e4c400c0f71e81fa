import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SealedPackets } from '../../src/backbone/sealed.ts'
import { systemClock } from '../../src/clock.ts'
import { controlBytes, type ControlMessage } from '../../src/cluster/control.ts'
import type { NatsLink } from '../../src/drivers/nats.ts'
import { encodeAnnouncement } from '../../src/presence/announcements.ts'
import { encodeControl, encodeMessage } from '../../src/protocol/packet.ts'
import { openNats } from '../support/nats-links.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** Somebody who may read and write everything on NATS, and does not know the secret of the cluster. */

let cluster: StartedCluster
let node: StartedNode
let insider: NatsLink
const heard: { subject: string; bytes: Buffer }[] = []

beforeAll(async () => {
  cluster = await startCluster(2, { namespaces: { room: { presence: true } } })
  node = cluster.nodes[0] as StartedNode
  insider = await openNats(cluster.nats.url)
  insider.subscribe('sluice.>', {}, (subject, data) => void heard.push({ subject, bytes: Buffer.from(data) }))
  await insider.flush()
})
afterAll(async () => {
  await insider.close()
  await cluster.close()
})

const connect = async (user: string): Promise<RawClient> =>
  (await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user) })).client

const refusals = (why: string): Promise<number> => node.metric(`sluice_packet_refusals_total{why="${why}"}`)

/** All that was written before has been read by the node: it hears itself after that. */
const settled = async (client: RawClient, channel: string): Promise<void> => {
  await node.publish({ channel, data: 'settled' })
  await client.find(({ data }) => data === 'settled')
}

describe('an insider on NATS', () => {
  it('who makes up what nodes say ends no connection, puts nothing into an inbox or a channel, and nobody into a room', async () => {
    const client = await connect('ann')
    for (const [index, channel] of ['room:1', 'news:1'].entries())
      await client.request({ type: 'subscribe', ref: index + 1, channel })
    const forger = new SealedPackets('a guess at the secret', cluster.nodes[1]?.id ?? '', systemClock)
    const says = (message: ControlMessage): Uint8Array => encodeControl('somebody', controlBytes(message))
    const message = (channel: string): Uint8Array =>
      encodeMessage({
        kind: 'ephemeral',
        channel,
        data: Buffer.from('"forged"'),
        binary: false,
        id: undefined,
        time: 1,
      })
    const change = { channel: 'room:1', user: 'mallory', version: 9e15, present: true }
    const presence = encodeAnnouncement({ kind: 'changes', changes: [change] })
    const packets: [string, Uint8Array][] = [
      ['sluice.all', says({ kind: 'disconnect', user: 'ann', claim: Number.MAX_SAFE_INTEGER })],
      ['sluice.all', says({ kind: 'revoke', user: 'ann', beforeMs: Date.now() + 60_000 })],
      ['sluice.all', encodeControl('somebody', presence)],
      [`sluice.node.${node.id}`, says({ kind: 'disconnect', user: 'ann', claim: Number.MAX_SAFE_INTEGER })],
      [`sluice.node.${node.id}`, message('@ann')],
      ['sluice.ch.news:1', message('news:1')],
    ]
    const [bare, secret] = [await refusals('bare'), await refusals('secret')]
    for (const [subject, packet] of packets) {
      insider.publish(subject, packet)
      insider.publish(subject, forger.seal(subject, packet))
    }
    await expect.poll(() => refusals('secret')).toBe(secret + packets.length)
    expect(await refusals('bare')).toBe(bare + packets.length)
    await settled(client, 'news:1')
    expect(client.frames.filter(({ data, user }) => data === 'forged' || user === 'mallory')).toEqual([])
    // Nor for who asks.
    expect(await client.request({ type: 'presence', ref: 9, channel: 'room:1' })).toMatchObject({
      users: ['ann'],
    })
    client.cut()
  })

  it('who says again what a node has said ends no connection that came after it', async () => {
    const first = await connect('bob')
    heard.length = 0
    const other = cluster.nodes[1] as StartedNode
    expect((await other.api('DELETE', '/v1/users/bob/sessions')).status).toBe(200)
    await first.closed
    await expect.poll(() => heard.some(({ subject }) => subject === 'sluice.all')).toBe(true)
    const client = await connect('bob')
    await client.request({ type: 'subscribe', ref: 1, channel: 'news:2' })
    const before = await refusals('replayed')
    const said = heard.filter(({ subject }) => subject === 'sluice.all')
    for (const { subject, bytes } of said) insider.publish(subject, bytes)
    await expect.poll(() => refusals('replayed')).toBe(before + said.length)
    await settled(client, 'news:2')
    client.cut()
  })
})
