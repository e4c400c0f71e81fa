/**
 * What becomes of a node when something was thrown that nothing has caught. Nothing of it is ever silent.
 *
 * An exception has left whatever it went through half done, so the state of the node is not to be trusted: clients are moved
 * away, and the process ends with 1, for whoever watches it to start it again. One more while they are moved ends that at
 * once, and a third the process. A rejection that nobody took is the end of one piece of work, whose state was its own:
 * it is told, and the node lives.
 */
import type { Uncaught } from './terminal.ts'
import type { Node } from '../node/contract.ts'

const EXIT_FAULT = 1

export class Distrust {
  readonly #node: Pick<Node, 'caught' | 'drain' | 'close' | 'log'>
  readonly #exit: (code: number) => void
  #exceptions = 0
  #started = false

  constructor(node: Pick<Node, 'caught' | 'drain' | 'close' | 'log'>, exit: (code: number) => void) {
    this.#node = node
    this.#exit = exit
  }

  /** Before this there is nobody to move away. */
  started(): void {
    this.#started = true
  }

  /** Whether the node ends, or has ended, because of it. */
  get ended(): boolean {
    return this.#exceptions > 0
  }

  met(kind: Uncaught, error: unknown): void {
    const node = this.#node
    if (kind === 'uncaught_exception') this.#exceptions++
    try {
      node.caught(kind, error)
      if (kind === 'unhandled_rejection') return
      if (this.#exceptions === 1)
        node.log.error({}, 'the node moves its clients away and ends, since its state is not to be trusted')
    } catch {
      // The log itself fails: whoever reads it has gone. What is to be done is the same.
    }
    if (kind === 'unhandled_rejection') return
    if (this.#exceptions > 2) this.#exit(EXIT_FAULT)
    else if (this.#exceptions > 1 || !this.#started) this.#carryOut(node.close())
    else this.#carryOut(node.drain())
  }

  #carryOut(ended: Promise<void>): void {
    ended.catch(() => this.#exit(EXIT_FAULT))
  }
}
