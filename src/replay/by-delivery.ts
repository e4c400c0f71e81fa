/**
 * One log for all channels, of two: which one a channel is in is decided by the policy of its namespace.
 */
import type { Answer } from '../answer.ts'
import type { Appended, LogPolicy, LogRange, ReplayLog } from './replay-log.ts'
import type { Position } from '../protocol/position.ts'
import type { NewMessage } from '../protocol/message.ts'

export class LogByDelivery implements ReplayLog {
  readonly #replay: ReplayLog
  readonly #durable: ReplayLog
  readonly #isDurable: (channel: string) => boolean

  constructor(replay: ReplayLog, durable: ReplayLog, isDurable: (channel: string) => boolean) {
    this.#replay = replay
    this.#durable = durable
    this.#isDurable = isDurable
  }

  append(channel: string, message: NewMessage, policy: LogPolicy): Answer<Appended> {
    return this.#of(channel).append(channel, message, policy)
  }

  read(channel: string, after: Position, limit: number): Promise<LogRange> {
    return this.#of(channel).read(channel, after, limit)
  }

  last(channel: string, count: number): Promise<LogRange> {
    return this.#of(channel).last(channel, count)
  }

  head(channel: string): Answer<Position> {
    return this.#of(channel).head(channel)
  }

  disown(channel: string, epoch: string): Promise<void> {
    return this.#of(channel).disown(channel, epoch)
  }

  remove(channel: string): Promise<void> {
    return this.#of(channel).remove(channel)
  }

  healthy(): boolean {
    return this.#replay.healthy() && this.#durable.healthy()
  }

  async close(): Promise<void> {
    await Promise.all([this.#replay.close(), this.#durable.close()])
  }

  #of(channel: string): ReplayLog {
    return this.#isDurable(channel) ? this.#durable : this.#replay
  }
}
