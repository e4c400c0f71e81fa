/**
 * How a node proves to another one that a link, or a request, comes from a node of the cluster, without sending the secret: a seal
 * over who asks whom for what, when, and which of its tokens it is. It is good at that node alone, for that alone, and once.
 *
 *   Authorization: Sluice-Node <from> <time> <number> <seal>
 */
import { FreshnessWindow } from '../freshness.ts'
import { Seal } from '../seal.ts'

const TOKEN = /^Sluice-Node ([\w-]{1,64}) (\d{1,15}) (\d{1,15}) ([\w-]{22})$/
export interface NodeTokenCheck {
  /** As the token says; true where the verdict is not `secret`. Absent: it is no token. */
  readonly from?: string
  /**
   * `secret`: it was not made with this secret, for this node and for that. `clock`: it was, but not now. `replayed`: it has been
   * shown before.
   */
  readonly verdict: 'good' | 'secret' | 'clock' | 'replayed' | 'none'
}

/** Of one node, at both ends. One for each node: it numbers its tokens, and remembers those that it was shown. */
export class NodeTokens {
  readonly #node: string
  readonly #seal: Seal
  readonly #seen = new FreshnessWindow()
  #number = 0

  constructor(secret: string, node: string) {
    this.#node = node
    this.#seal = new Seal(secret, 'node request')
  }

  /**
   * The value of the header `Authorization`. `what`: each text of what is asked for that must not be changed on the way, such as the
   * method, the path with its query, and a hash of the body.
   */
  issue(toNode: string, nowMs: number, ...what: readonly string[]): string {
    const time = String(Math.round(nowMs))
    const number = String(++this.#number)
    const mac = this.#seal.sign(this.#node, toNode, time, number, ...what)
    return `Sluice-Node ${this.#node} ${time} ${number} ${mac}`
  }

  /** Whether it is good here, now, for the first time, and for just that. */
  check(authorization: string | undefined, nowMs: number, ...what: readonly string[]): NodeTokenCheck {
    const [, from, time, number, mac] = TOKEN.exec(authorization ?? '') ?? []
    if (from === undefined || time === undefined || number === undefined || mac === undefined)
      return { verdict: 'none' }
    if (!this.#seal.signed(mac, from, this.#node, time, number, ...what)) return { from, verdict: 'secret' }
    return { from, verdict: this.#seen.judge(from, Number(number), Number(time), nowMs) }
  }
}
