/**
 * What backends have put users on, in the memory of this process.
 */
import { CHANGE_TTL_MS, STANDING_MAX, STANDING_TTL_MS, type Standing, type StandingWish } from './registry.ts'
import { isTakenOff, standingIn, standingTexts, tooMuchStanding } from './standing.ts'

interface Kept {
  readonly texts: ReadonlySet<string>
  /** Of the last change, by the clock of `orders`. */
  readonly changedMs: number
  /** The change is told until then, and what stands holds until then. Both by the clock that does not jump. */
  readonly toldUntilMs: number
  readonly untilMs: number
}

interface Moment {
  readonly nowMs: number
  readonly monotonicMs: number
}

export class MemoryStanding {
  readonly #users = new Map<string, Kept>()

  putOn(user: string, wish: StandingWish, moment: Moment): void {
    const texts = new Set([...this.#textsOf(user, moment.monotonicMs), ...standingTexts(wish)])
    if (texts.size > STANDING_MAX) throw tooMuchStanding(user)
    this.#keep(user, texts, moment)
  }

  takeOff(user: string, wish: StandingWish, moment: Moment): void {
    const left = [...this.#textsOf(user, moment.monotonicMs)].filter((text) => !isTakenOff(text, wish))
    this.#keep(user, new Set(left), moment)
  }

  of(user: string, monotonicMs: number): readonly Standing[] {
    return [...this.#textsOf(user, monotonicMs)].map(standingIn)
  }

  changedSince(sinceMs: number, monotonicMs: number): ReadonlySet<string> {
    const changed = new Set<string>()
    for (const [user, { changedMs, toldUntilMs }] of this.#users)
      if (changedMs >= sinceMs && toldUntilMs > monotonicMs) changed.add(user)
    return changed
  }

  sweep(monotonicMs: number): void {
    for (const [user, { texts, untilMs, toldUntilMs }] of this.#users)
      if (untilMs <= monotonicMs || (texts.size === 0 && toldUntilMs <= monotonicMs)) this.#users.delete(user)
  }

  #textsOf(user: string, monotonicMs: number): Iterable<string> {
    const kept = this.#users.get(user)
    return kept === undefined || kept.untilMs <= monotonicMs ? [] : kept.texts
  }

  #keep(user: string, texts: ReadonlySet<string>, { nowMs, monotonicMs }: Moment): void {
    const [toldUntilMs, untilMs] = [monotonicMs + CHANGE_TTL_MS, monotonicMs + STANDING_TTL_MS]
    this.#users.set(user, { texts, changedMs: nowMs, toldUntilMs, untilMs })
  }
}
