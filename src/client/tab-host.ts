/**
 * The tab that leads: has the connection, and speaks `sluice.v1` with the others as the gateway would. Each subscription of a tab is a handler
 * of the client here with a start of its own, so each tab is shown every message once and in order; where the connection, or this tab, is
 * gone, they come back with their positions as after any cut.
 */
import { cutBinary, joinBinary } from '../protocol/binary.ts'
import { SluiceClient } from './full.ts'
import { MOVED, lockOf } from './tab-socket.ts'
import { TabBus, type Letter, type Locks } from './tab-bus.ts'
import { TabSession, type Frame, type Relay } from './tab-session.ts'
import { CLOSE } from '../dialect/sluice-v1/codes.ts'
import type { PublishedFrame, WelcomeFrame } from '../dialect/sluice-v1/frames.ts'
import type { PublishOptions } from './options.ts'

export class RelayClient extends SluiceClient implements Relay {
  relay(frame: Frame): Promise<unknown> {
    return this.ask(frame as unknown as Parameters<SluiceClient['ask']>[0])
  }

  relayPublish(channel: string, data: unknown, options: PublishOptions): Promise<PublishedFrame> {
    return this.deliver(channel, data, options)
  }
}

/** The connection ended for good for a reason that the tabs cannot mend either. */
const REFUSED = CLOSE.forbidden

export class TabHost {
  readonly #name: string
  readonly #client: RelayClient
  readonly #locks: Locks
  readonly #bus: TabBus
  /** Those that wait for the connection, and those that are served. */
  readonly #waiting = new Set<string>()
  readonly #tabs = new Map<string, TabSession>()
  #welcome: WelcomeFrame | undefined
  /** Why the client has failed. */
  #reason = ''

  constructor(name: string, client: RelayClient, locks: Locks) {
    this.#name = name
    this.#client = client
    this.#locks = locks
    this.#bus = new TabBus(name, (letter) => this.#heard(letter))
    client.on('welcome', (welcome) => {
      this.#welcome = welcome
      for (const tab of this.#waiting) this.#open(tab)
    })
    client.on('state', ({ state, previous, error }) => {
      if (state === 'waiting' || state === 'closed' || (state === 'connecting' && previous === 'moving'))
        this.#drop(MOVED, 'the connection ended')
      else if (state === 'failed') {
        this.#reason = error?.message ?? state
        this.#drop(REFUSED, this.#reason)
      }
    })
    for (const event of ['join', 'update', 'leave'] as const)
      client.on(event, (frame) => this.#tabs.forEach((session) => session.tell(frame as unknown as Frame)))
    client.on('subscribed', ({ channel, position }) => {
      const frame = { type: 'subscribed', channel, ...position, recovered: false }
      this.#tabs.forEach((session) => session.tell(frame))
    })
    // Those of a leader that has died are dropped, and come back.
    this.#bus.send({ kind: 'leader' })
    void client.connect()
  }

  close(): void {
    this.#client.close()
    this.#bus.close()
  }

  #heard(letter: Letter): void {
    if (letter.kind === 'hello') this.#came(letter.tab)
    else if (letter.kind === 'bye') this.#left(letter.tab)
    else if (letter.kind === 'say') this.#tabs.get(letter.tab)?.receive(read(letter.data))
  }

  #came(tab: string): void {
    if (this.#waiting.has(tab) || this.#tabs.has(tab)) return
    const { state } = this.#client
    if (state === 'failed') {
      this.#bus.send({ kind: 'close', tab, code: REFUSED, reason: this.#reason })
      return
    }
    this.#waiting.add(tab)
    // Granted when the tab has ended, however that happened.
    void this.#locks.request(lockOf(this.#name, tab), {}, () => Promise.resolve(this.#left(tab)))
    if (state === 'connected' || state === 'moving') this.#open(tab)
  }

  #open(tab: string): void {
    const send = (frame: Frame): void => this.#bus.send({ kind: 'hear', tab, data: write(frame) })
    this.#waiting.delete(tab)
    this.#tabs.set(tab, new TabSession(this.#client, this.#welcome as WelcomeFrame, send))
    this.#bus.send({ kind: 'open', tab })
  }

  #left(tab: string): void {
    this.#waiting.delete(tab)
    this.#tabs.get(tab)?.end()
    this.#tabs.delete(tab)
  }

  #drop(code: number, reason: string): void {
    for (const tab of [...this.#tabs.keys(), ...(code === REFUSED ? this.#waiting : [])]) {
      this.#bus.send({ kind: 'close', tab, code, reason })
      this.#left(tab)
    }
  }
}

function read(data: string | Uint8Array): Frame {
  if (typeof data === 'string') return JSON.parse(data) as Frame
  const { envelope, payload } = cutBinary(data as Parameters<typeof cutBinary>[0])
  return { ...(JSON.parse(envelope) as Frame), data: payload }
}

function write({ data, ...envelope }: Frame): ReturnType<typeof joinBinary> | string {
  if (data instanceof Uint8Array) return joinBinary(JSON.stringify(envelope), data as never)
  return JSON.stringify(data === undefined ? envelope : { ...envelope, data })
}
