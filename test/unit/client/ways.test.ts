import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SluiceClient, type FullClientOptions } from '../../../src/client/full.ts'
import { HEDGE_MS, PATIENCE, RETURN_MS, WayChoice, type Memory } from '../../../src/client/way-choice.ts'
import type { Transport, Way } from '../../../src/client/ways.ts'
import { FakeSockets } from './fake-sockets.ts'
import { ManualTime, settled } from './manual-time.ts'

const wayOf = (transport: Transport): Way => ({ transport, Socket: new FakeSockets().WebSocket })
const ALL = [wayOf('websocket'), wayOf('sse'), wayOf('poll')] as const

interface Made {
  readonly choice: WayChoice
  readonly memory: Memory
  readonly time: ManualTime
  /** Attempts until one gets through: which way each was, and whether it was made at once. */
  readonly attempts: (through: (transport: Transport) => boolean, max: number) => string[]
}

function made(memory: Memory = { untilMs: 0, returns: 0 }, time = new ManualTime()): Made {
  const choice = new WayChoice(ALL, memory, time)
  return {
    choice,
    memory,
    time,
    attempts: (through, max) => {
      const tried: string[] = []
      let atOnce = false
      while (tried.length < max) {
        const { transport } = choice.next('connect')
        tried.push(atOnce ? `+${transport}` : transport)
        if (through(transport)) {
          choice.served()
          break
        }
        atOnce = choice.failed(false)
      }
      return tried
    },
  }
}

const serving =
  (...transports: Transport[]) =>
  (transport: Transport) =>
    transports.includes(transport)

describe('WayChoice', () => {
  it('C1 the first is left when it has failed so often in a row and another one serves', () => {
    const { attempts, memory } = made()
    expect(attempts(serving('sse', 'poll'), 9)).toEqual(['websocket', 'websocket', 'websocket', '+sse'])
    expect(memory.transport).toBe('sse')
  })

  it('C1 the first is never left for a gateway that is away or busy, however long and in whatever order it fails', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), (fails) => {
        const { attempts, memory, choice } = made()
        attempts(() => false, fails)
        // Back for all: whichever the next attempt is by, the connection after it is by the first.
        attempts(() => true, 9)
        if (fails < PATIENCE) expect(memory.transport).toBe('websocket')
        choice.networkChanged()
        expect(choice.next('connect').transport).toBe('websocket')
      }),
    )
  })

  it('C2 a gateway that is away is asked by one other way at once after each failure of the first, in turn', () => {
    expect(made().attempts(() => false, 9)).toEqual([
      'websocket',
      'websocket',
      'websocket',
      '+sse',
      'websocket',
      '+poll',
      'websocket',
      '+sse',
      'websocket',
    ])
  })

  it('C2 what is refused for good is asked on each way at once, and then from the first again', () => {
    const { choice } = made()
    const tried: [Transport, boolean][] = []
    for (let attempt = 0; attempt < 4; attempt++)
      tried.push([choice.next('connect').transport, choice.failed(true)])
    expect(tried).toEqual([
      ['websocket', true],
      ['sse', true],
      ['poll', false],
      ['websocket', true],
    ])
  })

  it('C3 the one that serves is used by the next client of the page, until a while has passed', () => {
    const { attempts, memory, time, choice } = made()
    attempts(serving('poll'), 20)
    const waitMs = choice.returnMs() as number
    expect(waitMs).toBeGreaterThanOrEqual(RETURN_MS)
    expect(made(memory, time).choice.next('connect').transport).toBe('poll')
    time.nowMs += waitMs
    expect(made(memory, time).choice.next('connect').transport).toBe('websocket')
  })

  it('C3 each return that is in vain doubles the while before the next one, and one that serves ends it', () => {
    const { attempts, time, choice } = made()
    attempts(serving('sse'), 20)
    const waits = Array.from({ length: 8 }, () => {
      const waitMs = choice.returnMs() as number
      time.nowMs += waitMs
      expect(choice.next('return').transport).toBe('websocket')
      return waitMs / (RETURN_MS * 1.5)
    })
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 32, 32])
    choice.served()
    expect(choice.returnMs()).toBeUndefined()
  })

  it('C3 one that is kept and fails is left for the first, and comes again after one more failure', () => {
    const { attempts, choice } = made()
    attempts(serving('sse'), 20)
    choice.returnMs()
    expect(attempts(() => false, 5)).toEqual(['sse', 'websocket', '+sse', 'websocket', '+poll'])
  })

  it('C3 a move that the gateway asks for stays with the one that serves', () => {
    const { attempts, choice } = made()
    attempts(serving('sse'), 20)
    choice.returnMs()
    expect(choice.next('move').transport).toBe('sse')
  })

  it('C3 another network is tried by the first at once', () => {
    const { attempts, choice } = made()
    attempts(serving('sse'), 20)
    choice.returnMs()
    expect(choice.networkChanged()).toBe(true)
    expect(choice.next('connect').transport).toBe('websocket')
  })

  it('C4 another way joins the first again on another network, whatever has served on the former one', () => {
    const { attempts, choice } = made()
    attempts(serving('websocket'), 1)
    expect(choice.next('connect')).toBe(ALL[0])
    choice.networkChanged()
    const { transport, Socket } = choice.next('connect')
    expect(transport).toBe('websocket')
    expect(Socket).not.toBe(ALL[0].Socket)
    choice.served()
    expect(choice.next('connect')).toBe(ALL[0])
  })

  it('of one way there is no other', () => {
    const choice = new WayChoice([wayOf('websocket')], { untilMs: 0, returns: 0 }, new ManualTime())
    for (let attempt = 0; attempt < 10; attempt++) {
      expect(choice.next('connect').transport).toBe('websocket')
      expect(choice.failed(attempt % 2 === 0)).toBe(false)
    }
  })
})

