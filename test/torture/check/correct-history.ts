/** Random histories in which nothing is wrong, from a model of logs and of clients that read them. Pure. */
import type { Random } from '../../fuzz/random.ts'
import type { Happening, HistoryEvent } from '../history.ts'

interface Log {
  epoch: string
  /** By place: the first is offset 1. */
  messages: number[]
}

interface Reader {
  readonly client: string
  readonly channel: string
  /** Streams and polls do not say it. */
  readonly saysEpoch: boolean
  epoch: string
  offset: number
}

const CHANNELS = ['room:0', 'room:1', 'kept:0', '@ann', '@bob']
const USERS = ['ann', 'bob']
const STEPS = 120

export class CorrectHistory {
  readonly #random: Random
  readonly #happenings: Happening[] = []
  readonly #logs = new Map<string, Log>()
  readonly #readers: Reader[] = []
  #epochs = 0
  #number = 0
  #clients = 0
  #faulty = false

  constructor(random: Random) {
    this.#random = random
    for (const channel of CHANNELS) this.#logs.set(channel, { epoch: this.#newEpoch(), messages: [] })
  }

  events(): HistoryEvent[] {
    this.#join()
    this.#join()
    for (let step = 0; step < STEPS; step++) this.#step()
    this.#settle()
    return this.#happenings.map((happening, at): HistoryEvent => ({ at, ...happening }))
  }

  #step(): void {
    const { channel, log } = this.#anyLog()
    switch (this.#random.int(12)) {
      case 0:
        this.#faulty = true
        this.#say({ kind: 'fault', round: 0, name: 'a-cut', on: true })
        break
      case 1:
        // A durable log does not end.
        if (!this.#faulty || channel.startsWith('kept')) break
        log.epoch = this.#newEpoch()
        log.messages = []
        break
      case 2:
        if (this.#faulty) this.#skip(this.#random.pick(this.#readers))
        break
      case 3:
        if (this.#clients < 6) this.#join()
        break
      case 4:
      case 5:
      case 6:
      case 7:
        this.#publish(channel, log, this.#random.oneIn(4))
        break
      default:
        for (let i = this.#random.int(4); i >= 0; i--) this.#read(this.#random.pick(this.#readers))
    }
  }

  #join(): void {
    const client = `client${this.#clients}`
    const user = USERS[this.#clients++ % USERS.length] as string
    const channels = [`room:${this.#random.int(2)}`, 'kept:0', `@${user}`]
    this.#say({ kind: 'client', client, user, transport: 'sdk', channels })
    const saysEpoch = this.#random.oneIn(2)
    for (const channel of channels) {
      const { epoch, messages } = this.#logs.get(channel) as Log
      const offset = messages.length
      this.#say({ kind: 'start', client, channel, epoch, offset })
      this.#readers.push({ client, channel, saysEpoch, epoch, offset })
    }
  }

  #publish(channel: string, log: Log, unanswered: boolean): void {
    const message = ++this.#number
    this.#say({ kind: 'sent', message, channel, door: 'http' })
    log.messages.push(message)
    if (unanswered) return
    const place = { channel, epoch: log.epoch, offset: log.messages.length }
    this.#say({ kind: 'confirmed', message, door: 'http', duplicate: false, degraded: false, ...place })
  }

  /** The next message, or the reset that has to come first. */
  #read(reader: Reader): boolean {
    const { client, channel, epoch, offset } = reader
    const log = this.#logs.get(channel) as Log
    if (epoch !== log.epoch) {
      this.#skip(reader)
      return true
    }
    const message = log.messages[offset]
    if (message === undefined) return false
    reader.offset++
    const said = reader.saysEpoch ? { epoch } : {}
    this.#say({ kind: 'shown', client, channel, offset: reader.offset, message, to: channel, ...said })
    return true
  }

  #skip(reader: Reader): void {
    const { client, channel } = reader
    const { epoch, messages } = this.#logs.get(channel) as Log
    // What nobody would be told of by a durable channel.
    if (channel.startsWith('kept')) return
    reader.epoch = epoch
    reader.offset = messages.length
    this.#say({ kind: 'reset', client, channel, epoch, offset: reader.offset, reason: 'gap' })
  }

  #settle(): void {
    for (const [channel, log] of this.#logs) this.#publish(channel, log, false)
    for (const reader of this.#readers) while (this.#read(reader));
    for (const [channel, { epoch, messages }] of this.#logs) {
      const entries = messages.map((message, index) => [index + 1, message] as const)
      this.#say({ kind: 'log', node: 'g1', channel, epoch, offset: messages.length, entries })
    }
    this.#say({ kind: 'end' })
  }

  #anyLog(): { readonly channel: string; readonly log: Log } {
    const channel = this.#random.pick(CHANNELS)
    return { channel, log: this.#logs.get(channel) as Log }
  }

  #newEpoch(): string {
    return `e${this.#epochs++}`
  }

  #say(happening: Happening): void {
    this.#happenings.push(happening)
  }
}
