import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClientError } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { EventStream } from '../support/event-stream.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** An operator lowers a limit, and clients come back that were on more channels before: nobody is kept out for that. */

let before: StartedNode
let node: StartedNode
const MAX = 3
const NAMES = ['a', 'b', 'c', 'd', 'e']
const SERVED = NAMES.slice(0, MAX)
const BEYOND = NAMES.slice(MAX)
const LIMIT = { recovered: false, error: 'limit_exceeded' }

beforeAll(async () => {
  ;[before, node] = await Promise.all([
    startNode(),
    startNode({ limits: { subscriptions: MAX, channelsPerStream: MAX - 1 } }),
  ])
})
afterAll(() => Promise.all([before.close(), node.close()]))

const hits = (limit: string): Promise<number> => node.metric(`sluice_limits_hit_total{limit="${limit}"}`)

describe('a WebSocket', () => {
  const url = (): string => `ws://127.0.0.1:${node.port}/v1/ws`
  const places = (names: readonly string[]): object =>
    Object.fromEntries(names.map((name) => [name, { epoch: 'before', offset: 7 }]))

  it('resumes those that fit, in the order in which they were named, and is told of each of the others', async () => {
    const hitsBefore = await hits('subscriptions')
    const token = await node.token('wes')
    const { client, welcome } = await RawClient.connect(url(), { token, resume: places(NAMES) })
    const channels = welcome['channels'] as Record<string, object>
    expect(Object.keys(channels).toSorted()).toEqual(['@inbox', ...NAMES])
    for (const name of BEYOND) expect(channels[name]).toEqual(LIMIT)
    for (const name of SERVED) expect(channels[name]).not.toHaveProperty('error')
    for (const name of SERVED) expect(await client.next('reset')).toMatchObject({ channel: name })
    expect(await hits('subscriptions')).toBe(hitsBefore + 1)
    // The others bring nothing, and there is no room for them until a channel is left.
    await node.publish(NAMES.toReversed().map((channel) => ({ channel, data: 1 })))
    for (const name of SERVED.toReversed())
      expect(await client.next('message')).toMatchObject({ channel: name })
    expect(await client.request({ type: 'subscribe', ref: 1, channel: 'd' })).toMatchObject({
      code: 'limit_exceeded',
    })
    await client.request({ type: 'unsubscribe', ref: 2, channel: 'a' })
    expect(await client.request({ type: 'subscribe', ref: 3, channel: 'd' })).toMatchObject({
      type: 'subscribed',
    })
    client.cut()
  })

  it('loses no place to a channel that its token does not allow', async () => {
    const token = await node.token('wim', { subscribe: ['b', 'c', 'd', 'e'] })
    const { client, welcome } = await RawClient.connect(url(), { token, resume: places(NAMES) })
    expect(welcome['channels']).toMatchObject({
      a: { error: 'forbidden' },
      b: { offset: expect.any(Number) as number },
      c: { offset: expect.any(Number) as number },
      d: { offset: expect.any(Number) as number },
      e: LIMIT,
    })
    client.cut()
  })
})

describe('a stream', () => {
  const open = async (user: string, names: readonly string[]): Promise<EventStream> =>
    EventStream.open(
      `http://127.0.0.1:${node.port}/v1/sse?channels=${names.join(',')}&token=${await node.token(user)}`,
    )

  it('brings those that fit, and is told of each of the others', async () => {
    const hitsBefore = [await hits('channels_per_stream'), await hits('subscriptions')]
    const stream = await open('sam', NAMES)
    expect(stream.response.status).toBe(200)
    const { data, id } = await stream.next('welcome')
    expect(data).toMatchObject({ channels: { c: LIMIT, d: LIMIT, e: LIMIT } })
    expect(data['channels']).not.toMatchObject({ b: LIMIT })
    await node.publish(['e', 'b'].map((channel) => ({ channel, data: 1 })))
    expect((await stream.next('message')).data).toMatchObject({ channel: 'b' })
    stream.close()
    // The cursor is of what is served: two channels and the inbox.
    expect(
      id?.split('~').filter((part) => /^[\w-]{9,19}\.[0-9a-f]{16}$/.test(part) && part[0] !== '-'),
    ).toHaveLength(3)
    expect([await hits('channels_per_stream'), await hits('subscriptions')]).toEqual([
      (hitsBefore[0] as number) + 1,
      hitsBefore[1],
    ])
  })

  it('is refused whole where one of those that fit is not allowed', async () => {
    const token = await node.token('sid', { subscribe: ['b', 'c', 'd'] })
    const response = await fetch(`http://127.0.0.1:${node.port}/v1/sse?channels=a,b&token=${token}`)
    expect(response.status).toBe(403)
  })
})

describe('a poll', () => {
  const poll = async (names: readonly string[], more = 'wait=0'): Promise<Record<string, unknown>> => {
    const token = await node.token('pam')
    const response = await fetch(
      `http://127.0.0.1:${node.port}/v1/poll?channels=${names.join(',')}&token=${token}&${more}`,
    )
    expect(response.status).toBe(200)
    return (await response.json()) as Record<string, unknown>
  }

  it('brings those that fit, and tells in each answer of the others', async () => {
    const refused = ['c', 'd', 'e'].map((channel) => ({ channel, error: 'limit_exceeded' }))
    const first = await poll(NAMES)
    expect(first).toMatchObject({ messages: [], resets: [], refused })
    await node.publish(['e', 'b'].map((channel) => ({ channel, data: 1 })))
    const second = await poll(NAMES, `cursor=${encodeURIComponent(first['cursor'] as string)}`)
    expect(second).toMatchObject({ messages: [{ channel: 'b' }], refused })
    expect(await poll(['a', 'b'])).not.toHaveProperty('refused')
  })
})

describe('the client library', () => {
  it('stays connected, goes on with those that fit, and tells of each of the others', async () => {
    const proxy = new CuttingProxy(before.port)
    await proxy.listen()
    const { port } = proxy
    const client = createClient({
      url: `ws://127.0.0.1:${port}/v1/ws`,
      token: () => node.token('lee'),
      backoff: { baseMs: 20, maxMs: 50 },
    })
    const seen: string[] = []
    const errors: ClientError[] = []
    const told: string[] = []
    client.on('error', (error) => errors.push(error))
    const subscriptions = NAMES.map((name) =>
      client.subscribe(name, ({ channel, data }) => void seen.push(`${channel} ${String(data)}`), {
        onReset: () => void seen.push(`${name} reset`),
        // One says so for itself, the other to the whole client.
        ...(name === 'd' ? { onError: ({ code }: ClientError) => void told.push(code) } : {}),
      }),
    )
    await client.connect()
    await Promise.all(subscriptions.map(({ ready }) => ready))
    const after = new CuttingProxy(node.port)
    await proxy.close()
    await after.listen(port)
    await expect.poll(() => seen.length).toBe(MAX)
    expect(seen).toEqual(SERVED.map((name) => `${name} reset`))
    await expect
      .poll(() => [told, errors.map(({ code }) => code)])
      .toEqual([['limit_exceeded'], ['limit_exceeded']])
    expect(errors[0]?.message).toContain('e: ')
    await node.publish(NAMES.toReversed().map((channel) => ({ channel, data: 2 })))
    await expect.poll(() => seen.slice(MAX)).toEqual(SERVED.toReversed().map((name) => `${name} 2`))
    expect(client.state).toBe('connected')
    client.close()
    await after.close()
  })
})
