/**
 * The appends of one turn of the event loop. All that a channel is given in a turn goes to Redis as one call of one
 * script, with what other channels are given where one server has all of them: what a command costs, here and there, and
 * what the script looks up about the channel, is paid once and not for each message.
 *
 * The messages of a channel keep the order of the calls, also from one turn to the next. Whoever makes it says when a
 * turn ends.
 */
import type { Appended, LogPolicy } from './replay-log.ts'
import type { NewMessage } from '../protocol/message.ts'
import { storedBytes } from '../protocol/packet.ts'

/** Redis does nothing else while it takes them, and answers nobody: for a few milliseconds at most. */
const MESSAGES_MAX = 128
const BYTES_MAX = 131_072

/** What one channel is given. */
export interface ChannelAppends {
  readonly channel: string
  readonly policy: LogPolicy
  readonly messages: readonly NewMessage[]
  /** How many bytes are stored of each. */
  readonly sizes: readonly number[]
}

/** The epoch, and an offset for each message: below zero where its id was seen before. */
export interface AppendsAnswer {
  readonly epoch: string
  readonly offsets: readonly number[]
}

export interface AppendsPorts {
  /** Whether one call may be of several channels. */
  readonly together: boolean
  /** Answers for each channel, or says why it failed there. */
  run(appends: readonly ChannelAppends[]): Promise<readonly (AppendsAnswer | Error)[]>
  /** Calls at the end of this turn, in the order in which it was called. */
  atTurnsEnd(send: () => void): void
}

interface Given extends ChannelAppends {
  readonly messages: NewMessage[]
  readonly sizes: number[]
  /** For each message. */
  readonly waiting: ((appended: Appended | Promise<never>) => void)[]
}

/** What is sent together, in one call or in one after the other. */
interface Batch {
  readonly channels: Map<string, Given>
  messages: number
  bytes: number
}

export class Appends {
  readonly #ports: AppendsPorts
  /** What can still be added to. */
  #open: Batch | undefined

  constructor(ports: AppendsPorts) {
    this.#ports = ports
  }

  add(channel: string, message: NewMessage, policy: LogPolicy): Promise<Appended> {
    const bytes = storedBytes(message)
    const batch = this.#batchFor(channel, policy, bytes)
    let given = batch.channels.get(channel)
    if (given === undefined) {
      given = { channel, policy, messages: [], sizes: [], waiting: [] }
      batch.channels.set(channel, given)
    }
    const { messages, sizes, waiting } = given
    messages.push(message)
    sizes.push(bytes)
    batch.messages++
    batch.bytes += bytes
    return new Promise((resolve) => waiting.push(resolve))
  }

  /** Something else is asked of the channel: what is appended from here on comes behind it. */
  seal(channel: string): void {
    if (this.#open?.channels.has(channel) === true) this.#open = undefined
  }

  #batchFor(channel: string, policy: LogPolicy, bytes: number): Batch {
    const open = this.#open
    if (open !== undefined && open.messages < MESSAGES_MAX && open.bytes + bytes <= BYTES_MAX) {
      const given = open.channels.get(channel)
      if (given === undefined || given.policy === policy) return open
    }
    const batch: Batch = { channels: new Map(), messages: 0, bytes: 0 }
    this.#open = batch
    this.#ports.atTurnsEnd(() => this.#send(batch))
    return batch
  }

  #send(batch: Batch): void {
    if (this.#open === batch) this.#open = undefined
    const given = [...batch.channels.values()]
    if (this.#ports.together) this.#run(given)
    else for (const one of given) this.#run([one])
  }

  #run(given: readonly Given[]): void {
    this.#ports.run(given).then(
      (answers) => {
        for (const [index, { waiting }] of given.entries()) settle(waiting, answers[index])
      },
      (error: unknown) => {
        for (const { waiting } of given) fail(waiting, error)
      },
    )
  }
}

function settle(waiting: Given['waiting'], answer: AppendsAnswer | Error | undefined): void {
  if (answer instanceof Error) return fail(waiting, answer)
  for (const [index, resolve] of waiting.entries()) {
    const told = answer?.offsets[index]
    if (answer === undefined || told === undefined) {
      resolve(Promise.reject(new Error('Redis has not said where a message is')))
      continue
    }
    const offset = Math.abs(told)
    resolve({ epoch: answer.epoch, offset, previous: offset - 1, duplicate: told < 0 })
  }
}

/** With a word for each, which costs the many that do not fail nothing. */
function fail(waiting: Given['waiting'], error: unknown): void {
  for (const resolve of waiting) resolve(Promise.reject(error))
}
