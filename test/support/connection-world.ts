/**
 * One node with a real hub and real sessions over a log in memory, and what its edge hands to connections. What is
 * published goes the way of a message from the backbone.
 */
import { noWitness } from '../../src/observe/witness.ts'
import { NO_LINKS } from './no-links.ts'
import { ManualClock } from './manual-clock.ts'
import { FakeUws } from './fake-uws.ts'
import { settled, World, type WorldNode, type WorldOptions } from './session-world.ts'
import { after } from '../../src/answer.ts'
import type { EdgeOptions, EdgePorts } from '../../src/edge/ports.ts'
import type { Fanout } from '../../src/hub/fanout.ts'
import { INBOX } from '../../src/protocol/channel.ts'
import { Encoded } from '../../src/protocol/encoded.ts'
import type { From, Position } from '../../src/protocol/position.ts'
import type { LoggedMessage, NewMessage } from '../../src/protocol/message.ts'
import type { LogPolicy } from '../../src/replay/replay-log.ts'
import type { Connection } from '../../src/session/connection.ts'
import { Wheel } from '../../src/wheel.ts'
import { UNCOUNTED_EDGE } from './uncounted.ts'

const ignore = (): void => undefined
export const USER = 'ann'
const POLICY = { ttlMs: 1e9, max: 1000, idempotencyMs: 1000 }
/** Turns of the loop after which nothing moves by itself any more. */
const TURNS = 12

export const OPTIONS = {
  bufferedBytesMax: 4_000,
  frameBytesMax: 65_536,
  jsonDepthMax: 64,
  connectTimeoutMs: 10_000,
  sseHeartbeatMs: 10_000,
  retryMinMs: 500,
  retryMaxMs: 900,
} as EdgeOptions

export class ConnectionWorld {
  readonly uws = new FakeUws()
  readonly world: World
  readonly node: WorldNode
  readonly clock = new ManualClock()
  readonly failures: unknown[] = []
  readonly ports: EdgePorts
  /** Connections that the door counts. */
  connected = 0
  /** Those that anybody was in so far. */
  readonly fanouts = new Set<Fanout>()
  /** What clients do in each turn of the loop: they read, and ask again. */
  readonly clients: (() => unknown)[] = []
  readonly #wheel = new Wheel(this.clock, 100, (_where, error) => void this.failures.push(error))

  constructor(options: WorldOptions = {}) {
    this.world = new World(['n1'], { topics: this.uws, session: { subscriptionsMax: 10 }, ...options })
    this.node = this.world.node('n1')
    const { hub } = this.node
    const open = hub.open.bind(hub)
    hub.open = (...args) =>
      after(open(...args), (opened) => {
        this.fanouts.add(opened.subscription.source.fanout)
        return opened
      })
    this.ports = {
      links: NO_LINKS,
      sessions: this.node.sessions,
      hub: this.node.hub,
      admission: {
        ask: () => ({ cancel: ignore }),
        knows: () => false,
        looksAtAddresses: false,
        charge: ignore,
        connected: () => void this.connected++,
        disconnected: () => void this.connected--,
        take: () => true,
      },
      tickets: { give: (owner) => ({ owner, hour: 1, mac: 'f'.repeat(16) }), isOld: () => false },
      clock: this.clock,
      wheel: this.#wheel,
      metrics: UNCOUNTED_EDGE,
      witness: noWitness,
      redirects: () => false,
      departureOf: () => undefined,
      mistake: ignore,
      failed: (_what, error) => void this.failures.push(error),
      caught: (_wall, error) => void this.failures.push(error),
    }
  }

  /** Makes a connection one of the user's, as the doors of streams and polls do. */
  async connect(connection: Connection, channels: Record<string, From | undefined>): Promise<void> {
    const wanted = new Map<string, From | undefined>([[INBOX, undefined], ...Object.entries(channels)])
    const request = { session: undefined, departure: undefined, channels: wanted, partial: false }
    await this.node.sessions.connect(connection, this.world.identity(USER), request)
  }

  /** Everything that moves by itself has moved. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      this.uws.flush()
      await Promise.all(this.clients.map((act) => act()))
      await settled()
    }
  }

  async publish(channel: string, data: unknown): Promise<void> {
    await this.handOver(channel, data)
    await this.turns()
  }

  async publishTogether(channel: string, all: readonly unknown[]): Promise<void> {
    const messages = []
    for (const data of all) messages.push(await this.#append(channel, data))
    for (const message of messages) this.node.hub.receive(message)
    await this.turns()
  }

  /** To the hub, in this turn of the loop. */
  async handOver(channel: string, data: unknown): Promise<void> {
    this.node.hub.receive(await this.#append(channel, data))
  }

  async encoded(channel: string, data: unknown): Promise<Encoded> {
    return new Encoded(await this.#append(channel, data))
  }

  async head(channel: string): Promise<Position> {
    return this.world.log.head(channel)
  }

  /** Messages that the node never hears of, and that the log has forgotten by the time it asks for them. */
  async lose(channel: string, all: readonly unknown[]): Promise<void> {
    for (const data of all) await this.#append(channel, data)
    await this.#append(channel, 'forgets all before it', { ...POLICY, max: 1 })
  }

  async close(): Promise<void> {
    this.#wheel.close()
    await this.world.close()
    if (this.failures.length > 0 || this.node.failures.length > 0)
      throw new AggregateError([...this.failures, ...this.node.failures], 'a connection failed inside')
  }

  async #append(channel: string, data: unknown, policy: LogPolicy = POLICY): Promise<LoggedMessage> {
    const message: NewMessage = {
      data: Buffer.from(JSON.stringify(data)),
      binary: false,
      id: undefined,
      time: this.clock.now(),
    }
    const { epoch, offset, previous } = await this.world.log.append(channel, message, policy)
    return { ...message, kind: 'logged', channel, epoch, offset, previous, ack: false }
  }
}
