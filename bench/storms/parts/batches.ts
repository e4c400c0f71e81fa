/** A backend that publishes many messages in one request, again and again: what several of one turn there are goes over NATS as one packet. */
import type { GatewayProcess } from '../../../test/support/gateway-process.ts'

const PER_BATCH = 60
/** Each so many a message is for a user. */
const INBOX_EVERY = 6
const PAUSE_MS = 200

export interface BatchesOptions {
  readonly channels: readonly string[]
  readonly users: readonly string[]
  readonly perSecond: number
}

interface Answer {
  readonly offset?: number
}

export class Batches {
  /** What was accepted, by channel: `@user` for an inbox. */
  readonly accepted = new Map<string, Map<number, unknown>>()
  /** Requests that were made once more: refused in part, or not answered. */
  repeated = 0
  readonly #options: BatchesOptions
  #number = 0

  constructor(options: BatchesOptions) {
    this.#options = options
  }

  get count(): number {
    return [...this.accepted.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** Publishes at a node until `stop`, and what it does not take at `always`; resolves once all is accepted. */
  at(node: GatewayProcess, always: GatewayProcess): { stop(): Promise<void> } {
    let running = true
    const run = async (): Promise<void> => {
      const startedMs = performance.now()
      for (let turn = 0; running; turn++) {
        await this.#publish(node, always)
        const aheadMs = (turn * PER_BATCH * 1000) / this.#options.perSecond - (performance.now() - startedMs)
        if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs))
      }
    }
    const done = run()
    return {
      stop() {
        running = false
        return done
      },
    }
  }

  async #publish(node: GatewayProcess, always: GatewayProcess): Promise<void> {
    const { channels, users } = this.#options
    const batch = Array.from({ length: PER_BATCH }, (_, index) => {
      const number = this.#number++
      const user = index % INBOX_EVERY === 0 ? (users[number % users.length] as string) : undefined
      const target = user === undefined ? { channel: channels[index % channels.length] as string } : { user }
      return { ...target, data: number, id: `n${number}` }
    })
    for (let asked = node; ; asked = always) {
      const answers = await answersOf(asked, batch)
      if (answers?.every(({ offset }) => offset !== undefined) === true) {
        for (const [index, one] of batch.entries()) {
          const name = 'user' in one ? `@${one.user}` : one.channel
          const known = this.accepted.get(name) ?? new Map<number, unknown>()
          known.set((answers[index] as { readonly offset: number }).offset, one.data)
          this.accepted.set(name, known)
        }
        return
      }
      this.repeated++
      await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS))
    }
  }
}

/** `undefined`: the node refuses all of it, or is not there. */
async function answersOf(node: GatewayProcess, batch: unknown): Promise<readonly Answer[] | undefined> {
  try {
    const response = await node.api('POST', '/v1/publish', batch)
    return response.ok ? ((await response.json()) as Answer[]) : undefined
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
