import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { nested } from '../support/hostile-json.ts'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** What users say of themselves to those who are on a channel, on every transport. */

let node: StartedNode
beforeAll(async () => {
  node = await startNode({
    namespaces: { room: { presence: true }, live: { presence: true, delivery: 'ephemeral' } },
    limits: { publishesPerUserPerSecond: 40, presenceData: 1000 },
  })
})
afterAll(() => node.close())

const wsUrl = (): string => `ws://127.0.0.1:${node.port}/v1/ws`
const isOf =
  (type: string, user: string) =>
  (frame: Frame): boolean =>
    frame.type === type && frame['user'] === user

async function connect(user: string, more: object = {}): Promise<RawClient> {
  return (await RawClient.connect(wsUrl(), { token: await node.token(user), ...more })).client
}

async function inRoom(user: string, channel: string, more: object = {}): Promise<RawClient> {
  const client = await connect(user)
  const reply = await client.request({ type: 'subscribe', ref: 1, channel, ...more })
  expect(reply.type).toBe('subscribed')
  return client
}

const membersOf = (client: RawClient, channel: string): Promise<Frame> =>
  client.request({ type: 'presence', ref: 900, channel })

describe('presence with data', () => {
  it('enter, update and leave are told to those on the channel, with the number of members', async () => {
    const ann = await inRoom('ann', 'room:1')
    const bob = await inRoom('bob', 'room:1', { enter: { data: { name: 'Bob' } } })
    expect(await ann.find(isOf('join', 'bob'))).toEqual({
      ...{ type: 'join', channel: 'room:1', user: 'bob', data: { name: 'Bob' } },
      count: 2,
    })
    const entered = await bob.request({ type: 'enter', ref: 2, channel: 'room:1', data: [1, null] })
    expect(entered).toMatchObject({ type: 'entered', ref: 2, channel: 'room:1' })
    expect(entered['at']).toBeGreaterThan(1_500_000_000_000)
    expect(await ann.find(isOf('update', 'bob'))).toMatchObject({ data: [1, null], count: 2 })
    const { users, data, partial } = await membersOf(ann, 'room:1')
    expect([(users as string[]).toSorted(), data, partial]).toEqual([
      ['ann', 'bob'],
      { bob: [1, null] },
      undefined,
    ])
    // Nothing to say any more, and still there.
    await bob.request({ type: 'enter', ref: 3, channel: 'room:1' })
    expect(await ann.find(isOf('update', 'bob'))).not.toHaveProperty('data')
    expect(await membersOf(ann, 'room:1')).not.toHaveProperty('data')
    await bob.request({ type: 'enter', ref: 4, channel: 'room:1', data: 'bye' })
    expect(await bob.request({ type: 'leave', ref: 5, channel: 'room:1' })).toEqual({
      ...{ type: 'entered', ref: 5, channel: 'room:1' },
    })
    expect(await ann.find(isOf('leave', 'bob'))).toMatchObject({ data: 'bye', count: 1 })
    // Whoever has left hears of the others all the same.
    const carl = await inRoom('carl', 'room:1')
    await bob.find(isOf('join', 'carl'))
    for (const client of [ann, bob, carl]) client.cut()
  })

  it('data leaves as it came: numbers are not rounded, on any way out', async () => {
    const text = '{ "n": 9007199254740993,\n "lone": "\\ud800" }'
    const oneLine = text.replace('\n', ' ')
    const heard: string[] = []
    const ann = await inRoom('ann', 'room:2')
    ann.socket.on('message', (bytes: Buffer) => heard.push(bytes.toString()))
    const bob = await inRoom('bob', 'room:2')
    bob.send(`{"type":"enter","ref":2,"channel":"room:2","data":${text}}`)
    await ann.find(isOf('update', 'bob'))
    await membersOf(ann, 'room:2')
    expect(heard.filter((frame) => frame.includes(oneLine)).length).toBe(2)
    const described = await (await node.api('GET', '/v1/channels/room:2')).text()
    expect(described).toContain(`"presenceData":{"bob":${oneLine}}`)
    expect((JSON.parse(described) as { presence: string[] }).presence.toSorted()).toEqual(['ann', 'bob'])
    for (const client of [ann, bob]) client.cut()
  })

  it('whoever comes back says in its first frame what it said before, and nobody is told anything', async () => {
    const ann = await inRoom('ann', 'room:3')
    const first = await connect('bob')
    const start = await first.request({
      ...{ type: 'subscribe', ref: 1, channel: 'room:3', enter: { data: 'here' } },
    })
    const { epoch, offset, at } = start
    await ann.find(isOf('join', 'bob'))
    first.cut()
    const resume = { 'room:3': { epoch, offset }, 'room:4': { epoch, offset } }
    const enter = { 'room:3': { data: 'here', at }, 'room:4': false }
    const again = await connect('bob', { resume, enter })
    const watcher = await inRoom('watcher', 'room:4')
    expect((await membersOf(watcher, 'room:4'))['users']).toEqual(['watcher'])
    expect(await membersOf(ann, 'room:3')).toMatchObject({ data: { bob: 'here' } })
    const carl = await inRoom('carl', 'room:3')
    await ann.find(isOf('join', 'carl'))
    expect(ann.frames.filter(({ user }) => user === 'bob').map(({ type }) => type)).toEqual(['join'])
    for (const client of [ann, again, watcher, carl]) client.cut()
  })

  it('is told to streams, to polls and to links', async () => {
    const token = await node.token('ann')
    const at = `http://127.0.0.1:${node.port}`
    const stream = await EventStream.open(`${at}/v1/sse?channels=room:5`, {
      authorization: `Bearer ${token}`,
    })
    await stream.next('welcome')
    expect((await stream.next('join')).data).toMatchObject({ user: 'ann' })
    const link = await EventStream.open(`${at}/v1/link`, {})
    const credential = (await link.next('message')).data as unknown as string
    const lines = [
      { type: 'connect', token },
      { type: 'subscribe', ref: 1, channel: 'room:5' },
    ]
    const posted = await fetch(`${at}/v1/link?number=1`, {
      method: 'POST',
      headers: { 'sluice-link': credential },
      body: lines.map((line) => JSON.stringify(line)).join('\n'),
    })
    expect(posted.status).toBe(204)
    for (const type of ['welcome', 'subscribed']) expect((await link.next('message')).data['type']).toBe(type)
    const poll = fetch(`${at}/v1/poll?channels=room:5&wait=20`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const described = async (): Promise<unknown> =>
      ((await (await node.api('GET', '/v1/channels/room:5')).json()) as { subscribers: { local: number } })
        .subscribers.local
    await expect.poll(described).toBe(3)
    const bob = await inRoom('bob', 'room:5', { enter: { data: 1 } })
    const told = { type: 'join', channel: 'room:5', user: 'bob', data: 1, count: 2 }
    expect((await stream.next('join')).data).toEqual(told)
    expect((await link.next('message')).data).toEqual(told)
    const answer = (await (await poll).json()) as object
    expect(answer).toMatchObject({ messages: [], resets: [], events: [told] })
    await bob.request({ type: 'enter', ref: 2, channel: 'room:5', data: 2 })
    const { data, id } = await stream.next('update')
    expect([data['data'], typeof id]).toEqual([2, 'string'])
    // The answer to the first poll is over: the next one waits, and is told of what changes then.
    const next = fetch(`${at}/v1/poll?channels=room:5&wait=20`, {
      headers: { authorization: `Bearer ${token}` },
    })
    await expect.poll(described).toBe(4)
    await bob.request({ type: 'enter', ref: 3, channel: 'room:5', data: 3 })
    const updated = { type: 'update', channel: 'room:5', user: 'bob', data: 3 }
    expect(await (await next).json()).toMatchObject({ events: [updated] })
    for (const one of [stream, link]) one.close()
    bob.cut()
  })

  it('data over the limit, nested too deeply, or where nobody is subscribed is refused by name', async () => {
    const ann = await inRoom('ann', 'room:6')
    const refused = async (frame: object): Promise<unknown> =>
      (await ann.request({ type: 'enter', channel: 'room:6', ...frame, ref: 7 }))['message']
    expect(await refused({ data: 'x'.repeat(999) })).toMatch(
      /1001 bytes; 1000 are allowed \(limits\.presenceData\)/,
    )
    expect(await refused({ data: JSON.parse(nested(65)) })).toMatch(/limits\.jsonDepth/)
    expect(await refused({ data: JSON.parse(nested(64)) })).toBeUndefined()
    expect(await refused({ channel: 'room:else' })).toMatch(/not subscribed/)
    expect(await refused({ channel: 'news' })).toMatch(/does not keep presence/)
    expect(await refused({ channel: '@inbox' })).toMatch(/does not keep presence/)
    const deep = { data: JSON.parse(nested(64)) as unknown }
    const again = { type: 'subscribe', ref: 8, channel: 'room:6', enter: deep }
    expect((await ann.request(again)).type).toBe('subscribed')
    again.enter = { data: JSON.parse(nested(65)) as unknown }
    expect((await ann.request({ ...again, ref: 9 }))['message']).toMatch(/limits\.jsonDepth/)
    ann.cut()
  })

  it('a connection is served whatever it wants to enter with, and told what was not taken', async () => {
    const { client, welcome } = await RawClient.connect(wsUrl(), {
      token: await node.token('ann'),
      resume: { 'room:7': { epoch: 'x', offset: 0 }, 'room:8': { epoch: 'x', offset: 0 } },
      enter: { 'room:7': { data: 'x'.repeat(1_000) }, 'room:8': { data: JSON.parse(nested(64)) as unknown } },
    })
    expect(Object.keys(welcome['channels'] as object).toSorted()).toEqual(['@inbox', 'room:7', 'room:8'])
    expect(welcome['limits']).toMatchObject({ presenceData: 1000 })
    expect(await client.next('error')).toMatchObject({ code: 'limit_exceeded', retryable: false })
    expect(await membersOf(client, 'room:7')).not.toHaveProperty('data')
    expect(await membersOf(client, 'room:8')).toHaveProperty('data.ann')
    client.cut()
  })

  it('who changes what he says of himself too often is held to what a user may publish', async () => {
    const ann = await inRoom('ann', 'room:9')
    const replies = Array.from({ length: 200 }, (_, i) =>
      ann.request({ type: 'enter', ref: 10 + i, channel: 'room:9', data: i }),
    )
    const codes = (await Promise.all(replies)).map(({ code }) => code)
    expect(codes[0]).toBeUndefined()
    expect(codes).toContain('rate_limited')
    ann.cut()
  })
})
