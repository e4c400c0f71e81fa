/**
 * Asks Redis every second whether a restart of it would lose something, and at once when it was reached.
 */
import { readFileSync } from 'node:fs'
import type { Clock, Timer } from '../clock.ts'
import type { RedisLink } from '../drivers/redis.ts'
import type { RedisScript } from '../drivers/redis-port.ts'
import { SluiceError } from '../errors.ts'
import { parseInfo, Wholeness, type Keeps } from './wholeness.ts'

export interface WholenessPorts {
  readonly link: RedisLink
  readonly clock: Clock
  /** What a restart would do has changed. `why`: it may lose something. */
  readonly changed: (why: string | undefined) => void
  readonly failed: (error: unknown) => void
}

const LOOK_MS = 1000
const KEY = 'sluice:mark'
const MARK: RedisScript = {
  name: 'sluice_log_mark',
  lua: readFileSync(new URL('scripts/mark.lua', import.meta.url), 'utf8'),
  keyCount: 1,
}

export class WholenessWatch {
  readonly #ports: WholenessPorts
  readonly #wholeness = new Wholeness()
  readonly #timer: Timer
  #looking: Promise<void> | undefined
  /** What was told last; `false`: nothing yet. */
  #told: string | undefined | false = false

  constructor(ports: WholenessPorts) {
    this.#ports = ports
    ports.link.define(MARK)
    ports.link.watch({
      connected: () => void this.look(),
      disconnected: () => this.#wholeness.lost(),
    })
    this.#timer = ports.clock.every(LOOK_MS, () => void this.look())
  }

  get keeps(): Keeps {
    // Several servers: of none is known what another has.
    return this.#ports.link.single ? this.#wholeness.keeps : 'some'
  }

  /** Resolves when the server has answered, or cannot. Never fails. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  close(): void {
    this.#timer.cancel()
  }

  async #look(): Promise<void> {
    const { link, changed } = this.#ports
    if (!link.single || !link.healthy()) return
    try {
      const [persistence, replication, fsync, onRewrite] = await Promise.all([
        link.ask('INFO', 'persistence'),
        link.ask('INFO', 'replication'),
        link.ask('CONFIG', 'GET', 'appendfsync'),
        link.ask('CONFIG', 'GET', 'no-appendfsync-on-rewrite'),
      ])
      const mark = Number(await link.run('bulk', MARK, [KEY]))
      const info = parseInfo(`${textOf(persistence)}\n${textOf(replication)}`)
      const facts = { info, appendfsync: valueOf(fsync), noFsyncOnRewrite: valueOf(onRewrite) }
      this.#wholeness.looked(facts, mark)
    } catch (error) {
      this.#wholeness.lost()
      // Away, or it takes no writes: the next look will tell.
      if (!(error instanceof SluiceError)) this.#ports.failed(error)
      return
    }
    const { why } = this.#wholeness
    if (this.#told === why) return
    this.#told = why
    changed(why)
  }
}

function textOf(answer: unknown): string {
  return typeof answer === 'string' ? answer : ''
}

/** CONFIG GET answers the name and the value. */
function valueOf(answer: unknown): string | undefined {
  const value: unknown = Array.isArray(answer) ? answer[1] : undefined
  return typeof value === 'string' ? value : undefined
}
