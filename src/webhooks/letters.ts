/**
 * What backends were not told, because they refused it for too long: operators see it, have it sent again, or throw it away.
 */
import type { Letter } from './dispatcher.ts'
import type { WebhookStore } from './store.ts'
import { SluiceError } from '../errors.ts'
import { parseJson } from '../protocol/json.ts'

export type DeadLetters = Pick<Letters, 'list' | 'resend' | 'drop'>

const SHOWN_MAX = 1000

export class Letters {
  readonly #store: Pick<WebhookStore, 'dead' | 'deadCount' | 'takeDead' | 'addDead' | 'note'>

  constructor(store: Pick<WebhookStore, 'dead' | 'deadCount' | 'takeDead' | 'addDead' | 'note'>) {
    this.#store = store
  }

  /** The oldest first. Fails with `unavailable`. */
  async list(limit: number): Promise<{
    readonly count: number
    readonly letters: readonly (Letter & { readonly letter: string })[]
  }> {
    const [count, letters] = await Promise.all([
      this.#store.deadCount(),
      this.#store.dead(Math.min(limit, SHOWN_MAX)),
    ])
    return {
      count,
      letters: letters.map(({ id, text }) => ({ letter: id, ...letterIn(text) })),
    }
  }

  /** Behind all else that its target is still to be told. Fails with `not_found` or `unavailable`. */
  async resend(id: string): Promise<void> {
    const text = await this.#take(id)
    const { happening, target } = letterIn(text)
    try {
      await this.#store.note('events', [{ text: JSON.stringify({ ...happening, only: target }) }])
    } catch (error) {
      await this.#store.addDead(text)
      throw error
    }
  }

  /** Fails with `not_found` or `unavailable`. */
  async drop(id: string): Promise<void> {
    await this.#take(id)
  }

  async #take(id: string): Promise<string> {
    const text = await this.#store.takeDead(id)
    if (text === undefined) throw new SluiceError('not_found', 'there is no dead letter with this id')
    return text
  }
}

/** As a node has written it. */
function letterIn(text: string): Letter {
  return parseJson(text) as Letter
}
