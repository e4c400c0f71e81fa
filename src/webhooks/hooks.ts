/**
 * Asks the backend whether a user may connect, or be on a channel. The answer is a grant that all nodes know: who comes back asks nobody, so a
 * deploy costs the backend no call. What is asked at once for one user is asked once, and no more than so much is under way.
 *
 *  K1 a grant that is kept is good without a call; a refusal is for a moment
 *  K2 no more than `underWayMax` calls are under way, each with an end; who waits longer than one may take is told so
 *  K3 where the backend does not say yes or no, `whenAway` decides, and nothing is kept
 */
import type { GrantStore } from './grant-store.ts'
import { answerIn, type HookAnswer } from './hook-answer.ts'
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'

export interface HooksOptions {
  readonly connect: boolean
  /** Whether the backend is asked for a channel. */
  asksFor(channel: string): boolean
  readonly timeoutMs: number
  readonly underWayMax: number
  readonly grantMs: number
  readonly whenAway: 'refuse' | 'token'
}

export type Question =
  | { readonly type: 'connect'; readonly user: string }
  | { readonly type: 'subscribe'; readonly user: string; readonly channel: string }

export interface HooksPorts {
  readonly grants: GrantStore
  readonly clock: Pick<Clock, 'after'>
  /** The body of a good answer. Fails where there is none within `timeoutMs`, with why. */
  ask(question: Question): Promise<string>
  readonly counts: Readonly<Record<'granted' | 'kept' | 'refused' | 'away', () => void>>
  /** The backend does not answer as it should. */
  warn(why: string): void
  readonly failed: (what: string, error: unknown) => void
}

/** A refusal is asked for again after this: whoever is refused can make the backend no more work than that. */
const REFUSED_MS = 5_000
const WAITING_MAX = 10_000
const AWAY =
  'the backend that decides this did not answer; try again, and tell its operators (hooks) if it stays so'

export class Hooks {
  readonly #options: HooksOptions
  readonly #ports: HooksPorts
  readonly #underWay = new Map<string, Promise<HookAnswer | undefined>>()
  #calls = 0
  readonly #waiting: (() => void)[] = []

  constructor(options: HooksOptions, ports: HooksPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** `undefined`, or its answer: he may, and nobody was asked, or who was did not say. Fails with `forbidden` or `unavailable`. */
  mayConnect(user: string): Promise<HookAnswer | undefined> | undefined {
    return this.#options.connect ? this.#may({ type: 'connect', user }) : undefined
  }

  /** As `mayConnect`. */
  maySubscribe(user: string, channel: string): Promise<HookAnswer | undefined> | undefined {
    return this.#options.asksFor(channel) ? this.#may({ type: 'subscribe', user, channel }) : undefined
  }

  #may(question: Question): Promise<HookAnswer | undefined> {
    const key = `${nameOf(question)}\n${question.user}`
    let under = this.#underWay.get(key)
    if (under === undefined) {
      under = this.#decide(question).finally(() => this.#underWay.delete(key))
      this.#underWay.set(key, under)
    }
    return under
  }

  async #decide(question: Question): Promise<HookAnswer | undefined> {
    const { grants, counts, failed } = this.#ports
    const { user } = question
    let answer: HookAnswer | undefined
    try {
      answer = answerIn(await grants.get(user, nameOf(question)))
    } catch (error) {
      // What is kept cannot be read: the backend is asked.
      failed('reading what a backend has granted', error)
    }
    if (answer === undefined) answer = await this.#asked(question)
    else counts.kept()
    if (answer !== undefined && !answer.allow) {
      counts.refused()
      throw new SluiceError('forbidden', answer.reason ?? 'the backend does not allow it')
    }
    return answer
  }

  /** `undefined`: it may go by the token. */
  async #asked(question: Question): Promise<HookAnswer | undefined> {
    const { grants, counts, failed } = this.#ports
    const answer = await this.#call(question)
    if (answer === undefined) {
      counts.away()
      if (this.#options.whenAway === 'token') return undefined
      throw new SluiceError('unavailable', AWAY)
    }
    if (answer.allow) counts.granted()
    const ttlMs = answer.allow ? (answer.ttlMs ?? this.#options.grantMs) : REFUSED_MS
    try {
      await grants.put(question.user, nameOf(question), JSON.stringify(answer), ttlMs)
    } catch (error) {
      failed('keeping what a backend has granted', error)
    }
    return answer
  }

  async #call(question: Question): Promise<HookAnswer | undefined> {
    if (!(await this.#turn())) {
      this.#ports.warn('more clients wait for its answer than it answers')
      return undefined
    }
    try {
      const answer = answerIn(await this.#ports.ask(question))
      if (answer === undefined)
        this.#ports.warn(
          'its answer is not {"allow":true} or {"allow":false}, or has permissions that are none',
        )
      return answer
    } catch (error) {
      this.#ports.warn((error as Error).message)
      return undefined
    } finally {
      this.#calls--
      this.#waiting.shift()?.()
    }
  }

  /** False: it has waited for as long as a call may take. */
  async #turn(): Promise<boolean> {
    if (this.#calls < this.#options.underWayMax) {
      this.#calls++
      return true
    }
    if (this.#waiting.length >= WAITING_MAX) return false
    return new Promise((resolve) => {
      const go = (): void => {
        timer.cancel()
        this.#calls++
        resolve(true)
      }
      const timer = this.#ports.clock.after(this.#options.timeoutMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        resolve(false)
      })
      this.#waiting.push(go)
    })
  }
}

function nameOf(question: Question): string {
  return question.type === 'connect' ? 'connect' : `on ${question.channel}`
}
