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
  /** What is stored of them. */
  readonly bytes: number
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
  bytes: number
  /** Each append is answered out of the answer to all. */
  readonly answered: Promise<AppendsAnswer | undefined>
  readonly settle: (answer: AppendsAnswer | Error | undefined) => void
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
      given = givenTo(channel, policy)
      batch.channels.set(channel, given)
    }
    const index = given.messages.push(message) - 1
    given.bytes += bytes
    batch.messages++
    batch.bytes += bytes
    return given.answered.then((answer) => appendedIn(answer, index))
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
        for (const [index, { settle }] of given.entries()) settle(answers[index])
      },
      (error: unknown) => {
        for (const { settle } of given) settle(asError(error))
      },
    )
  }
}

function givenTo(channel: string, policy: LogPolicy): Given {
  let settle!: Given['settle']
  const answered = new Promise<AppendsAnswer | undefined>((resolve, reject) => {
    settle = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer))
  })
  return { channel, policy, messages: [], bytes: 0, answered, settle }
}

function appendedIn(answer: AppendsAnswer | undefined, index: number): Appended {
  const told = answer?.offsets[index]
  if (answer === undefined || told === undefined) throw new Error('Redis has not said where a message is')
  const offset = Math.abs(told)
  return { epoch: answer.epoch, offset, previous: offset - 1, duplicate: told < 0 }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
