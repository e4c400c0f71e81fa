import Pusher from 'pusher'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The library that backends have, as it is, against a node. */

let node: StartedNode

beforeAll(async () => {
  node = await startNode({
    dialects: { pusher: { apps: ['3:shop:key-one:secret-one', '4:chat:key-two:secret-two'] } },
  })
})
afterAll(() => node.close())

function backend(appId: string, key: string, secret: string): Pusher {
  return new Pusher({ appId, key, secret, host: '127.0.0.1', port: String(node.apiPort), useTLS: false })
}

describe("Pusher's library for backends", () => {
  it('publishes to the channels of its app, and our clients are shown event and data', async () => {
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await node.token('ann'),
    })
    for (const [ref, channel] of ['shop:news', 'shop:a=2Cb', 'chat:news'].entries())
      await client.request({ type: 'subscribe', ref, channel })
    const pusher = backend('3', 'key-one', 'secret-one')
    expect((await pusher.trigger(['news', 'a,b'], 'App\\Events\\Sold', { n: 1 })).status).toBe(200)
    expect((await pusher.triggerBatch([{ channel: 'news', name: 'told', data: 'a "text"' }])).status).toBe(
      200,
    )
    const shown = []
    for (let i = 0; i < 3; i++) {
      const { channel, event, data } = await client.find(({ type }) => type === 'message')
      shown.push([channel, event, data])
    }
    expect(shown).toContainEqual(['shop:news', 'App\\Events\\Sold', { n: 1 }])
    expect(shown).toContainEqual(['shop:a=2Cb', 'App\\Events\\Sold', { n: 1 }])
    expect(shown).toContainEqual(['shop:news', 'told', 'a "text"'])
    client.cut()
  })

  it.each([
    ['3', 'key-one', 'secret-two'],
    ['4', 'key-one', 'secret-one'],
  ])('of app %s with key %s and %s is refused', async (appId, key, secret) => {
    await expect(backend(appId, key, secret).trigger('news', 'x', {})).rejects.toMatchObject({ status: 401 })
  })
})
