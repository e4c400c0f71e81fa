/**
 * Asks the other nodes how they are, over whatever way there is, when this one is not well and has to know whether it is
 * the only one. The table of nodes does not tell where the registry cannot be reached.
 */
import { CutOff, type Answered, type CutOffOptions, type Said } from './cut-off.ts'
import type { Clock } from '../clock.ts'

export interface InquiryPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Whether all parts of this node answer. */
  well(): boolean
  /** To all nodes; what they answer has the same number. */
  ask(number: number): void
  /** What the table of nodes showed that was said after a moment. */
  saidSince(ms: number): readonly Said[]
}

const ASK_MS = 1000
/** Where all nodes may be asking, and nobody waits for the answer. */
const SELDOM_MS = 3000
/** An answer that takes longer is none. */
const REMEMBERED_ASKS = 64

export class Inquiry {
  readonly #ports: InquiryPorts
  readonly #cutOff: CutOff
  /** When each of the last questions was asked; the first has the number `#first`. */
  #asked: number[] = []
  #first = 0
  #askingSinceMs: number | undefined
  readonly #answers = new Map<string, { readonly said: Answered; readonly afterMs: number }>()

  constructor(options: CutOffOptions, ports: InquiryPorts) {
    this.#ports = ports
    this.#cutOff = new CutOff(options)
  }

  /** Whether this node alone is not well, as far as can be told without asking. To be called again and again. */
  look(): boolean {
    const isWell = this.#ports.well()
    if (isWell) this.#forget()
    return this.#cutOff.look(this.#ports.clock.monotonicMs(), isWell, this.#askingSinceMs, (ms) =>
      this.#saidSince(ms),
    )
  }

  /** The same, and it matters: asks the others, where this node is not well. */
  find(): boolean {
    this.#ask(ASK_MS)
    return this.look()
  }

  /** What others have answered after a moment, where this node is not well; they are asked, but not often. */
  answered(afterMs: number): readonly Answered[] {
    this.#ask(SELDOM_MS)
    return this.#answersSince(afterMs)
  }

  /** A node has answered. */
  heard(node: string, number: number, said: Answered): void {
    const afterMs = this.#asked[number - this.#first]
    if (afterMs === undefined || afterMs < (this.#answers.get(node)?.afterMs ?? 0)) return
    this.#answers.set(node, { said, afterMs })
  }

  #saidSince(ms: number): readonly Said[] {
    return [...this.#ports.saidSince(ms), ...this.#answersSince(ms)]
  }

  #answersSince(ms: number): Answered[] {
    return [...this.#answers.values()].filter(({ afterMs }) => afterMs >= ms).map(({ said }) => said)
  }

  #ask(everyMs: number): void {
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.#ports.well() || nowMs - (this.#asked.at(-1) ?? -Infinity) < everyMs) return
    this.#askingSinceMs ??= nowMs
    this.#asked.push(nowMs)
    if (this.#asked.length > REMEMBERED_ASKS) {
      this.#asked.shift()
      this.#first++
    }
    this.#ports.ask(this.#first + this.#asked.length - 1)
  }

  #forget(): void {
    this.#first += this.#asked.length
    this.#asked = []
    this.#askingSinceMs = undefined
    this.#answers.clear()
  }
}
