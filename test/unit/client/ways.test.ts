import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PATIENCE, Ways, type Memory, type Transport, type Way } from '../../../src/client/ways.ts'
import { SluiceClient } from '../../../src/client/full.ts'
import { FakeSockets } from './fake-sockets.ts'
import { ManualTime, settled } from './manual-time.ts'

const wayOf = (transport: Transport): Way => ({ transport, Socket: new FakeSockets().WebSocket })
const ALL = (['websocket', 'sse', 'poll'] as const).map(wayOf)

describe('Ways', () => {
  it('C1 C3 are tried one after the other at once, and from the first again after a pause', () => {
    const ways = new Ways(ALL, {})
    const tried: [Transport, boolean][] = []
    for (let attempt = 0; attempt < 6; attempt++) tried.push([ways.current.transport, ways.failed()])
    expect(tried).toEqual([
      ['websocket', true],
      ['sse', true],
      ['poll', false],
      ['websocket', true],
      ['sse', true],
      ['poll', false],
    ])
  })

  it('C1 the one that has served is used by the next client of the page at once', () => {
    const memory: Memory = {}
    const ways = new Ways(ALL, memory)
    ways.failed()
    ways.served()
    expect(new Ways(ALL, memory).current.transport).toBe('sse')
  })

  it('C2 one that has served is kept through failures, and given up after so many in a row', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (outcomes) => {
        const ways = new Ways(ALL, { transport: 'poll' })
        let failures = 0
        for (const good of outcomes) {
          if (ways.current.transport !== 'poll') break
          if (good) ways.served()
          else expect(ways.failed()).toBe(false)
          failures = good ? 0 : failures + 1
          expect(ways.current.transport).toBe(failures < PATIENCE ? 'poll' : 'websocket')
        }
      }),
    )
  })

  it('C4 another than the first that serves after a round in vain is not kept: the next connection begins with the first', () => {
    const memory: Memory = {}
    const ways = new Ways(ALL, memory)
    // A page that was opened while the gateway was being started again.
    for (let attempt = 0; attempt < 4; attempt++) ways.failed()
    expect(ways.next().transport).toBe('sse')
    ways.served()
    expect(memory.transport).toBeUndefined()
    expect(ways.next().transport).toBe('websocket')
    // Where the first is refused while the other serves, that is so, and known from then on.
    ways.failed()
    ways.served()
    expect(memory.transport).toBe('sse')
    expect(ways.next().transport).toBe('sse')
  })

  it('of one way there is no other', () => {
    const ways = new Ways([wayOf('websocket')], {})
    for (let attempt = 0; attempt < 10; attempt++) expect(ways.failed()).toBe(false)
    expect(ways.current.transport).toBe('websocket')
  })
})

describe('the client', () => {
  const refusing = ((_input: unknown, _init: unknown) =>
    Promise.resolve(
      new Response('{"error":{"code":"not_found","message":"there is nothing at /v1/wss"}}', { status: 404 }),
    )) as typeof globalThis.fetch

  it('tries the next way without a pause and without a word where a WebSocket does not open', async () => {
    const sockets = new FakeSockets()
    const time = new ManualTime()
    const asked: string[] = []
    const client = new SluiceClient({
      url: 'wss://a.example/v1/ws?app=1',
      token: 'token',
      WebSocket: sockets.WebSocket,
      time,
      fetch: (input) => {
        asked.push(input as string)
        return new Promise(() => undefined)
      },
    })
    const errors: string[] = []
    client.on('error', ({ message }) => void errors.push(message))
    void client.connect()
    await settled()
    expect(client.transport).toBe('websocket')
    sockets.newest.end(1006)
    await time.pass(0)
    expect(client.transport).toBe('sse')
    expect(asked).toEqual(['https://a.example/v1/link?app=1'])
    expect(errors).toEqual([])
    client.close()
  })

  it('at a wrong path fails with what the gateway answers to HTTP', async () => {
    const sockets = new FakeSockets()
    const time = new ManualTime()
    const client = new SluiceClient({
      url: 'wss://b.example/v1/wss',
      token: 'token',
      WebSocket: sockets.WebSocket,
      time,
      fetch: refusing,
    })
    const errors: string[] = []
    client.on('error', ({ message }) => void errors.push(message))
    const connecting = client.connect().catch((error: unknown) => String(error))
    for (let round = 0; round < 20 && client.state !== 'failed'; round++) {
      await settled()
      if (client.transport === 'websocket' && sockets.newest.state === 'connecting') sockets.newest.end(1006)
      await settled()
      await time.next()
    }
    expect(client.state).toBe('failed')
    expect(await connecting).toContain('there is nothing at /v1/wss')
    expect(errors[0]).toContain('wss://b.example/v1/wss')
    expect(errors[0]).toContain('(404): there is nothing at /v1/wss')
  })

  it.each([
    ['a way that is none', { transport: 'pigeon' as Transport }, /pigeon is none of websocket, sse, poll/],
    ['no way', { transport: [] }, /names no way/],
  ])('refuses %s', (_what, options, message) => {
    expect(() => new SluiceClient({ url: 'wss://c.example/v1/ws', ...options })).toThrow(message)
  })

  it('does without WebSocket where the platform has none', async () => {
    const own = globalThis.WebSocket as unknown
    Reflect.set(globalThis, 'WebSocket', undefined)
    try {
      const client = new SluiceClient({
        url: 'wss://d.example/v1/ws',
        fetch: () => new Promise(() => undefined),
      })
      void client.connect()
      await settled()
      expect(client.transport).toBe('sse')
      client.close()
    } finally {
      Reflect.set(globalThis, 'WebSocket', own)
    }
  })
})
