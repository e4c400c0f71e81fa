import { NO_HOOKS } from '../support/no-hooks.ts'
import { noWitness } from '../../src/observe/witness.ts'
import { NO_LINKS } from '../support/no-links.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Backbone, Sent } from '../../src/backbone/backbone.ts'
import { systemClock } from '../../src/clock.ts'
import type { EdgeOptions, EdgePorts } from '../../src/edge/ports.ts'
import { Newcomers } from '../../src/transport/newcomers.ts'
import type { WebSocketConnection } from '../../src/transport/websocket.ts'
import { Hub } from '../../src/hub/hub.ts'
import type { HubPolicy } from '../../src/hub/ports.ts'
import type { Subscriber } from '../../src/hub/subscriber.ts'
import type { MessageFrame, ServerFrame } from '../../src/dialect/sluice-v1/frames.ts'
import type { Position } from '../../src/protocol/position.ts'
import type { LoggedMessage, Message } from '../../src/protocol/message.ts'
import type { Registry } from '../../src/registry/registry.ts'
import type { LogRange, ReplayLog } from '../../src/replay/replay-log.ts'
import type { SessionPorts } from '../../src/session/ports.ts'
import { UserQuotas } from '../../src/session/quotas.ts'
import { Sessions } from '../../src/session/sessions.ts'
import { Wheel } from '../../src/wheel.ts'
import { FakeSocket, FakeUws } from '../support/fake-uws.ts'
import { sluiceSocket } from '../support/sluice-v1.ts'
import { UNCOUNTED_EDGE, UNCOUNTED_HUB, UNCOUNTED_SESSIONS } from '../support/uncounted.ts'

/**
 * The whole way of a message from the log to the client, with the real hub, sessions and WebSocket connections; only
 * the log, the backbone and the sockets are models, so that a test can delay, lose, repeat and reorder at will.
 */