describe('the client', () => {
  const refusing = ((_input: unknown, _init: unknown) =>
    Promise.resolve(
      new Response('{"error":{"code":"not_found","message":"there is nothing at /v1/wss"}}', { status: 404 }),
    )) as typeof globalThis.fetch

  let hosts = 0
  /** A client of a gateway of its own, whose WebSockets and requests the test answers. */
  function madeClient(options: Partial<FullClientOptions> = {}) {
    const sockets = new FakeSockets()
    const time = new ManualTime()
    const asked: string[] = []
    const errors: string[] = []
    const url = `wss://${++hosts}.example/v1/ws?app=1`
    const client = new SluiceClient({
      url,
      token: 'token',
      WebSocket: sockets.WebSocket,
      time,
      fetch: (input) => {
        asked.push((input as string).replace(/^.*example/, ''))
        return new Promise(() => undefined)
      },
      ...options,
    })
    client.on('error', ({ message }) => void errors.push(message))
    return { client, sockets, time, asked, errors }
  }

  it('stays with WebSockets where one handshake fails, and goes over HTTP without a pause after three', async () => {
    const { client, sockets, time, asked, errors } = madeClient()
    void client.connect()
    await settled()
    for (let attempt = 1; attempt <= 2; attempt++) {
      sockets.newest.end(1006)
      await time.pass(4000)
      expect(client.transport).toBe('websocket')
      expect(sockets.count).toBe(attempt + 1)
    }
    expect(asked).toEqual([])
    sockets.newest.end(1006)
    await time.pass(0)
    expect(client.transport).toBe('sse')
    expect(asked).toEqual(['/v1/link?app=1'])
    // That nothing more was told of than failed: the one that is followed at once by another way is no news.
    expect(errors).toHaveLength(2)
    client.close()
  })

  it.each([
    ['is cut before it is welcome', 1006, true],
    ['is closed by the gateway with a word', 1013, false],
  ])(
    'counts a WebSocket that opens and %s as one that did not get through: %s',
    async (_what, code, counts) => {
      const { client, sockets, time, asked } = madeClient()
      void client.connect()
      await settled()
      for (let attempt = 0; attempt < PATIENCE; attempt++) {
        sockets.newest.open()
        sockets.newest.end(code)
        await time.pass(attempt === PATIENCE - 1 ? 0 : 4000)
      }
      expect(asked.length).toBe(counts ? 1 : 0)
      client.close()
    },
  )

  it('C4 tries a stream beside a WebSocket that hangs, and goes on with the one that opens', async () => {
    const { client, sockets, time, asked } = madeClient()
    void client.connect()
    await settled()
    await time.pass(HEDGE_MS - 1)
    expect(asked).toEqual([])
    await time.pass(1)
    expect(asked).toEqual(['/v1/link?app=1'])
    expect(sockets.newest.state).toBe('connecting')
    sockets.newest.welcome()
    expect([client.state, client.transport, sockets.count]).toEqual(['connected', 'websocket', 1])
    client.close()
  })

  it('C4 closes a WebSocket that hangs when the stream beside it opens, before it has said anything', async () => {
    const welcome = {
      type: 'welcome',
      session: 's',
      user: 'u',
      node: 'n',
      resumed: false,
      channels: {},
      pingInterval: 25_000,
    }
    const posted: string[] = []
    let push: (line: string) => void = () => undefined
    const { client, sockets, time } = madeClient({
      pongTimeoutMs: RETURN_MS * 9,
      fetch: (_input, init) => {
        if (init?.method === 'POST') {
          posted.push(init.body as string)
          return Promise.resolve(new Response('{}'))
        }
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => {
            push = (line) => controller.enqueue(new TextEncoder().encode(`data: ${line}\n\n`))
          },
        })
        return Promise.resolve(new Response(body))
      },
    })
    void client.connect()
    await settled()
    await time.pass(HEDGE_MS)
    push('"link-1"')
    await expect.poll(() => posted).toHaveLength(1)
    expect(sockets.newest.state).toBe('closed')
    expect(posted.map((body) => (JSON.parse(body) as { type: string }).type)).toEqual(['connect'])
    push(JSON.stringify(welcome))
    await expect.poll(() => client.state).toBe('connected')
    expect([client.state, client.transport]).toEqual(['connected', 'sse'])
    expect(sockets.newest.sent).toEqual([])
    // It comes back beside the stream, which serves until the WebSocket does.
    await time.pass(RETURN_MS * 1.5)
    expect([client.state, client.transport, sockets.count]).toEqual(['moving', 'sse', 2])
    sockets.newest.welcome()
    expect([client.state, client.transport]).toEqual(['connected', 'websocket'])
    client.close()
  })

  it('C4 leaves a WebSocket that is slow to open alone where one has served on this page', async () => {
    const { client, sockets, time, asked } = madeClient()
    void client.connect()
    await settled()
    sockets.newest.welcome()
    sockets.newest.end(1006)
    await time.pass(1000)
    expect(sockets.count).toBe(2)
    await time.pass(HEDGE_MS * 2)
    expect(asked).toEqual([])
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
    for (let round = 0; round < 40 && client.state !== 'failed'; round++) {
      await settled()
      if (client.transport === 'websocket' && sockets.newest.state === 'connecting') sockets.newest.end(1006)
      await settled()
      await time.next()
    }
    expect(client.state).toBe('failed')
    expect(await connecting).toContain('there is nothing at /v1/wss')
    expect(errors[2]).toContain('wss://b.example/v1/wss')
    expect(errors[2]).toContain('(404): there is nothing at /v1/wss')
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
