import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Backbone } from '../../src/backbone/backbone.ts'
import type { Fanout, StreamFanout } from '../../src/hub/fanout.ts'
import { Hub } from '../../src/hub/hub.ts'
import type { HubMetrics, HubPolicy } from '../../src/hub/ports.ts'
import type { Rester } from '../../src/hub/resting.ts'
import type { Spared, Subscriber, TopicMember } from '../../src/hub/subscriber.ts'
import type { Subscription } from '../../src/hub/subscription.ts'
import { noWitness } from '../../src/observe/witness.ts'
import { inboxOf } from '../../src/protocol/channel.ts'
import type { Encoded } from '../../src/protocol/encoded.ts'
import type { EncodedReset } from '../../src/protocol/encoded-reset.ts'
import type { LoggedMessage, NewMessage } from '../../src/protocol/message.ts'
import type { From, Position } from '../../src/protocol/position.ts'
import { MemoryReplayLog } from '../../src/replay/memory.ts'
import type { ReplayLog } from '../../src/replay/replay-log.ts'
import { FRAMES } from '../../src/dialect/sluice-v1/encode.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { settled } from '../support/session-world.ts'
import { UNCOUNTED_HUB } from '../support/uncounted.ts'

const USERS = ['ann', 'bob'] as const
const CLIENTS = 4
const KEPT = { max: 4, ttlMs: 20_000 }
const ignore = (): void => undefined

/** One connection and its session, as far as an inbox knows them. */
class Client implements Subscriber, Rester, StreamFanout {
  readonly transport: 'websocket' | 'sse'
  readonly user: string
  readonly exclusionKey: string
  readonly size = 1
  readonly world: World
  readonly received: unknown[] = []
  hasSpace = true
  gone = false
  /** Where it was when it went. */
  left: Position | undefined
  /** Channels beside the inbox. */
  noted = 0
  inbox: Subscription | Position | undefined

  constructor(world: World, user: string, transport: Client['transport']) {
    this.world = world
    this.user = user
    this.transport = transport
    this.exclusionKey = `client ${world.clients.length}`
  }

  get connection(): Subscriber {
    return this
  }

  get restsAt(): Position {
    return this.inbox as Position
  }

  get subscription(): Subscription | undefined {
    return this.inbox !== undefined && 'source' in this.inbox ? this.inbox : undefined
  }

  get position(): Position | undefined {
    return this.subscription === undefined ? this.restsAt : this.subscription.position
  }

  woken(inbox: Subscription): void {
    this.inbox = inbox
  }

  async come(from: From | undefined): Promise<void> {
    const opened = await this.world.hub.open(inboxOf(this.user), from, this)
    if (this.gone) return opened.subscription.close()
    this.inbox = opened.subscription
    this.received.push(['start', opened.start?.offset, opened.recovered, opened.reset])
    this.subscription?.begin(opened.reset)
    if (this.world.rests) this.inbox = this.world.hub.resting.rest(this, opened.subscription) ?? this.inbox
    if (this.subscription === undefined) this.world.rested++
  }

  hold(count: number): void {
    if (this.gone || this.inbox === undefined || this.noted + count < 0) return
    this.noted += count
    this.world.hub.note(inboxOf(this.user), count)
  }

  leave(): void {
    if (this.gone) return
    this.hold(-this.noted)
    this.left = this.position
    this.gone = true
    if (this.subscription !== undefined) this.subscription.close()
    else if (this.inbox !== undefined) this.world.hub.resting.leave(this)
  }

  drain(): void {
    this.hasSpace = true
    this.subscription?.resume()
  }

  acknowledge(): void {
    const { subscription } = this
    if (subscription?.position === undefined) return
    const { messages } = subscription.acknowledge(subscription.position.offset)
    if (messages > 0) this.received.push(['acknowledged', messages])
  }

  hasRoom(): boolean {
    return this.hasSpace && !this.gone
  }

  deliver({ message }: Encoded): void {
    this.received.push(['message', (message as LoggedMessage).offset])
  }

  message(_channel: string, encoded: Encoded): void {
    this.deliver(encoded)
  }

  event(): void {}

  reset({ position, reason, delayMs }: EncodedReset): void {
    this.received.push(['reset', position.offset, reason, delayMs])
  }

