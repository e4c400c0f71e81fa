/**
 * The appends of one turn of the event loop, by channel. All that a channel is given in a turn goes to Redis as one
 * call of one script: what a command costs, here and there, and what the script looks up about the channel, is paid
 * once and not for each message.
 *
 * The messages of a channel keep the order of the calls, also from one turn to the next. Whoever makes it says when a
 * turn ends.
 */
import type { Appended, LogPolicy } from './replay-log.ts'
import { idKeyOf } from '../protocol/message-id.ts'
import type { NewMessage } from '../protocol/message.ts'
import { encodeStored } from '../protocol/packet.ts'

/** Redis does nothing else while it takes them, and answers nobody: for less than a millisecond. */
const MESSAGES_MAX = 128
const BYTES_MAX = 131_072

/** Answers with the epoch, and an offset for each message: below zero where its id was seen before. */
export type RunAppends = (
  channel: string,
  policy: LogPolicy,
  words: readonly Word[],
) => Promise<AppendsAnswer>

/** For each message what is stored of it, and its id; empty where it has none. */
export type Word = Buffer | string

export interface AppendsAnswer {
  readonly epoch: string
  readonly offsets: readonly number[]
}

interface Waiting {
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

interface Batch {
  readonly policy: LogPolicy
  readonly words: Word[]
  readonly waiting: Waiting[]
  bytes: number
}

export class Appends {
  readonly #run: RunAppends
  readonly #atTurnsEnd: (send: () => void) => void
  /** What can still be added to. */
  readonly #open = new Map<string, Batch>()

  /** `atTurnsEnd` calls at the end of this turn, in the order in which it was called. */
  constructor(run: RunAppends, atTurnsEnd: (send: () => void) => void) {
    this.#run = run
    this.#atTurnsEnd = atTurnsEnd
  }

  add(channel: string, message: NewMessage, policy: LogPolicy): Promise<Appended> {
    const stored = encodeStored(message)
    const batch = this.#batchFor(channel, policy, stored.length)
    batch.words.push(stored, idKeyOf(message) ?? '')
    batch.bytes += stored.length
    return new Promise((resolve, reject) => batch.waiting.push({ resolve, reject }))
  }

  /** Something else is asked of the channel: what is appended from here on comes behind it. */
  seal(channel: string): void {
    if (this.#open.size > 0) this.#open.delete(channel)
  }

  #batchFor(channel: string, policy: LogPolicy, bytes: number): Batch {
    const open = this.#open.get(channel)
    if (
      open !== undefined &&
      open.policy === policy &&
      open.waiting.length < MESSAGES_MAX &&
      open.bytes + bytes <= BYTES_MAX
    )
      return open
    const batch: Batch = { policy, words: [], waiting: [], bytes: 0 }
    this.#open.set(channel, batch)
    this.#atTurnsEnd(() => this.#send(channel, batch))
    return batch
  }

  #send(channel: string, batch: Batch): void {
    if (this.#open.get(channel) === batch) this.#open.delete(channel)
    this.#run(channel, batch.policy, batch.words).then(
      (answer) => settle(batch.waiting, answer),
      (error: unknown) => {
        for (const { reject } of batch.waiting) reject(error)
      },
    )
  }
}

function settle(waiting: readonly Waiting[], { epoch, offsets }: AppendsAnswer): void {
  for (const [index, { resolve, reject }] of waiting.entries()) {
    const told = offsets[index]
    if (told === undefined) {
      reject(new Error('Redis has not said where a message is'))
      continue
    }
    const offset = Math.abs(told)
    resolve({ epoch, offset, previous: offset - 1, duplicate: told < 0 })
  }
}
