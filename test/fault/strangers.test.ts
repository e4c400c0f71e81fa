import { afterEach, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

/** Whoever has no token costs those who have one nothing; and nobody overtakes by saying that he was here before. */

const STRANGER = '198.51.100.7'
/**
 * What a node can take is small here, so that a few hundred strangers are a flood. They run in the node's process, so the lag of the
 * loop is theirs, and a newcomer who is late with his first frame was kept waiting by them, not by the node.
 */
const SMALL = { connectionsPerSecond: 40, burst: 20, queue: 60, queueTimeout: '20s', maxLoopLag: 0 }

let node: StartedNode | undefined
const sockets = new Set<WebSocket>()

afterEach(async () => {
  for (const socket of sockets) socket.terminate()
  sockets.clear()
  await node?.close()
})

const start = async (admission: ConfigInput['admission'], more: ConfigInput = {}): Promise<StartedNode> =>
  (node = await startNode({
    limits: { connectTimeout: '60s' },
    ...more,
    trustedProxies: ['127.0.0.1'],
    admission: { ...SMALL, ...admission },
  }))

/** A client of its own behind each address, as its proxy says. */
const from = (address: string): { 'x-forwarded-for': string } => ({ 'x-forwarded-for': address })
const honest = (index: number): string => `203.0.113.${index}`

const welcomed = async (to: StartedNode, index: number): Promise<string> => {
  const client = await RawClient.open(`ws://127.0.0.1:${to.port}/v1/ws`, { headers: from(honest(index)) })
  sockets.add(client.socket)
  client.send({ type: 'connect', token: await to.token(`user-${index}`) })
  return (await client.next('welcome'))['user'] as string
}

/** Why some of them did not get in at their first attempt. */
const keptOut = async (to: StartedNode, count: number): Promise<unknown[]> => {
  const attempts = await Promise.allSettled(Array.from({ length: count }, (_, index) => welcomed(to, index)))
  return attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [String(attempt.reason)] : []))
}

/** A handshake that says nothing after it; resolves when it is answered. */
const handshake = async (to: StartedNode, query: string, address: string): Promise<number> => {
  const socket = new WebSocket(`ws://127.0.0.1:${to.port}/v1/ws${query}`, ['sluice.v1'], {
    headers: from(address),
  })
  sockets.add(socket)
  return new Promise((resolve) => {
    socket.on('open', () => resolve(101))
    socket.on('unexpected-response', (_request, response) => {
      response.resume()
      resolve(response.statusCode as number)
    })
    socket.on('error', () => resolve(0))
  })
}

const poll = (to: StartedNode, query: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`http://127.0.0.1:${to.port}/v1/poll?${query}`, { headers })

describe('strangers', () => {
  it('who poll without a token and say that they were here keep no newcomer out', async () => {
    const gateway = await start({})
    let over = false
    const statuses = new Set<number>()
    const strangers = Array.from({ length: 300 }, async () => {
      while (!over) statuses.add((await poll(gateway, 'channels=a&cursor=1', from(STRANGER))).status)
    })
    await expect.poll(() => statuses.size).toBeGreaterThan(0)
    const refusals = await keptOut(gateway, 50)
    over = true
    await Promise.all(strangers)
    expect(refusals).toEqual([])
    expect([...statuses]).toEqual([401])
  })

  it('who shake hands, say that they were here and nothing more keep no newcomer out', async () => {
    // 200 a second come, and are more than the node lets in; they wait like everybody else.
    const gateway = await start({ connectionsPerSecond: 120, burst: 20, queue: 10_000 })
    let answered = 0
    const knock = setInterval(() => {
      for (let i = 0; i < 10; i++) void handshake(gateway, '?resume=1', STRANGER).then(() => void answered++)
    }, 50)
    // Before anybody honest comes, the strangers have everything for themselves.
    await expect.poll(() => answered).toBeGreaterThan(100)
    const refusals = await keptOut(gateway, 60)
    clearInterval(knock)
    expect(refusals).toEqual([])
  })

  it('without a token are told so at once, also while the waiting room is full, and take no place in it', async () => {
    const gateway = await start({ connectionsPerSecond: 1, burst: 1, queue: 1 })
    void handshake(gateway, '', honest(1))
    void handshake(gateway, '', honest(2))
    await expect.poll(() => gateway.metric('sluice_admission_queue_length')).toBe(1)
    for (const path of ['poll', 'sse']) {
      const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/${path}?channels=a&cursor=1`, {
        headers: from(STRANGER),
      })
      expect([response.status, await response.text()]).toEqual([
        401,
        '{"error":{"code":"unauthorized","message":"a token is missing"}}',
      ])
    }
    expect(await gateway.metric('sluice_refusals_total{reason="queue_full"}')).toBe(0)
  })

  it('whose tokens are refused use up what their address has, and no other address notices', async () => {
    const gateway = await start({ perAddressPerSecond: 1, perAddressBurst: 40, connectionsPerSecond: 1000 })
    const bad = { ...from(STRANGER), authorization: 'Bearer not.a.token' }
    const statuses: number[] = []
    for (let i = 0; i < 10; i++) statuses.push((await poll(gateway, 'channels=a&wait=0', bad)).status)
    expect(statuses.slice(0, 4)).toEqual([401, 401, 401, 401])
    expect(statuses.slice(4)).toContain(429)
    expect(statuses.filter((status) => status === 401).length).toBeLessThan(8)
    const good = { authorization: `Bearer ${await gateway.token('ann')}` }
    expect((await poll(gateway, 'channels=a&wait=0', { ...from(honest(1)), ...good })).status).toBe(200)
  })

  it('whose WebSockets say nothing, leave at once, or bring a bad token use up what their address has', async () => {
    for (const kind of ['silent', 'left', 'token'] as const) {
      const gateway = await start(
        { perAddressPerSecond: 1, perAddressBurst: 20, connectionsPerSecond: 1000 },
        { limits: { connectTimeout: kind === 'silent' ? '100ms' : '60s' } },
      )
      let refused = 0
      for (let i = 0; i < 20 && refused === 0; i++) {
        const opened = RawClient.open(`ws://127.0.0.1:${gateway.port}/v1/ws`, { headers: from(STRANGER) })
        await opened.then(
          async (client) => {
            if (kind === 'token') client.send({ type: 'connect', token: 'not.a.token' })
            if (kind === 'left') client.socket.terminate()
            const { code } = await client.closed
            expect(code).toBe({ silent: 4408, left: 1006, token: 4401 }[kind])
          },
          (error: { status?: number }) => (refused = error.status ?? 0),
        )
        // The node has heard of the end too.
        await expect.poll(() => gateway.metric('sluice_connections{transport="websocket"}')).toBe(0)
      }
      expect([kind, refused]).toEqual([kind, 429])
      expect(await welcomed(gateway, 1)).toBe('user-1')
      await gateway.close()
    }
  })
})

