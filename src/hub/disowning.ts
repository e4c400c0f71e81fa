/**
 * Has the log leave an epoch: one at a time, with a pause after it. For as long as two logs take messages, each message that
 * is in the other one asks for it again, and whoever is reset fetches his state from a backend.
 */
import type { LogReads } from './log-reads.ts'

export interface DisowningPorts {
  readonly reads: Pick<LogReads, 'disown'>
  /** Runs once, after a pause that is spread at random. */
  readonly later: (run: () => void) => void
  /** The log has left it: the feed is behind. */
  readonly left: () => void
  readonly failed: () => void
  /** The epoch to leave, if there is still somebody to be told. */
  readonly epoch: () => string | undefined
}

export class Disowning {
  readonly #channel: string
  readonly #ports: DisowningPorts
  #underWay = false
  /** Asked for once more meanwhile, or not successful. */
  #again = false

  constructor(channel: string, ports: DisowningPorts) {
    this.#channel = channel
    this.#ports = ports
  }

  start(epoch: string): void {
    if (this.#underWay) {
      this.#again = true
      return
    }
    this.#underWay = true
    this.#again = false
    const { reads, later, left, failed } = this.#ports
    reads.disown(this.#channel, epoch).then(left, () => {
      this.#again = true
      failed()
    })
    later(() => {
      this.#underWay = false
      const next = this.#again ? this.#ports.epoch() : undefined
      if (next !== undefined) this.start(next)
    })
  }
}
