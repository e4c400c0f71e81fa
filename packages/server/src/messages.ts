/**
 * What is published, and how much of it goes into one request. Pure.
 */
import type { components } from './api-types.ts'
import { SluiceError } from './errors.ts'

type Schemas = components['schemas']

export type Position = Schemas['Position']

export type MessageOptions = Pick<Schemas['Message'], 'id' | 'event' | 'headers' | 'exclude'>

/** Exactly one of them. */
export type Target =
  | { readonly channel: string }
  | { readonly channels: readonly string[] }
  | { readonly user: string }
  | { readonly users: readonly string[] }

/** `data`: any JSON value, or bytes (`Uint8Array`), which clients get as bytes. */
export type BatchMessage = Target & MessageOptions & { readonly data: unknown }

export interface Published {
  /** Where the message is; `undefined` on ephemeral channels. */
  readonly position: Position | undefined
  /** The gateway had a message with this id already, maybe of an attempt of this very call that was not answered. */
  readonly duplicate: boolean
  /** Some subscribers get it later, by repair, or it was delivered without being kept. */
  readonly degraded: boolean
  readonly error?: undefined
}

export interface Refused {
  readonly error: SluiceError
}

export type Outcome = Published | Refused

/** Of a message for several channels or users `results`, one for each in their order. */
export type BatchResult = Outcome | { readonly results: readonly Outcome[]; readonly error?: undefined }

const MANY = ['channels', 'users'] as const

/** One message on its way: what is still to be said to whom. */
export class Item {
  readonly #message: BatchMessage
  readonly #many: (typeof MANY)[number] | undefined
  readonly #names: readonly string[]
  /** By target; of one channel or user there is one. */
  readonly #outcomes: (Outcome | undefined)[]

  constructor(message: BatchMessage, id: string) {
    this.#message = { ...message, id: message.id ?? id }
    this.#many = MANY.find((field) => field in message)
    this.#names = this.#many === undefined ? [''] : ((message as never)[this.#many] as readonly string[])
    // Its answer would be empty, and nobody would be told that it went nowhere.
    if (this.#names.length === 0) throw new TypeError(`${this.#many} is empty: name one at least`)
    this.#outcomes = this.#names.map(() => undefined)
  }

  /** So many it is to the gateway. */
  get count(): number {
    return Math.max(this.#open().length, 1)
  }

  get isAnswered(): boolean {
    return this.#outcomes.some((outcome) => outcome !== undefined)
  }

  get isDone(): boolean {
    return this.#outcomes.every((outcome) => outcome !== undefined && outcome.error?.retryable !== true)
  }

  /** As the API takes it: to those only that are still to be asked. */
  json(): string {
    const { data, ...rest } = this.#message
    const bytes = data instanceof Uint8Array ? Buffer.from(data).toString('base64') : undefined
    const names =
      this.#many === undefined ? {} : { [this.#many]: this.#open().map((index) => this.#names[index]) }
    return JSON.stringify({
      ...rest,
      ...names,
      ...(bytes === undefined ? { data } : { data: bytes, encoding: 'base64' }),
    })
  }

  /** What the API has answered. */
  take(result: Schemas['Result']): void {
    const open = this.#open()
    const results = 'results' in result ? result.results : open.map(() => result)
    open.forEach((target, index) => (this.#outcomes[target] = outcomeOf(results[index])))
  }

  /** What the gateway has said of it before says more than that nobody answers now. */
  fail(error: SluiceError): void {
    for (const target of this.#open())
      if (this.#outcomes[target] === undefined || !error.retryable) this.#outcomes[target] = { error }
  }

  /** The first refusal that may pass. */
  get refusal(): SluiceError | undefined {
    return this.#outcomes.find((outcome) => outcome?.error?.retryable === true)?.error
  }

  get result(): BatchResult {
    const outcomes = this.#outcomes as readonly Outcome[]
    return this.#many === undefined ? (outcomes[0] as Outcome) : { results: outcomes }
  }

  #open(): number[] {
    const indexes = [...this.#outcomes.keys()]
    return indexes.filter((index) => {
      const outcome = this.#outcomes[index]
      return outcome === undefined || outcome.error?.retryable === true
    })
  }
}

function outcomeOf(result: Schemas['Published'] | Schemas['Error'] | undefined): Outcome {
  if (result === undefined)
    return { error: new SluiceError('unexpected', 'the answer has fewer results than there were messages') }
  if ('error' in result) {
    const { code, message } = result.error
    return { error: new SluiceError(code, message) }
  }
  const { epoch, offset, duplicate = false, degraded = false } = result
  return {
    position: epoch === undefined || offset === undefined ? undefined : { epoch, offset },
    ...{ duplicate, degraded },
  }
}

export interface RequestLimits {
  readonly messages: number
  readonly bytes: number
}

export interface Request {
  readonly items: readonly Item[]
  readonly body: string
}

/** In order, as few requests as the limits allow; what is too large by itself goes alone, and the gateway says so. */
export function requestsOf(items: readonly Item[], limits: RequestLimits): Request[] {
  const requests: Request[] = []
  let taken: Item[] = []
  let texts: string[] = []
  let count = 0
  let bytes = 2
  const flush = (): void => {
    if (taken.length > 0) requests.push({ items: taken, body: `[${texts.join(',')}]` })
    taken = []
    texts = []
    count = 0
    bytes = 2
  }
  for (const item of items) {
    const text = item.json()
    const size = Buffer.byteLength(text) + 1
    if (count + item.count > limits.messages || bytes + size > limits.bytes) flush()
    taken.push(item)
    texts.push(text)
    count += item.count
    bytes += size
  }
  flush()
  return requests
}
