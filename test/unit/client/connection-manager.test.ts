import { describe, expect, it } from 'vitest'
import {
  ConnectionManager,
  type ConnectionManagerOptions,
  type StateChange,
} from '../../../src/client/connection-manager.ts'
import { ClientError } from '../../../src/client/errors.ts'
import { Tokens, type TokenSource } from '../../../src/client/tokens.ts'
import type { Ways } from '../../../src/client/ways.ts'
import type { ReconnectFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { FakeSockets } from './fake-sockets.ts'
import { ManualTime, settled } from './manual-time.ts'

const MOVE: ReconnectFrame = { type: 'reconnect', delay: 0, deadline: 30_000, reason: 'drain' }
const OWN = 'wss://gateway.example/v1/ws'

/** A manager on sockets, ways and a time that the test plays. */
class World {
  readonly sockets = new FakeSockets()
  readonly time = new ManualTime()
  /** Why each attempt was made. */
  readonly asked: string[] = []
  /** Whether it was sure, for each attempt by a way that was told to have failed. */
  readonly failedWays: boolean[] = []
  elsewhere = false
  better = false
  returnMs: number | undefined
  readonly errors: ClientError[] = []
  readonly changes: StateChange[] = []
  readonly manager: ConnectionManager

  constructor(options: Partial<ConnectionManagerOptions> = {}, token: TokenSource = () => 'token') {
    const { sockets, asked, failedWays } = this
    const ways: Ways = {
      current: 'websocket',
      next: (why) => {
        asked.push(why)
        return { transport: 'websocket', Socket: sockets.WebSocket }
      },
      failed: (sure) => {
        failedWays.push(sure)
        return this.elsewhere
      },
      served: () => undefined,
      returnMs: () => this.returnMs,
      networkChanged: () => this.better,
    }
    let ref = 0
    this.manager = new ConnectionManager(
      {
        url: OWN,
        backoff: { baseMs: 1000, maxMs: 10_000 },
        connectTimeoutMs: 20_000,
        pongTimeoutMs: 10_000,
        time: this.time,
        trace: undefined,
        refs: { nextRef: () => ++ref },
        ways,
        ...options,
      },
      new Tokens(token, this.time),
      {
        greet: () => undefined,
        welcomed: () => undefined,
        received: () => undefined,
        failed: (error) => void this.errors.push(error),
        changed: (change) => void this.changes.push(change),
      },
    )
  }

  get state(): string {
    return this.manager.state
  }

  /** An attempt is under way. */
  async connecting(): Promise<this> {
    this.manager.dispatch('connect')
    await settled()
    return this
  }

  async connected(): Promise<this> {
    await this.connecting()
    this.sockets.newest.welcome()
    expect(this.state).toBe('connected')
    return this
  }

  /** A second connection is being opened. */
  async moving(frame: Partial<ReconnectFrame> = {}): Promise<this> {
    if (this.state !== 'connected') await this.connected()
    this.sockets.at(0).receive({ ...MOVE, ...frame })
    await this.time.pass(0)
    expect(this.state).toBe('moving')
    return this
  }
}

describe('an attempt', () => {
  it('is told to the ways as what it is for', async () => {
    const world = await new World().connected()
    expect(world.asked).toEqual(['connect'])
    await world.moving()
    world.sockets.newest.welcome()
    world.sockets.newest.end(1006)
    await world.time.pass(500)
    world.sockets.newest.welcome()
    world.better = true
    world.manager.networkChanged('online')
    expect(world.asked).toEqual(['connect', 'move', 'connect', 'return'])
  })

  it.each([
    ['that is cut', 1006, [false]],
    ['that a server of HTTP refuses', 404, [true]],
    ['that a server of HTTP cannot answer now', 503, [false]],
    ['that is closed as if by us', 1000, []],
    ['that the gateway closes', 4503, []],
  ])('%s is a fault of its way, or is not (%d)', async (_, code, expected) => {
    const world = await new World().connecting()
    world.sockets.newest.end(code)
    expect(world.failedWays).toEqual(expected)
  })

  it('that cannot be made at all is a fault of its way for sure, and the next way is tried at once', async () => {
    const world = new World()
    world.sockets.refusal = new SyntaxError('bad')
    world.elsewhere = true
    await world.connecting()
    expect(world.failedWays).toEqual([true])
    expect([world.state, world.time.pendingMs]).toEqual(['waiting', [0]])
    expect(world.errors).toEqual([])
  })

  it('that hears nothing in time says so, and is a fault of its way that may pass', async () => {
    const world = await new World().connecting()
    await world.time.pass(20_000)
    expect(world.errors).toMatchObject([{ code: 'timeout', message: 'no welcome within 20000 ms' }])
    expect(world.failedWays).toEqual([false])
  })

  it('without a token is none of its way, and is made again at once, and later after pauses', async () => {
    const world = await new World({}, () => '').connecting()
    expect(world.failedWays).toEqual([])
    expect([world.state, world.time.pendingMs]).toEqual(['waiting', [0]])
    await world.time.pass(0)
    expect(world.time.pendingMs).toEqual([500])
  })

  it('of a move is none of a way, whatever becomes of it', async () => {
    const world = await new World().moving()
    world.elsewhere = true
    world.sockets.newest.end(1006)
    expect(world.failedWays).toEqual([])
    expect([world.state, world.time.pendingMs.includes(500)]).toEqual(['connected', true])
  })

  it('whose token fails when it was given up long ago ends nothing', async () => {
    let refuse = (_error: Error): void => undefined
    const tokens = ['first', undefined]
    const world = new World({}, () => {
      const token = tokens.shift()
      return token ?? new Promise((_resolve, reject) => (refuse = reject))
    })
    await world.connecting()
    world.sockets.newest.welcome({ expiresAt: world.time.now() + 1000, pingInterval: 1e9 })
    await world.time.pass(1000)
    await world.moving({ deadline: 100_000 })
    // It waits for its token; the next one for the same.
    await world.time.pass(20_000)
    expect(world.state).toBe('connected')
    await world.time.pass(500)
    expect(world.state).toBe('moving')
    refuse(new Error('away'))
    await settled()
    expect([world.state, world.manager.socket === undefined]).toEqual(['connected', false])
    expect(world.sockets.at(0).state).toBe('open')
  })

  it('shows its session behind what the address asks already', async () => {
    const world = await new World({ url: `${OWN}?region=eu` }).connected()
    expect(world.sockets.newest.url).toBe(`${OWN}?region=eu`)
    world.sockets.newest.end(1006)
    await world.time.pass(500)
    expect(world.sockets.newest.url).toBe(`${OWN}?region=eu&resume=1`)
  })
})

describe('a better way', () => {
  it('is tried beside the one that serves where the network may be another one, and only then', async () => {
    const world = await new World().connected()
    world.better = true
    world.manager.networkChanged('visibilitychange')
    expect(world.state).toBe('connected')
    world.better = false
    world.manager.networkChanged('online')
    expect(world.state).toBe('connected')
    world.better = true
    world.manager.networkChanged('online')
    expect(world.state).toBe('moving')
  })

  it('is tried after a while, and again when that was in vain', async () => {
    const world = new World()
    world.returnMs = 60_000
    await world.connecting()
    world.sockets.newest.welcome({ pingInterval: 1e9 })
    await world.time.pass(59_999)
    expect(world.state).toBe('connected')
    await world.time.pass(1)
    expect([world.state, world.asked]).toEqual(['moving', ['connect', 'return']])
    world.returnMs = 120_000
    world.sockets.newest.end(1006)
    expect(world.state).toBe('connected')
    await world.time.pass(119_999)
    expect(world.state).toBe('connected')
    await world.time.pass(1)
    expect([world.state, world.asked.at(-1)]).toEqual(['moving', 'return'])
  })
})

describe('a move', () => {
  it('says how often it was tried', async () => {
    const world = await new World().moving()
    const urls: string[] = []
    for (const pauseMs of [500, 1000, 2000]) {
      urls.push(world.sockets.newest.url)
      world.sockets.newest.end(1006)
      await world.time.pass(pauseMs)
    }
    expect(urls).toEqual([0, 1, 2].map((tries) => `${OWN}?resume=1&move=${tries}`))
  })

  it('is tried again only where that is before the gateway closes the connection', async () => {
    const inTime = await new World().moving({ deadline: 501 })
    inTime.sockets.newest.end(1006)
    await inTime.time.pass(500)
    expect(inTime.state).toBe('moving')
    const late = await new World().moving({ deadline: 500 })
    late.sockets.newest.end(1006)
    await late.time.pass(500)
    expect(late.state).toBe('connected')
  })

  it('that is asked for again while it is made goes on, and has its time', async () => {
    const world = await new World().moving()
    world.sockets.newest.open()
    world.sockets.at(0).receive({ ...MOVE, delay: 7 })
    expect(world.time.pendingMs).toContain(20_000)
    await world.time.pass(7)
    expect([world.state, world.sockets.count]).toEqual(['moving', 2])
  })

  it.each([
    ['ws://own.example/ws', 'ws://node-7.example/ws', true],
    ['WS://own.example/ws', 'WS://node-7.example/ws', true],
    ['ws://own.example/ws', 'wss://node-7.example/ws', true],
    ['ws://own.example/ws', undefined, false],
    [OWN, 'WSS://node-7.example/ws', true],
    [OWN, 'ws://node-7.example/ws', false],
    [`${OWN}/ws:`, 'ws://node-7.example/ws', false],
    [OWN, 'https://wss:node-7.example/ws', false],
    ['ws://own.example/ws', 'https://ws:node-7.example/ws', false],
  ])('of one at %s goes to %s (%s): to a WebSocket, and not out of TLS', async (url, told, follows) => {
    const world = await new World({ url }).moving(told === undefined ? {} : { url: told })
    expect(world.sockets.newest.url).toBe(`${follows ? told : url}?resume=1&move=0`)
  })
})

it('4409 is final after the application has closed and connected again, whatever was given up before', async () => {
  const world = await new World().connecting()
  world.sockets.newest.open()
  world.sockets.newest.end(1006)
  world.manager.dispatch('close')
  await world.connected()
  world.sockets.newest.end(4409)
  expect(world.state).toBe('failed')
})

it('a change of state says from which, and why', async () => {
  const world = await new World().connected()
  world.sockets.newest.end(1006, 'cut')
  expect(world.changes.map(({ previous, state }) => `${previous} ${state}`)).toEqual([
    'idle connecting',
    'connecting connected',
    'connected waiting',
  ])
  expect(world.changes.map(({ error }) => error?.closeCode)).toEqual([undefined, undefined, 1006])
  world.manager.dispatch('refuse', new ClientError('forbidden', 'enough'))
  expect(world.changes.at(-1)).toMatchObject({ state: 'failed', error: { code: 'forbidden' } })
})
