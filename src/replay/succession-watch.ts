/**
 * Asks the servers of a Redis Cluster now and then who writes, and at a change of a master whether the new one has all.
 */
import { Lineage, type ServerInfo } from './lineage.ts'
import { parseInfo } from './wholeness.ts'
import type { Clock, Timer } from '../clock.ts'
import type { RedisLink } from '../drivers/redis.ts'

export interface SuccessionPorts {
  readonly link: Pick<RedisLink, 'askAll' | 'watch'>
  readonly clock: Clock
}

/** Who became a master since then, and has gone already, is not known: its channels are reset. */
const LOOK_MS = 5_000
/** The former master is a replica of its successor some ten milliseconds after that has begun, or never. */
const PATIENCE_MS = 1_000
const AGAIN_MS = 50
const DECIDED_MAX = 64

export class SuccessionWatch {
  readonly #ports: SuccessionPorts
  readonly #lineage = new Lineage()
  readonly #decided = new Map<string, Promise<boolean>>()
  readonly #timer: Timer

  constructor(ports: SuccessionPorts) {
    this.#ports = ports
    this.#timer = ports.clock.every(LOOK_MS, () => void this.look())
    ports.link.watch({ connected: () => void this.look(), disconnected: () => undefined })
  }

  /** Never fails. */
  async look(): Promise<readonly ServerInfo[]> {
    // In one answer, so that it is one process that says all of it.
    const answers = await this.#ports.link.askAll('INFO')
    const seen = [...answers.values()].map((text) => parseInfo(String(text)))
    this.#lineage.saw(seen)
    return seen
  }

  /** Whether the server of the generation `to` has all that was confirmed in the generation `from`. Never fails. */
  isHeir(from: string, to: string): Promise<boolean> {
    const pair = `${from} ${to}`
    const known = this.#decided.get(pair)
    if (known !== undefined) return known
    const decision = this.#decide(from, to)
    this.#decided.set(pair, decision)
    for (const oldest of this.#decided.keys()) {
      if (this.#decided.size <= DECIDED_MAX) break
      this.#decided.delete(oldest)
    }
    return decision
  }

  close(): void {
    this.#timer.cancel()
  }

  async #decide(from: string, to: string): Promise<boolean> {
    const { clock } = this.#ports
    const untilMs = clock.monotonicMs() + PATIENCE_MS
    for (;;) {
      const inheritance = this.#lineage.inheritance(from, to, await this.look())
      if (inheritance !== 'unknown') return inheritance === 'whole'
      if (clock.monotonicMs() >= untilMs) return false
      await new Promise<void>((resolve) => clock.after(AGAIN_MS, resolve))
    }
  }
}
