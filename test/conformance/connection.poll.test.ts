import { describeConnection, type Received, type TestClient } from './connection.suite.ts'
import { PollConnection } from '../../src/transport/poll.ts'
import { INBOX } from '../../src/protocol/channel.ts'
import { parseCursor, tagOf } from '../../src/protocol/cursor.ts'
import type { From } from '../../src/protocol/position.ts'
import { OPTIONS, USER, type ConnectionWorld } from '../support/connection-world.ts'
import { FakeExchange } from '../support/fake-exchange.ts'
import { sluiceV1 } from '../support/sluice-v1.ts'

interface Answer {
  readonly messages: readonly { readonly channel: string; readonly data: unknown }[]
  readonly resets: readonly { readonly channel: string; readonly reason: string }[]
  readonly cursor: string
}

/** A client that polls again with the cursor of each answer, for as long as it reads. */
class PollingClient implements TestClient {
  connection!: PollConnection
  readonly received: Received[] = []
  readonly #world: ConnectionWorld
  readonly #channels: readonly string[]
  #exchange!: FakeExchange
  #reading = true
  #over = false

  constructor(world: ConnectionWorld, channels: readonly string[]) {
    this.#world = world
    this.#channels = channels
  }

  async ask(channels: Record<string, From | undefined>): Promise<void> {
    this.#exchange = new FakeExchange(Infinity)
    const request = { exchange: this.#exchange.asExchange(), user: USER, waitMs: 60_000, headers: {} }
    const { ports } = this.#world
    const dialect = sluiceV1(ports, OPTIONS)
    this.connection = new PollConnection(request, { ports, options: OPTIONS, dialect, path: '/v1/poll' })
    await this.#world.connect(this.connection, channels)
    this.connection.begin()
  }

  /** Takes the answer, if it is there, and asks again. */
  async act(): Promise<void> {
    const { done, status, text } = this.#exchange
    if (!done || !this.#reading || this.#over) return
    if (status !== 200) {
      const { error } = JSON.parse(text) as { error: { code: string } }
      this.received.push({ type: 'end', code: error.code })
      this.#over = true
      return
    }
    const { messages, resets, cursor } = JSON.parse(text) as Answer
    for (const { channel, reason } of resets) this.received.push({ type: 'reset', channel, reason })
    for (const { channel, data } of messages) this.received.push({ type: 'message', channel, data })
    const parsed = parseCursor(cursor, tagOf(USER))
    if (parsed.kind !== 'positions') throw new Error(`an answer with the cursor ${cursor}`)
    const names = [...this.#channels, INBOX]
    await this.ask(Object.fromEntries(names.map((name) => [name, parsed.byTag.get(tagOf(name))])))
  }

  /** An answer is as long as what there was when it was given. */
  get waitingBytes(): number {
    return 0
  }

  /** An answer is read whole. */
  readSome(): void {}

  stopReading(): void {
    this.#reading = false
  }

  read(): void {
    this.#reading = true
  }

  leave(): void {
    this.#over = true
    this.#exchange.end = 'cut'
    this.connection.gone()
  }
}

describeConnection('PollConnection', {
  lasting: false,
  async connect(world, channels): Promise<TestClient> {
    const client = new PollingClient(world, Object.keys(channels))
    await client.ask(channels)
    world.clients.push(() => client.act())
    await world.turns()
    return client
  },
})
