/**
 * Which channels are occupied in the cluster, and by how many connections: every node says what it has when it is asked, so nothing is
 * kept that could be wrong. A node that has died is not counted from the moment on in which it does not answer.
 */
import { pageOf, partOf, type Page, type Part, type Question } from './question.ts'
import type { Clock, Timer } from '../clock.ts'

export interface OccupancyPorts {
  readonly nodeId: string
  readonly clock: Pick<Clock, 'after'>
  /** The channels that have subscribers here, with their number. */
  local(): Iterable<readonly [channel: string, connections: number]>
  /** How many are on one of them. */
  localOf(channel: string): number
  /** The nodes that are alive, without this one. */
  others(): readonly string[]
  /** To all nodes; each answers with the number. */
  ask(number: number, question: Question): void
  answer(node: string, number: number, part: Part): void
}

/**
 * A node that takes longer is not counted: it has died, or hangs. The time is waited for in pieces, so that a node that was held
 * up itself reads what has come meanwhile before it gives the others up: its timer is due first.
 */
const ANSWER_MS = 1000
const PIECES = 10
const PAGE_MAX = 1000

interface Asking {
  readonly parts: Part[]
  readonly missing: Set<string>
  done(): void
}

export class Occupancy {
  readonly #ports: OccupancyPorts
  readonly #asking = new Map<number, Asking>()
  #number = 0

  constructor(ports: OccupancyPorts) {
    this.#ports = ports
  }

  /** Of these channels; one that is not in the answer has nobody. */
  async count(channels: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { counts } = pageOf(await this.#ask({ of: channels }), channels.length)
    return counts
  }

  /** The channels whose names begin with `prefix`, behind `after`, at most `limit`. */
  async page(prefix: string, after: string, limit: number): Promise<Page> {
    const most = Math.min(limit, PAGE_MAX)
    return pageOf(await this.#ask({ prefix, after, limit: most }), most)
  }

  /** All of them. */
  async all(prefix: string): Promise<ReadonlyMap<string, number>> {
    const all = new Map<string, number>()
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: Page = await this.page(prefix, after, PAGE_MAX)
      for (const [channel, connections] of page.counts) all.set(channel, connections)
      after = page.next
    }
    return all
  }

  /** Another node asks. */
  asked(node: string, number: number, question: Question): void {
    if (node !== this.#ports.nodeId) this.#ports.answer(node, number, this.#own(question))
  }

  /** Another node has answered. */
  answered(node: string, number: number, part: Part): void {
    const asking = this.#asking.get(number)
    if (asking === undefined) return
    asking.parts.push(part)
    asking.missing.delete(node)
    if (asking.missing.size === 0) asking.done()
  }

  #own(question: Question): Part {
    if (!('of' in question)) return partOf(question, this.#ports.local())
    const counts = question.of.map((channel) => [channel, this.#ports.localOf(channel)] as const)
    return partOf(
      question,
      counts.filter(([, connections]) => connections > 0),
    )
  }

  async #ask(question: Question): Promise<readonly Part[]> {
    const ports = this.#ports
    const missing = new Set(ports.others())
    const parts = [this.#own(question)]
    if (missing.size === 0) return parts
    const number = ++this.#number
    await new Promise<void>((resolve) => {
      let timer: Timer
      const wait = (pieces: number): void => {
        timer = ports.clock.after(ANSWER_MS / PIECES, () => (pieces > 1 ? wait(pieces - 1) : resolve()))
      }
      const done = (): void => {
        timer.cancel()
        resolve()
      }
      wait(PIECES)
      this.#asking.set(number, { parts, missing, done })
      ports.ask(number, question)
    })
    this.#asking.delete(number)
    return parts
  }
}