  attach(fanout: Fanout): void {
    if (this.transport === 'sse') fanout.addStreams(this)
  }

  detach(fanout: Fanout): void {
    if (this.transport === 'sse') fanout.removeStreams(this)
  }

  stepAside(fanout: Fanout): Spared | undefined {
    if (this.transport === 'websocket') return { member: {} as TopicMember, form: FRAMES }
    fanout.removeStreams(this)
    return undefined
  }

  closeTooSlow(): void {
    this.received.push(['too slow'])
    this.leave()
  }
}

interface Terms {
  readonly slowConsumer: HubPolicy['slowConsumer']
  /** Whether the log answers at once where a channel's head is. */
  readonly atOnce: boolean
  /** Whether messages are to be acknowledged. */
  readonly durable: boolean
}

/** A node. `rests`: inboxes rest there. */
class World {
  readonly rests: boolean
  readonly hub: Hub
  readonly clients: Client[] = []
  readonly clock = new ManualClock()
  readonly occupied: unknown[] = []
  readonly counted = new Map<string, number>()
  /** On their way from another node. */
  readonly late: LoggedMessage[] = []
  rested = 0
  #log: ReplayLog
  readonly #terms: Terms

  constructor(rests: boolean, terms: Terms) {
    const { slowConsumer, atOnce } = terms
    this.rests = rests
    this.#terms = terms
    this.#log = this.#newLog()
    const counting = Object.keys(UNCOUNTED_HUB).map((name) => [name, () => this.#count(name)])
    this.hub = new Hub(
      {
        log: {
          head: (channel: string) =>
            atOnce ? this.#log.head(channel) : Promise.resolve(this.#log.head(channel)),
          read: (channel: string, after: Position, limit: number) => this.#log.read(channel, after, limit),
          last: (channel: string, count: number) => this.#log.last(channel, count),
          disown: () => Promise.resolve(),
        } as unknown as ReplayLog,
        backbone: { unsubscribe: ignore } as unknown as Backbone,
        topics: { publish: ignore },
        clock: this.clock,
        metrics: {
          ...(Object.fromEntries(counting) as HubMetrics),
          // Who is woken while all are looked at is looked at twice.
          logRead: (why) => why !== 'head' && this.#count(why),
        },
        witness: noWitness,
        liveOn: (channel, key) =>
          this.clients.find(
            (one) => one.exclusionKey === key && inboxOf(one.user) === channel && one.subscription?.live,
          ),
        policyOf: () => ({ logged: true, slowConsumer, ...KEPT }),
      },
      {
        ...{ tailMessages: 3, tailBytes: 10_000, memoryBytes: 1_000_000 },
        // All are looked at in one tick: when in a round each is looked at is nobody's business.
        ...{ quietMs: 5_000, headCheckMs: 500, resetSpreadMs: 100 },
      },
    )
    this.hub.watch((channel, is) => this.occupied.push([channel, is]))
  }

  come(user: string, transport: Client['transport'], from: 'new' | 'last' | 'back'): void {
    if (this.clients.filter(({ gone }) => !gone).length === CLIENTS) return
    const before = this.clients.findLast((one) => one.user === user && one.gone)?.left
    const client = new Client(this, user, transport)
    this.clients.push(client)
    void client.come(from === 'new' ? undefined : from === 'last' ? { last: 2 } : before)
  }

  publish(user: string, way: 'heard' | 'lost' | 'late', excluded: number): void {
    const channel = inboxOf(user)
    const key = this.clients[excluded]?.exclusionKey
    const message: NewMessage = {
      ...{ id: undefined, time: this.clock.now(), data: Buffer.from('1'), binary: false },
      ...{ meta: key === undefined ? undefined : { exclude: key } },
    }
    const appended = this.#log.append(channel, message, { ...KEPT, idempotencyMs: 1000 })
    if (appended instanceof Promise) throw new Error('the log in memory answers at once')
    const { epoch, offset, previous } = appended
    const logged = {
      ...message,
      kind: 'logged',
      channel,
      epoch,
      offset,
      previous,
      ack: this.#terms.durable,
    } as const
    if (way === 'heard') this.hub.receive(logged)
    if (way === 'late') this.late.push(logged)
  }

  hear(): void {
    for (const message of this.late.splice(0).toReversed()) this.hub.receive(message)
  }

  loseLog(): void {
    this.#log = this.#newLog()
  }

  /** What anybody can ask. */
  look(): unknown {
    const ofUser = (user: string): unknown => {
      const local = this.hub.local(inboxOf(user))
      return [
        this.hub.begunCount(inboxOf(user)),
        this.hub.noted(inboxOf(user)),
        local?.subscribers,
        local?.position?.offset,
      ]
    }
    return {
      users: USERS.map(ofUser),
      all: Object.fromEntries(this.hub.all()),
      occupied: [...this.hub.occupied()],
      counts: [this.hub.subscriptionCount, this.hub.channelCount],
    }
  }

  /** What became of everybody. */
  outcome(): unknown {
    return {
      clients: this.clients.map((one) => [
        one.received,
        one.gone,
        (one.gone ? one.left : one.position)?.offset,
      ]),
      occupied: this.occupied,
      counted: Object.fromEntries(this.counted),
    }
  }

  #newLog(): ReplayLog {
    return new MemoryReplayLog({ clock: this.clock, acknowledged: () => this.#terms.durable })
  }

  #count(name: string): void {
    this.counted.set(name, (this.counted.get(name) ?? 0) + 1)
  }
}

const user = fc.constantFrom(...USERS)
const which = fc.nat(CLIENTS * 2)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('come' as const),
      user,
      transport: fc.constantFrom(
        'websocket' as const,
        'websocket' as const,
        'websocket' as const,
        'sse' as const,
      ),
      from: fc.constantFrom('new' as const, 'new' as const, 'back' as const, 'last' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      user,
      way: fc.constantFrom('heard' as const, 'heard' as const, 'lost' as const, 'late' as const),
      excluded: fc.nat(CLIENTS * 4),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('leave' as const, 'fill' as const, 'drain' as const, 'acknowledge' as const),
      which,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      which,
      count: fc.integer({ min: -1, max: 2 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(12_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('hear' as const, 'returned' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('lose' as const, 'forget' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

/** At once: how many turns something waits inside must not decide what it meets. */
function carryOut(world: World, one: Exclude<Step, { kind: 'settle' }>): void {
  const client = 'which' in one ? world.clients[one.which] : undefined
  switch (one.kind) {
    case 'come':
      return world.come(one.user, one.transport, one.from)
    case 'publish':
      return world.publish(one.user, one.way, one.excluded)
    case 'leave':
      return client?.leave()
    case 'fill':
      if (client !== undefined) client.hasSpace = false
      return
    case 'drain':
      return client?.drain()
    case 'acknowledge':
      return client?.acknowledge()
    case 'hold':
      return client?.hold(one.count)
    case 'hear':
      return world.hear()
    case 'returned':
      return world.hub.backboneReturned()
    case 'time':
      return world.clock.pass(one.ms)
    case 'lose':
      return world.loseLog()
    case 'forget':
      return USERS.forEach((name) => world.hub.forget(inboxOf(name)))
  }
}

const terms = fc.record({
  slowConsumer: fc.constantFrom('catch-up' as const, 'conflate' as const, 'disconnect' as const),
  atOnce: fc.boolean(),
  durable: fc.boolean(),
})

describe('inboxes that rest', () => {
  it('I1 I2 nobody can tell from outside whether an inbox rests, whatever comes, goes, is published, lost and read', async () => {
    let rested = 0
    await fc.assert(
      fc.asyncProperty(
        terms,
        fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
        async (of, steps) => {
          const [resting, plain] = [new World(true, of), new World(false, of)]
          for (const one of [...steps, { kind: 'settle' } as const]) {
            if (one.kind !== 'settle') for (const world of [resting, plain]) carryOut(world, one)
            else {
              for (let turn = 0; turn < 3; turn++) await settled()
              expect(resting.look()).toEqual(plain.look())
            }
          }
          expect(resting.outcome()).toEqual(plain.outcome())
          rested += resting.rested
          for (const world of [resting, plain]) {
            for (const client of world.clients) client.leave()
            world.hub.close()
          }
          await settled()
          expect([resting.hub.resting.size, resting.hub.channelCount, resting.hub.subscriptionCount]).toEqual(
            [0, 0, 0],
          )
        },
      ),
    )
    // Else nothing was compared.
    expect(rested).toBeGreaterThan(50)
  })
})
