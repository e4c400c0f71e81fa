import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeText } from '../../src/dialect/sluice-v1/decode.ts'
import { EventStream } from '../support/event-stream.ts'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The AsyncAPI document, against what a running node sends and takes. */

interface Document {
  readonly asyncapi: string
  readonly channels: Readonly<Record<string, { address: string; messages: Readonly<Record<string, object>> }>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

let node: StartedNode
let document: Document
let ajv: Ajv2020

beforeAll(async () => {
  node = await startNode({
    namespaces: { room: { presence: true, clientPublish: 'fanout' }, live: { delivery: 'ephemeral' } },
  })
  document = (await (await fetch(`http://127.0.0.1:${node.apiPort}/asyncapi.json`)).json()) as Document
  ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: 'clients', ...document }, 'clients')
})
afterAll(() => node.close())

/** Every field is described, and of the kind that is described. */
function held(name: string, value: unknown): void {
  const fits = ajv.validate({ $ref: `clients#/components/schemas/${name}` }, value)
  expect(fits, `${name}: ${ajv.errorsText()}: ${JSON.stringify(value)}`).toBe(true)
}

it('refers to nothing that is not there', () => {
  expect(document.asyncapi).toBe('3.0.0')
  const text = JSON.stringify(document)
  for (const [, pointer = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = pointer
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document)
    expect(found, pointer).toBeDefined()
  }
})

describe('a WebSocket', () => {
  it('is sent what is described, in every kind of reply', async () => {
    const url = `ws://127.0.0.1:${node.port}/v1/ws`
    const { client, welcome } = await RawClient.connect(url, {
      token: await node.token('ann', { ttlSeconds: 3600 }),
    })
    const requests = [
      { type: 'subscribe', ref: 1, channel: 'room:1' },
      { type: 'publish', ref: 2, channel: 'room:1', data: { hello: 1 }, id: 'a', event: 'greeting' },
      { type: 'publish', ref: 3, channel: 'room:1', data: { hello: 1 }, id: 'a' },
      { type: 'enter', ref: 10, channel: 'room:1', data: { name: 'Ann' } },
      { type: 'presence', ref: 4, channel: 'room:1' },
      { type: 'subscribe', ref: 5, channel: 'live:1' },
      { type: 'subscribe', ref: 6, channel: 'not a channel' },
      { type: 'auth', ref: 7, token: await node.token('ann', { ttlSeconds: 7200 }) },
      { type: 'unsubscribe', ref: 8, channel: 'live:1' },
      { type: 'ping', ref: 9 },
      { type: 'probe', ref: 11, channel: 'nothing:1' },
    ]
    for (const request of requests) {
      held(`client.${request.type}`, request)
      await client.request(request)
    }
    const { client: other } = await RawClient.connect(url, { token: await node.token('bob') })
    await other.request({ type: 'subscribe', ref: 1, channel: 'room:1' })
    await expect.poll(() => client.frames.some(({ type }) => type === 'join')).toBe(true)
    await other.request({ type: 'enter', ref: 2, channel: 'room:1', data: { name: 'Bob' } })
    await expect.poll(() => client.frames.some(({ type }) => type === 'update')).toBe(true)
    other.cut()
    const frames: Frame[] = [welcome, ...client.frames]
    for (const frame of frames) held(frame.type, frame)
    for (const type of [
      'welcome',
      'subscribed',
      'published',
      'presence',
      'entered',
      'error',
      'authenticated',
      'unsubscribed',
    ])
      expect(frames.map((frame) => frame.type)).toContain(type)
    expect(frames.map((frame) => frame.type)).toEqual(expect.arrayContaining(['message', 'pong', 'join']))
    // The place of a log that is not this one.
    const resume = { 'room:1': { epoch: 'another', offset: 3 } }
    const connect = { type: 'connect', token: await node.token('ann'), resume }
    held('client.connect', connect)
    const { client: back } = await RawClient.connect(url, { token: connect.token, resume })
    held('reset', await back.next('reset'))
    for (const each of [client, back]) each.cut()
  })

  it('is understood by the node where it says what is described', () => {
    const said: readonly object[] = [
      { type: 'connect', token: 't', session: 's', client: { name: 'n', version: '1' } },
      { type: 'subscribe', ref: 1, channel: 'a', from: { last: 3 } },
      { type: 'subscribe', ref: 1, channel: 'a', enter: false },
      { type: 'connect', token: 't', enter: { a: { data: { name: 'Ann' }, at: 5 }, b: false } },
      { type: 'leave', ref: 2, channel: 'a' },
      { type: 'ack', channel: 'a', offset: 3 },
      { type: 'ping' },
    ]
    for (const frame of said) {
      held(`client.${(frame as { type: string }).type}`, frame)
      expect(decodeText(JSON.stringify(frame), 64)).toMatchObject({ type: (frame as { type: string }).type })
    }
  })
})

