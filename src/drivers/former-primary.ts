/**
 * The server in whose place Sentinels have put another one, for as long as it may still answer. What it has confirmed it knows
 * best: where somebody has asked for the change, or it was cut off from the Sentinels alone, it lives.
 */
import type { Redis } from 'ioredis'
import { define, untilReady } from './redis-clients.ts'
import type { Address } from './redis-url.ts'
import type { RedisArgument, RedisScript } from './redis-port.ts'
import type { Clock, Timer } from '../clock.ts'

export interface FormerPrimaryPorts {
  readonly clock: Clock
  /** A connection that opens itself again. */
  open(address: Address): Redis
}

/** Sentinels turn it into a replica some ten seconds later, and then it has forgotten what its successor lacks. */
const ASKED_FOR_MS = 60_000
/** One that has died takes long to say so, and whoever reads or publishes waits for it meanwhile. */
const CONNECT_MS = 1_000

type Commands = Readonly<Record<string, (...args: readonly RedisArgument[]) => Promise<unknown>>>

export class FormerPrimary {
  readonly #ports: FormerPrimaryPorts
  /** The one that is taken for the primary, or was last. */
  #primary: string | undefined
  #client: Redis | undefined
  #ready: Promise<void> | undefined
  readonly #defined = new Set<string>()
  #end: Timer | undefined

  constructor(ports: FormerPrimaryPorts) {
    this.#ports = ports
  }

  /** This server is taken for the primary now. */
  serves(server: string): void {
    const before = this.#primary
    if (server === before) return
    this.#primary = server
    this.close()
    if (before === undefined) return
    const at = before.lastIndexOf(':')
    const client = this.#ports.open({ host: before.slice(0, at), port: Number(before.slice(at + 1)) })
    // Whoever asks is told.
    client.on('error', () => undefined)
    this.#client = client
    this.#ready = untilReady(client, CONNECT_MS)
    this.#ready.catch(() => this.#leave(client))
    this.#end = this.#ports.clock.after(ASKED_FOR_MS, () => this.close())
  }

  /** Whether there was one, and it answers, as far as is known. */
  get answers(): boolean {
    return this.#client !== undefined
  }

  /** `undefined`: it does not answer, or not so, and is not asked again. Never fails. */
  async run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    const client = this.#client
    if (client === undefined) return undefined
    try {
      await this.#ready
      const { name } = script
      if (!this.#defined.has(name)) define(client, script)
      this.#defined.add(name)
      const commands = client as unknown as Commands
      return await (commands[`${name}Buffer`] as Commands[string]).apply(commands, [...args])
    } catch {
      // Gone, frozen, without the right to write: who asks does without what it could have said.
      this.#leave(client)
      return undefined
    }
  }

  /** Idempotent. */
  close(): void {
    this.#end?.cancel()
    this.#client?.disconnect()
    this.#client = undefined
    this.#defined.clear()
  }

  #leave(client: Redis): void {
    if (client === this.#client) this.close()
  }
}
