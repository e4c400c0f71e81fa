/**
 * The Sentinels that name the primary: asked again and again which it is, and listened to when they put another in its place.
 */
import { Redis } from 'ioredis'
import { PrimaryLease } from './primary-lease.ts'
import type { ClientOptions } from './redis-clients.ts'
import type { Address } from './redis-url.ts'
import { jitter, type Clock, type Timer } from '../clock.ts'

export interface SentinelsOptions {
  readonly sentinels: readonly Address[]
  /** The name of the master. */
  readonly master: string
  /** User, password and TLS; how connections are opened again. */
  readonly access: ClientOptions
  readonly clock: Clock
  /** What they say may have changed. */
  changed(): void
  /** One of them says that this server has become the primary. */
  switched(server: string): void
}

/** Where a Sentinel says that another server is the master now. */
const SWITCHED = '+switch-master'
/** How often each is asked: often enough for one answer to be lost within the margin of the lease. */
const ASK_MIN_MS = 750
const ASK_MAX_MS = 1_250
/** An answer that takes longer says too little about now. */
const ANSWER_MS = 2_000
/** A Sentinel says nothing for weeks, so that only this shows that its host has gone. */
const KEEPALIVE_MS = 30_000

interface Asked {
  readonly client: Redis
  /** A question is under way. */
  waiting: boolean
  /** The addresses of those that it has named. */
  others: readonly string[]
}

export class Sentinels {
  readonly #options: SentinelsOptions
  readonly #lease: PrimaryLease
  readonly #listening: readonly Redis[]
  /** By address. */
  readonly #asked = new Map<string, Asked>()
  #next: Timer | undefined
  #closed = false

  constructor(options: SentinelsOptions) {
    this.#options = options
    this.#lease = new PrimaryLease(options.sentinels.map(nameOf))
    this.#listening = options.sentinels.map((address) => this.#listen(address))
    for (const address of options.sentinels) this.#add(address)
    this.#askInTime()
  }

  /** All of them, now. */
  ask(): void {
    for (const [address, asked] of this.#asked) void this.#ask(address, asked)
  }

  /** For how much longer this server may be taken for the primary; 0 where it may not. */
  leftMs(server: string | undefined): number {
    return this.#lease.leftMs(server, this.#options.clock.monotonicMs())
  }

  /** The server that a majority of them names. */
  named(): string | undefined {
    return this.#lease.named(this.#options.clock.monotonicMs())
  }

  /** Why this server is not taken for the primary, and what to do. */
  distrust(server: string | undefined): string {
    const nowMs = this.#options.clock.monotonicMs()
    const [agreeing, known] = [this.#lease.agreeing(server, nowMs), this.#lease.known(nowMs)]
    return `${agreeing} of ${known} Sentinels have confirmed it as the primary in the last ${this.#lease.termMs} ms, and a majority is needed: another may have taken its place; restore the way to the Sentinels, at the addresses that they have among each other`
  }

  close(): void {
    this.#closed = true
    this.#next?.cancel()
    for (const client of this.#listening) client.disconnect()
    for (const { client } of this.#asked.values()) client.disconnect()
  }

  #askInTime(): void {
    const { clock } = this.#options
    this.#next = clock.after(jitter(clock, ASK_MIN_MS, ASK_MAX_MS), () => {
      this.ask()
      this.#askInTime()
    })
  }

  /** A connection of its own: a Sentinel that says who has become the primary is not asked on the same one. */
  #listen(address: Address): Redis {
    // The client would do it by itself, and nobody could catch it where the connection breaks meanwhile.
    const client = this.#open(address, { maxRetriesPerRequest: null, autoResubscribe: false })
    client.on('ready', () => void client.subscribe(SWITCHED).catch(() => undefined))
    client.on('message', (_channel: string, text: string) => {
      // <name> <old host> <old port> <new host> <new port>
      const [name, , , host, port] = text.split(' ')
      if (name !== this.#options.master) return
      this.#options.switched(`${host}:${port}`)
      this.ask()
    })
    return client
  }

  #add(address: Address): void {
    const client = this.#open(address, {
      commandTimeout: ANSWER_MS,
      socketTimeout: ANSWER_MS * 2,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    })
    const asked: Asked = { client, waiting: false, others: [] }
    this.#asked.set(nameOf(address), asked)
    client.on('ready', () => void this.#ask(nameOf(address), asked))
  }

  #open({ host, port }: Address, more: ClientOptions): Redis {
    const { access } = this.#options
    const client = new Redis({
      ...access,
      ...more,
      host,
      port,
      keepAlive: KEEPALIVE_MS,
      enableReadyCheck: false,
    })
    // One that is away says nothing; the others do.
    client.on('error', () => undefined)
    return client
  }

  async #ask(address: string, asked: Asked): Promise<void> {
    const { client } = asked
    if (asked.waiting || client.status !== 'ready') return
    asked.waiting = true
    const { clock, master } = this.#options
    const askedMs = clock.monotonicMs()
    const question = (...words: string[]): Promise<unknown> => client.call('SENTINEL', ...words)
    const [named, others, about, own] = await Promise.allSettled([
      question('GET-MASTER-ADDR-BY-NAME', master),
      question('SENTINELS', master),
      question('MASTER', master),
      question('MYID'),
    ])
    asked.waiting = false
    if (this.#closed || named.status === 'rejected' || others.status === 'rejected') return
    // It does not know a master of this name.
    if (!Array.isArray(named.value) || !Array.isArray(others.value)) return
    const peers = others.value.map(fieldsOf)
    this.#lease.heard(address, {
      id: own.status === 'fulfilled' ? String(own.value) : whereOf(client, address),
      server: named.value.join(':'),
      sentinels: peers.length + 1,
      downAfterMs: about.status === 'fulfilled' ? downAfterOf(fieldsOf(about.value)) : undefined,
      askedMs,
    })
    this.#meet(asked, peers)
    this.#options.changed()
  }

  /** A majority is one of all that there are, also of those that the configuration does not name. */
  #meet(by: Asked, peers: readonly Map<string, string>[]): void {
    const found = peers.map((fields) => ({ host: fields.get('ip') ?? '', port: Number(fields.get('port')) }))
    by.others = found.map(nameOf)
    for (const address of found) if (!this.#asked.has(nameOf(address))) this.#add(address)
    const wanted = new Set(this.#options.sentinels.map(nameOf))
    for (const { others } of this.#asked.values()) for (const one of others) wanted.add(one)
    for (const [address, { client }] of this.#asked) {
      if (wanted.has(address)) continue
      client.disconnect()
      this.#asked.delete(address)
      this.#lease.forget(address)
    }
  }
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}

/** For a Sentinel that does not tell its id: those before 6.2, or where the user may not ask. */
function whereOf({ stream }: Redis, address: string): string {
  return stream.remoteAddress === undefined ? address : `${stream.remoteAddress}:${stream.remotePort}`
}

function downAfterOf(fields: ReadonlyMap<string, string>): number | undefined {
  const downAfterMs = Number(fields.get('down-after-milliseconds'))
  return downAfterMs > 0 ? downAfterMs : undefined
}

/** A list of field, value, field, value, … */
export function fieldsOf(list: unknown): Map<string, string> {
  const fields = new Map<string, string>()
  if (Array.isArray(list)) {
    for (let i = 0; i + 1 < list.length; i += 2) fields.set(String(list[i]), String(list[i + 1]))
  }
  return fields
}