describe('a client that comes back', () => {
  it('goes before newcomers who wait, on each transport, by what the gateway gave it', async () => {
    const gateway = await start({ connectionsPerSecond: 2, burst: 2, newcomersShare: 0.01 })
    const token = await gateway.token('ann')
    const authorization = `Bearer ${token}`
    const { client, welcome } = await RawClient.connect(`ws://127.0.0.1:${gateway.port}/v1/ws`, { token })
    sockets.add(client.socket)
    const answer = await poll(gateway, 'channels=a&wait=0', { authorization, ...from(honest(99)) })
    const { cursor } = (await answer.json()) as { cursor: string }
    const order: string[] = []
    const waiting: Promise<unknown>[] = []
    const note = (name: string, came: Promise<unknown>): void =>
      void waiting.push(came.then(() => order.push(name)))
    for (let i = 0; i < 10; i++) note('newcomer', handshake(gateway, '', honest(i)))
    const queued = (): Promise<number> => gateway.metric('sluice_admission_queue_length')
    await expect.poll(queued).toBeGreaterThan(5)
    const before = await queued()
    note('liar', handshake(gateway, '?resume=1', honest(11)))
    note(
      'forger',
      handshake(gateway, `?resume=${(welcome['ticket'] as string).replace(/.$/, 'x')}`, honest(12)),
    )
    await expect.poll(queued).toBeGreaterThan(before)
    note('websocket', handshake(gateway, `?resume=${welcome['ticket'] as string}`, honest(13)))
    note('poll', poll(gateway, `channels=a&wait=0&cursor=${cursor}`, { authorization, ...from(honest(14)) }))
    const stream = new AbortController()
    note(
      'sse',
      fetch(`http://127.0.0.1:${gateway.port}/v1/sse?channels=a`, {
        headers: { authorization, 'last-event-id': cursor, ...from(honest(15)) },
        signal: stream.signal,
      }),
    )
    await Promise.all(waiting)
    stream.abort()
    const place = (name: string): number => order.lastIndexOf(name)
    for (const known of ['websocket', 'poll', 'sse'])
      for (const other of ['newcomer', 'liar', 'forger']) expect(place(known)).toBeLessThan(place(other))
  })

  it('is given a fresh ticket when it shows a fresh token', async () => {
    const gateway = await start({})
    const { client, welcome } = await RawClient.connect(`ws://127.0.0.1:${gateway.port}/v1/ws`, {
      token: await gateway.token('ann'),
    })
    sockets.add(client.socket)
    client.send({ type: 'auth', ref: 1, token: await gateway.token('ann') })
    const { ticket } = (await client.next('authenticated')) as { ticket?: string }
    expect(welcome['ticket']).toMatch(/^[\w-]{8}\.[0-9a-z]+\.[0-9a-f]{16}$/)
    expect(ticket).toMatch(/^[\w-]{8}\.[0-9a-z]+\.[0-9a-f]{16}$/)
  })
})
