import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { comesTo } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** `permessage-deflate` (RFC 7692) where `compressFrom` says so: the same messages, in fewer bytes. */

const FROM_BYTES = 1024
/** Compresses to a tenth. */
const ROWS = Array.from({ length: 60 }, (_, id) => ({
  id,
  name: `item ${id}`,
  currency: 'EUR',
  state: 'open',
}))
const SMALL = 'x'.repeat(700)

let plain: StartedNode
let node: StartedNode
beforeAll(async () => {
  ;[plain, node] = await Promise.all([
    startNode(),
    startNode({ compressFrom: FROM_BYTES, namespaces: { '*': { max: 100_000, clientPublish: 'fanout' } } }),
  ])
})
afterAll(() => Promise.all([plain.close(), node.close()]))

interface Deflating {
  readonly client: RawClient
  readonly tcp: Socket
}

async function deflating(at: StartedNode, user: string, offers = true): Promise<Deflating> {
  const { client } = await RawClient.connect(
    `ws://127.0.0.1:${at.port}/v1/ws`,
    { token: await at.token(user) },
    // Whatever the client sends is compressed, however small.
    { perMessageDeflate: offers ? { threshold: 0 } : false },
  )
  return { client, tcp: (client.socket as unknown as { _socket: Socket })._socket }
}

/** What a message takes on the wire, whatever way it comes. */
async function bytesOf({ client, tcp }: Deflating, data: unknown, cause: () => unknown): Promise<number> {
  const before = tcp.bytesRead
  cause()
  expect(await client.find(({ type }) => type === 'message')).toMatchObject({ data })
  return tcp.bytesRead - before
}

describe('compression of WebSockets', () => {
  it('is not offered where nobody has asked for it', async () => {
    const { client } = await deflating(plain, 'ann')
    expect(client.socket.extensions).toBe('')
    client.cut()
  })

  it('is of messages from that size on, live, to a user and replayed, and only for who offers it', async () => {
    const one = await deflating(node, 'ann')
    const other = await deflating(node, 'bob', false)
    expect([one, other].map(({ client }) => client.socket.extensions)).toEqual(['permessage-deflate', ''])
    for (const { client } of [one, other])
      await client.request({ type: 'subscribe', ref: 1, channel: 'rows' })
    const whole = JSON.stringify(ROWS).length
    const both = await Promise.all(
      [one, other].map((each, index) =>
        bytesOf(each, ROWS, () => (index === 0 ? undefined : node.publish({ channel: 'rows', data: ROWS }))),
      ),
    )
    expect(both[0]).toBeLessThan(whole / 4)
    expect(both[1]).toBeGreaterThan(whole)
    expect(await bytesOf(one, SMALL, () => node.publish({ channel: 'rows', data: SMALL }))).toBeGreaterThan(
      SMALL.length,
    )
    expect(await bytesOf(one, ROWS, () => node.publish({ user: 'ann', data: ROWS }))).toBeLessThan(whole / 4)
    const late = await deflating(node, 'eve')
    const replay = (): void =>
      late.client.send({ type: 'subscribe', ref: 1, channel: 'rows', from: { last: 2 } })
    // With a small one behind it.
    expect(await bytesOf(late, ROWS, replay)).toBeLessThan(whole / 4 + SMALL.length)
    for (const { client } of [one, other, late]) client.cut()
  })

  it('is read as well, and what becomes too large of a few bytes is refused: the node goes on', async () => {
    const { client } = await deflating(node, 'ann')
    await client.request({ type: 'subscribe', ref: 1, channel: 'chat' })
    expect(
      await client.request({ type: 'publish', ref: 2, channel: 'chat', data: 'a'.repeat(5000) }),
    ).toMatchObject({ type: 'published' })
    const sent = (client.socket as unknown as { _socket: Socket })._socket
    const before = sent.bytesWritten
    client.send(JSON.stringify({ type: 'publish', ref: 3, channel: 'chat', data: 'a'.repeat(10_000_000) }))
    await client.closed
    expect(sent.bytesWritten - before).toBeLessThan(50_000)
    expect(await node.metric('sluice_disconnects_total{reason="too_large"}')).toBe(1)
    const next = await deflating(node, 'ann')
    await next.client.settled()
    next.client.cut()
  })

  it('keeps the promise to a client whose reader stops: every message once and in order', async () => {
    const { client, tcp } = await deflating(node, 'slow')
    await client.request({ type: 'subscribe', ref: 1, channel: 'slow' })
    const slow = (): Promise<number> => node.metric('sluice_slow_consumers_total{policy="catch-up"}')
    const before = await slow()
    tcp.pause()
    const noise = randomBytes(45_000).toString('base64')
    let count = 0
    // The buffers of the kernel take some megabytes before anybody counts as slow.
    for (; count < 3000 && ((await slow()) === before || count % 20 !== 0); count++)
      await node.publish({ channel: 'slow', data: { count, noise } })
    expect(await slow()).toBeGreaterThan(before)
    tcp.resume()
    const counts = (): unknown[] =>
      client.frames
        .filter(({ type }) => type === 'message')
        .map(({ data }) => (data as { count: number }).count)
    await comesTo(() => counts().length, count)
    expect(counts()).toEqual(Array.from({ length: count }, (_, index) => index))
    client.cut()
  })
})