const CHANNELS = ['a', 'b'] as const
const BUFFER_LIMIT = 600
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class ModelLog implements ReplayLog {
  readonly #channels = new Map<string, LoggedMessage[]>()
  readonly #trimmedTo = new Map<string, number>()
  readonly published = new Map<string, LoggedMessage>()
  /** Answers that are on their way; a test lets them arrive. */
  readonly #waiting: (() => void)[] = []
  reads = 0

  write(channel: string, exclude?: string): LoggedMessage {
    const messages = this.#list(channel)
    const previous = messages.at(-1)?.offset ?? this.#trimmedTo.get(channel) ?? 0
    const offset = previous + 1 + (this.published.size % 3)
    const data = Buffer.from(`"${channel}${offset} ${'x'.repeat(40)}"`)
    const message: LoggedMessage = {
      kind: 'logged',
      channel,
      epoch: 'e',
      offset,
      previous,
      id: undefined,
      time: 0,
      data,
      binary: false,
      ack: false,
      meta: exclude === undefined ? undefined : { exclude },
    }
    messages.push(message)
    this.published.set(`${channel} ${offset}`, message)
    return message
  }

  trim(channel: string, keep: number): void {
    const messages = this.#list(channel)
    const last = messages.splice(0, Math.max(messages.length - keep, 0)).at(-1)
    if (last !== undefined) this.#trimmedTo.set(channel, last.offset)
  }

  answerOne(which: number): void {
    this.#waiting.splice(which % Math.max(this.#waiting.length, 1), 1)[0]?.()
  }

  answerAll(): void {
    while (this.#waiting.length > 0) this.#waiting.shift()?.()
  }

  read(channel: string, after: Position, limit: number): Promise<LogRange> {
    return this.#later(() => {
      if (after.epoch !== 'e') return { kind: 'lost', why: 'epoch', head: this.#head(channel) }
      if (after.offset > this.#head(channel).offset)
        return { kind: 'lost', why: 'ahead', head: this.#head(channel) }
      if (after.offset < (this.#trimmedTo.get(channel) ?? 0)) {
        return { kind: 'lost', why: 'trimmed', head: this.#head(channel) }
      }
      const messages = this.#list(channel).filter(({ offset }) => offset > after.offset)
      return { kind: 'range', messages: messages.slice(0, limit), head: this.#head(channel) }
    })
  }

  last(channel: string, count: number): Promise<LogRange> {
    return this.#later(() => {
      const messages = count === 0 ? [] : this.#list(channel).slice(-count)
      return { kind: 'range', messages, head: this.#head(channel) }
    })
  }

  head(channel: string): Promise<Position> {
    return this.#later(() => this.#head(channel))
  }

  headNow(channel: string): Position {
    return this.#head(channel)
  }

  append(): never {
    throw new Error('the test writes the log itself')
  }

  remove(): Promise<void> {
    return Promise.resolve()
  }

  disown(): Promise<void> {
    return Promise.resolve()
  }

  healthy(): boolean {
    return true
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #head(channel: string): Position {
    return { epoch: 'e', offset: this.#list(channel).at(-1)?.offset ?? this.#trimmedTo.get(channel) ?? 0 }
  }

  /** The log answers with what it holds when it is its turn, and the answer takes its time once more. */
  async #later<T>(answer: () => T): Promise<T> {
    this.reads++
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    const found = answer()
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return found
  }

  #list(channel: string): LoggedMessage[] {
    let messages = this.#channels.get(channel)
    if (messages === undefined) {
      messages = []
      this.#channels.set(channel, messages)
    }
    return messages
  }
}

const noBackbone: Backbone = {
  subscribe: () => Promise.resolve(),
  unsubscribe() {},
  broadcast: (): Sent => 'sent',
  unicast: (): Sent => 'sent',
  control: (): Sent => 'sent',
  healthy: () => true,
  close: () => Promise.resolve(),
}

const noRegistry = {
  claim: () =>
    Promise.resolve({
      claim: 1,
      known: false,
      previousNode: undefined,
      revokedBeforeMs: undefined,
      sessions: 1,
    }),
  release: () => Promise.resolve(),
} as unknown as Registry

function world(policy: HubPolicy, tailMessages: number, memoryBytes: number) {
  const log = new ModelLog()
  const uws = new FakeUws()
  const failures: unknown[] = []
  const ignore = (): void => {}
  const hub = new Hub(
    {
      log,
      backbone: noBackbone,
      topics: uws,
      clock: systemClock,
      metrics: UNCOUNTED_HUB,
      witness: noWitness,
      liveOn: (channel, key): Subscriber | undefined => sessions.liveOn(channel, key),
      policyOf: () => policy,
    },
    {
      tailMessages,
      tailBytes: 1_000_000,
      memoryBytes,
      quietMs: 60_000,
      headCheckMs: 60_000,
      resetSpreadMs: 0,
    },
  )
  const wheel = new Wheel(systemClock, 1000, (_wall, error) => failures.push(error))
  const ports: SessionPorts = {
    hooks: NO_HOOKS,
    nodeId: 'n',
    logBehindClaims: true,
    historyOf: () => undefined,
    limits: () => ({ frame: 65_536, payload: 65_536, subscriptions: 512, presenceData: 1024 }),
    hub,
    registry: noRegistry,
    tokens: {
      verify: (token) =>
        Promise.resolve({
          user: token,
          permissions: { maySubscribe: () => true, mayPublish: () => true, mayReadHistory: () => false },
          expiresAtMs: undefined,
          issuedAtMs: undefined,
        }),
      isRevoked: () => false,
    },
    clock: systemClock,
    wheel,
    metrics: UNCOUNTED_SESSIONS,
    witness: noWitness,
    ticketOf: () => 'a ticket',
    quotas: new UserQuotas({ connections: 0, subscriptions: 0, publishesPerSecond: 0 }),
    acks: { ack: ignore, acked: () => Promise.resolve(undefined) },
    presence: {
      ...{ entered: ignore, left: ignore, says: ignore, withdraws: ignore, now: () => 0 },
      members: () => Promise.reject(new Error('not here')),
    },
    presenceRules: { bytesMax: 0, jsonDepthMax: 64 },
    policyOf: () => ({ clientPublish: 'deny', presence: false, acknowledged: false, max: 1000 }),
    publish: () => Promise.reject(new Error('not here')),
    forward: () => Promise.reject(new Error('not here')),
    former: {
      tookOver: ignore,
      gaveUp: ignore,
      cameBack: ignore,
      cameBackHere: ignore,
      replayed: ignore,
      draining: () => undefined,
    },
    left: ignore,
    failed: (_what, error) => failures.push(error),
  }
  const sessions: Sessions = new Sessions({
    ports,
    options: {
      pingIntervalMs: 1000,
      reauth: { intervalMs: 1e9, deadlineMs: 1000 },
      subscriptionsMax: 10,
      sessionsPerUserMax: 0,
    },
  })
  const edge: EdgePorts = {
    links: NO_LINKS,
    sessions,
    hub,
    redirects: () => false,
    witness: noWitness,
    departureOf: () => undefined,
    mistake: ignore,
    tickets: { give: (owner) => ({ owner, hour: 1, mac: 'f'.repeat(16) }), isOld: () => false },
    admission: {
      ask: () => ({ cancel: ignore }),
      charge: ignore,
      knows: () => false,
      looksAtAddresses: false,
      connected: ignore,
      disconnected: ignore,
      take: () => true,
    },
    clock: systemClock,
    wheel,
    metrics: UNCOUNTED_EDGE,
    failed: (_what, error) => failures.push(error),
    caught: (_wall, error) => failures.push(error),
  }
  return { log, uws, hub, wheel, edge, failures }
}

/** A client that remembers its positions over its connections, and checks every frame against what was published. */
class Client {
  readonly user: string
  readonly positions = new Map<string, Position>()
  readonly #edge: EdgePorts
  readonly #uws: FakeUws
  readonly #published: ReadonlyMap<string, LoggedMessage>
  #socket: FakeSocket | undefined
  #connection: WebSocketConnection | undefined
  #welcome = false
  session: string | undefined
  excluded = 0
  resets = 0
  received = 0
  skippedAllowed = false
  mayBeClosed = false

  constructor(user: string, edge: EdgePorts, uws: FakeUws, published: ReadonlyMap<string, LoggedMessage>) {
    this.user = user
    this.#edge = edge
    this.#uws = uws
    this.#published = published
  }

  connect(): void {
    if (this.#socket?.closed === false) return
    const options = { bufferedBytesMax: BUFFER_LIMIT, frameBytesMax: 65_536, connectTimeoutMs: 60_000 }
    const connection = sluiceSocket(this.#edge, options as EdgeOptions, new Newcomers(65_536))
    this.#connection = connection
    this.#socket = new FakeSocket(this.#uws, BUFFER_LIMIT, connection)
    this.#welcome = false
    connection.opened(this.#socket)
    const resume = Object.fromEntries(this.positions)
    this.#say({ type: 'connect', token: this.user, resume, session: this.session })
    for (const [ref, channel] of CHANNELS.entries()) {
      if (!this.positions.has(channel)) this.#say({ type: 'subscribe', ref, channel })
    }
  }

  cut(): void {
    this.#socket?.cut(1006)
  }

  read(count: number): void {
    for (const { data } of this.#socket?.read(count) ?? [])
      this.#take(JSON.parse(data.toString()) as ServerFrame)
  }

  #say(frame: object): void {
    this.#connection?.received(new Uint8Array(Buffer.from(JSON.stringify(frame))).buffer, false)
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#welcome = true
        this.session = frame.session
        for (const [channel, restored] of Object.entries(frame.channels)) {
          expect(restored).not.toHaveProperty('error')
          const at = restored as { epoch: string; offset: number; recovered: boolean }
          const known = this.positions.get(channel)
          if (at.recovered) expect(at).toMatchObject({ ...known })
          this.positions.set(channel, { epoch: at.epoch, offset: at.offset })
        }
        break
      case 'subscribed':
        expect(this.#welcome).toBe(true)
        this.positions.set(frame.channel, { epoch: frame.epoch as string, offset: frame.offset as number })
        break
      case 'reset':
        this.resets++
        this.positions.set(frame.channel, { epoch: frame.epoch, offset: frame.offset })
        break
      case 'message':
        this.#message(frame)
        break
      case 'error':
        expect(frame.message).toContain('not read fast enough')
        expect(this.mayBeClosed).toBe(true)
        break
      default:
        expect.unreachable(JSON.stringify(frame))
    }
  }

  #message(frame: MessageFrame): void {
    const at = this.positions.get(frame.channel)
    const message = this.#published.get(`${frame.channel} ${frame.offset}`)
    expect(message).toBeDefined()
    expect(frame.offset).toBeGreaterThan(at?.offset as number)
    if (!this.skippedAllowed) expect(this.#before(message)).toBeLessThanOrEqual(at?.offset as number)
    expect(message?.meta?.exclude ?? 'nobody').not.toBe(this.session)
    this.received++
    this.positions.set(frame.channel, { epoch: 'e', offset: frame.offset as number })
  }

  /** The offset of the message before this one that is for this client; of one that was written before it knew its session, the latest. */
  #before(message: LoggedMessage | undefined): number {
    let previous = message?.previous as number
    for (;;) {
      const before = this.#published.get(`${message?.channel} ${previous}`)
      if (before?.meta?.exclude === undefined || before.meta.exclude !== this.session) return previous
      previous = before.previous
      this.excluded++
    }
  }
}

const channel = fc.constantFrom(...CHANNELS)
const who = fc.nat({ max: 2 })
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      channel,
      arrives: fc.nat({ max: 9 }),
      excludes: fc.option(who, { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      channel,
      count: fc.integer({ min: 5, max: 70 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('read' as const), who, count: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('connect' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), who }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('late' as const), which: fc.nat() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('answer' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('online' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('trim' as const), channel, keep: fc.nat({ max: 5 }) }),
  },
)

/** Of all runs: messages that a client did not get because it was excluded. */
let excluded = 0

async function play(
  steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
  options: { trim: boolean; slowConsumer: HubPolicy['slowConsumer']; tail: readonly [number, number] },
): Promise<void> {
  const { slowConsumer } = options
  const policy: HubPolicy = { logged: true, slowConsumer, max: 1000, ttlMs: Infinity }
  const { log, uws, hub, wheel, edge, failures } = world(policy, ...options.tail)
  const clients = [0, 1, 2].map((index) => new Client(`u${index}`, edge, uws, log.published))
  for (const client of clients) {
    client.skippedAllowed = options.slowConsumer === 'conflate'
    client.mayBeClosed = options.slowConsumer === 'disconnect'
  }
  const late: Message[] = []
  let trimmed = false
  const arrive = (message: LoggedMessage, arrives: number): void => {
    // 0: lost. 1: twice. 2 and 3: later. Else at once.
    if (arrives >= 4 || arrives === 1) hub.receive(message)
    if (arrives >= 1 && arrives <= 3) late.push(message)
  }
  const allOnline = async (): Promise<void> => {
    for (const client of clients) client.connect()
    for (let i = 0; i < 8; i++) {
      log.answerAll()
      uws.flush()
      await turn()
    }
    for (const client of clients) client.read(1000)
  }
  await allOnline()
  for (const one of steps) {
    switch (one.kind) {
      case 'online':
        await allOnline()
        break
      case 'publish':
        arrive(log.write(one.channel, clients[one.excludes ?? -1]?.session), one.arrives)
        break
      case 'burst':
        for (let i = 0; i < one.count; i++)
          arrive(log.write(one.channel, i % 3 === 0 ? clients[0]?.session : undefined), 9)
        break
      case 'turn':
        uws.flush()
        await turn()
        break
      case 'flush':
        uws.flush()
        break
      case 'read':
        clients[one.who]?.read(one.count)
        break
      case 'connect':
        clients[one.who]?.connect()
        break
      case 'cut':
        clients[one.who]?.cut()
        break
      case 'late': {
        const [message] = late.splice(one.which % Math.max(late.length, 1), 1)
        if (message !== undefined) hub.receive(message)
        break
      }
      case 'answer':
        log.answerOne(one.which)
        await Promise.resolve()
        break
      case 'trim':
        if (options.trim) log.trim(one.channel, one.keep)
        trimmed ||= options.trim
        break
    }
  }
  // The world becomes quiet: everything arrives, everybody reads, nothing is lost any more.
  for (const message of late) hub.receive(message)
  for (const name of CHANNELS) hub.receive(log.write(name))
  for (let quiet = 0; quiet < 12;) {
    const before = clients.map((client) => client.received + client.resets).join()
    for (const client of clients) client.connect()
    uws.flush()
    log.answerAll()
    await turn()
    for (const client of clients) client.read(1000)
    quiet = before === clients.map((client) => client.received + client.resets).join() ? quiet + 1 : 0
  }
  expect(failures).toEqual([])
  for (const client of clients) {
    for (const name of CHANNELS) expect(client.positions.get(name)).toEqual(log.headNow(name))
    if (!trimmed && options.slowConsumer === 'catch-up') expect(client.resets).toBe(0)
  }
  excluded += clients.reduce((sum, client) => sum + client.excluded, 0)
  hub.close()
  expect(hub.feedBytes).toBe(0)
  wheel.close()
}

describe('the way from the log to the client', () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 80 })
  // How many messages a tail keeps, and what the node has for all of them: from none to enough.
  const limits = fc.tuple(fc.integer({ min: 2, max: 200 }), fc.oneof(fc.nat(10_000), fc.constant(1_000_000)))

  it('shows each message once and in order to all but whom it excludes, whatever is slow, cut, lost, late or repeated', async () => {
    await fc.assert(
      fc.asyncProperty(steps, limits, (all, tail) =>
        play(all, { trim: false, slowConsumer: 'catch-up', tail }),
      ),
      { numRuns: 250 },
    )
    expect(excluded).toBeGreaterThan(100)
  })

  it('tells of every hole with a reset where the log has forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(steps, limits, (all, tail) =>
        play(all, { trim: true, slowConsumer: 'catch-up', tail }),
      ),
      { numRuns: 250 },
    )
  })

  it('skips to the newest message for slow clients where the policy says so', async () => {
    await fc.assert(
      fc.asyncProperty(steps, limits, (all, tail) =>
        play(all, { trim: false, slowConsumer: 'conflate', tail }),
      ),
      { numRuns: 150 },
    )
  })

  it('loses nothing when slow clients are disconnected and resume', async () => {
    await fc.assert(
      fc.asyncProperty(steps, limits, (all, tail) =>
        play(all, { trim: false, slowConsumer: 'disconnect', tail }),
      ),
      { numRuns: 150 },
    )
  })
})