it('a stream is sent what is described', async () => {
  const token = await node.token('cleo')
  const stream = await EventStream.open(`http://127.0.0.1:${node.port}/v1/sse?channels=room:2&token=${token}`)
  const welcome = await stream.next('welcome')
  held('welcome', welcome.data)
  held('join', (await stream.next('join')).data)
  await node.publish({ channel: 'room:2', data: 'AAE=', encoding: 'base64' })
  held('message', (await stream.next('message')).data)
  const described = { channel: 'room:2', data: 1, event: 'priced', headers: { currency: 'EUR' } }
  expect((await node.api('POST', '/v1/publish', described)).status).toBe(200)
  const shown = (await stream.next('message')).data
  expect(shown).toMatchObject({ event: 'priced', headers: { currency: 'EUR' } })
  held('message', shown)
  const sent = Object.keys(document.channels['stream']?.messages ?? {})
  for (const name of ['welcome', 'message', 'reset', 'join', 'leave', 'update', 'closing'])
    expect(sent).toContain(name)
  await node.api('DELETE', '/v1/users/cleo/sessions')
  held('closing', (await stream.next('closing')).data)
})

it('a poll is answered as described', async () => {
  const url = `http://127.0.0.1:${node.port}/v1/poll?channels=room:2&wait=0&token=${await node.token('dan')}`
  held('polled', await (await fetch(url)).json())
})

describe('a link', () => {
  /** What a line is by its first character, as docs/protocol.md tells them apart. */
  function heldLine(line: string): unknown {
    if (!/^[{["]/.test(line)) {
      held('binaryLine', line)
      return line
    }
    const value = JSON.parse(line) as Frame
    held(line.startsWith('"') ? 'credential' : line.startsWith('[') ? 'closed' : value.type, value)
    return value
  }

  it('is described with every frame of a WebSocket, and with its own lines', () => {
    const { link, webSocket } = document.channels
    expect(link?.address).toBe('/v1/link')
    const own = ['credential', 'closed', 'number', 'binaryLine']
    const frames = Object.keys(webSocket?.messages ?? {}).filter((name) => name !== 'binary')
    expect(Object.keys(link?.messages ?? {}).toSorted()).toEqual([...frames, ...own].toSorted())
  })

  it('that polls has lines as described, from the credential to the close code', async () => {
    const url = `http://127.0.0.1:${node.port}/v1/link`
    const lines = (await (await fetch(`${url}?poll`)).text()).trim().split('\n')
    const headers = { 'sluice-link': heldLine(lines[1] as string) as string }
    const post = (query: string, ...frames: object[]): Promise<Response> => {
      for (const frame of frames) held(`client.${(frame as Frame).type}`, frame)
      return fetch(url + query, {
        method: 'POST',
        headers,
        body: frames.map((f) => JSON.stringify(f)).join('\n'),
      })
    }
    const connect = { type: 'connect', token: await node.token('eve') }
    await post(
      '?number=1',
      connect,
      { type: 'subscribe', ref: 1, channel: 'room:3' },
      { type: 'ping', ref: 2 },
    )
    const seen: unknown[] = []
    const until = async (found: (value: unknown) => boolean): Promise<void> => {
      while (!seen.some(found)) {
        const response = await fetch(`${url}?poll=${String(lines[0])}`, { headers })
        const answer = (await response.text()).trim().split('\n')
        held('number', Number((lines[0] = answer.shift() as string)))
        seen.push(...answer.map(heldLine))
      }
    }
    await until((value) => (value as Frame).type === 'pong')
    expect(seen.map((value) => (value as Frame).type)).toEqual(
      expect.arrayContaining(['welcome', 'subscribed']),
    )
    await node.publish({ channel: 'room:3', data: 'yv4=', encoding: 'base64' })
    await until((value) => typeof value === 'string')
    await node.api('DELETE', '/v1/users/eve/sessions')
    await until(Array.isArray)
  })
})
