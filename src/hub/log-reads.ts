/**
 * Reads of the log on behalf of many: those who ask for the same page while it is being read share one read, and each
 * message of it is encoded once.
 */
import type { Answer } from '../answer.ts'
import { Encoded } from '../protocol/encoded.ts'
import type { Position, ResetReason } from '../protocol/position.ts'
import type { LogLoss, LogRange, ReplayLog } from '../replay/replay-log.ts'

export type LogPage =
  | { readonly kind: 'range'; readonly entries: readonly Encoded[]; readonly head: Position }
  | { readonly kind: 'lost'; readonly why: LogLoss; readonly head: Position }

/** Why the log is read, for the metrics. */
export type ReadReason = 'join' | 'repair' | 'catch_up' | 'last' | 'head'

export class LogReads {
  readonly #log: ReplayLog
  readonly #count: (why: ReadReason) => void
  readonly #pages = new Map<string, Promise<LogPage>>()
  readonly #heads = new Map<string, Promise<Position>>()

  constructor(log: ReplayLog, count: (why: ReadReason) => void) {
    this.#log = log
    this.#count = count
  }

  page(why: ReadReason, channel: string, after: Position, limit: number): Promise<LogPage> {
    return shared(this.#pages, `${limit} ${after.epoch} ${after.offset} ${channel}`, async () => {
      this.#count(why)
      return pageOf(await this.#log.read(channel, after, limit))
    })
  }

  last(channel: string, count: number): Promise<LogPage> {
    return shared(this.#pages, `last ${count} ${channel}`, async () => {
      this.#count('last')
      return pageOf(await this.#log.last(channel, count))
    })
  }

  /** The head as it is now, or was when somebody else asked and has no answer yet. At once, where the log has it in memory. */
  head(channel: string): Answer<Position> {
    const asked = this.#heads.get(channel)
    if (asked !== undefined) return asked
    this.#count('head')
    const head = this.#log.head(channel)
    return head instanceof Promise ? shared(this.#heads, channel, () => head) : head
  }

  /** An answer that is still awaited is of no use to whoever asks from now on: it may be from before what he has done since. */
  askAnew(channel: string): void {
    this.#heads.delete(channel)
  }

  /** Whether somebody waits for the head. */
  asksFor(channel: string): boolean {
    return this.#heads.has(channel)
  }

  /**
   * The head as it is after this call. For whoever is ahead of this node: an answer to an older question may be from
   * before the message that he has already `seen`. Where the log seems to have less, it is read from there, and has to prove that.
   * Fails with `unavailable` where it cannot now.
   */
  async headFromNow(channel: string, seen: Position): Promise<Position> {
    await this.#heads.get(channel)?.catch(ignored)
    const head = await this.head(channel)
    if (seen.epoch !== head.epoch || seen.offset <= head.offset) return head
    return (await this.page('join', channel, seen, 1)).head
  }

  /** Ends an epoch in which the log lacks what it confirmed, or what another one did. */
  disown(channel: string, epoch: string): Promise<void> {
    return this.#log.disown(channel, epoch)
  }

  /** For the feed, which encodes itself what it delivers. */
  range(channel: string, after: Position, limit: number): Promise<LogRange> {
    this.#count('repair')
    return this.#log.read(channel, after, limit)
  }
}

/** What a client is told about a loss: that its position is beyond the log means for it that there is a gap. */
export function lossReason(why: LogLoss): ResetReason {
  return why === 'ahead' ? 'gap' : why
}

function pageOf(range: LogRange): LogPage {
  return range.kind === 'lost'
    ? range
    : { kind: 'range', entries: range.messages.map((message) => new Encoded(message)), head: range.head }
}

/** The answer under way for a key, or a new one. */
function shared<T>(underWay: Map<string, Promise<T>>, key: string, start: () => Promise<T>): Promise<T> {
  const known = underWay.get(key)
  if (known !== undefined) return known
  const answer = start().finally(() => {
    if (underWay.get(key) === answer) underWay.delete(key)
  })
  underWay.set(key, answer)
  return answer
}

function ignored(): void {}
