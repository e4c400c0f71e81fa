import Pusher from 'pusher'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { requestText, signatureOf } from '../../src/dialect/pusher/signatures.ts'
import { RawPusher } from '../support/pusher.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The library that backends have, as it is, against a node. */

let node: StartedNode

beforeAll(async () => {
  node = await startNode({
    dialects: {
      pusher: { path: '/realtime', apps: ['3:shop:key-one:secret-one', '4:chat:key-two:secret-two'] },
    },
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

/** As a library signs it that is told what stands before its paths, which it does not sign. */
async function signed(method: 'GET' | 'POST', path: string, before: string, key: string): Promise<Response> {
  const params = new URLSearchParams({
    auth_key: key,
    auth_timestamp: String(Math.floor(Date.now() / 1000)),
    auth_version: '1.0',
  })
  params.set('auth_signature', signatureOf('secret-one', requestText(method, path, params)))
  return fetch(`http://127.0.0.1:${node.apiPort}${before}${path}?${params.toString()}`, { method })
}

describe('what stands before the paths', () => {
  it.each(['', '/realtime'])('is %j, for clients and for backends', async (before) => {
    const raw = new RawPusher(node, `${before}/app/key-one?protocol=7`)
    await raw.next('pusher:connection_established')
    expect((await signed('GET', '/apps/3/channels', before, 'key-one')).status).toBe(200)
    raw.socket.terminate()
  })

  it('is nothing else', async () => {
    const raw = new RawPusher(node, '/realtime/app/key-one/more?protocol=7')
    expect(await raw.closed).toMatchObject({ code: 4005 })
    expect((await signed('GET', '/realtime/apps/3/channels', '', 'key-one')).status).toBe(401)
    expect((await signed('GET', '/apps/3/channels', '/other', 'key-one')).status).toBe(404)
  })
})

describe('a path without an app, as the library for Python has it', () => {
  const path = '/users/ann/terminate_connections'

  it('is of the app whose key signs, and ends its user alone', async () => {
    const apps = [
      { id: '3', key: 'key-one', secret: 'secret-one' },
      { id: '4', key: 'key-two', secret: 'secret-two' },
    ]
    const [ours, theirs] = await Promise.all(apps.map((app) => RawPusher.connect(node, app)))
    for (const raw of [ours, theirs]) {
      raw?.signIn({ id: 'ann' })
      await raw?.next('pusher:signin_success')
    }
    expect((await signed('POST', path, '', 'key-one')).status).toBe(200)
    expect(await ours?.closed).toMatchObject({ code: 4009 })
    await theirs?.settled()
    theirs?.socket.terminate()
  })

  it('is nothing without a key, or with the key of another app than signs', async () => {
    for (const key of ['key-two', 'no-key', ''])
      expect((await signed('POST', path, '', key)).status).toBe(401)
  })
})
