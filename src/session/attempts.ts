/**
 * Whoever is on the way to something while this node waits for a store: a connection to its session, a session to its fresh
 * token. What is decided meanwhile about the user or the session is remembered here, and looked at once the wait is over.
 */
import type { StandingChange } from './standing.ts'
import type { TakenOver } from '../cluster/control.ts'
import { Closing } from '../errors.ts'

export interface Attempt {
  readonly user: string
  /** `undefined`: it has its session already, and brings a fresh token. */
  readonly session: string | undefined
  /** The number of its claim; `undefined`: not answered yet. */
  claim: number | undefined
  /** Other nodes that held the session before, and have to be told what becomes of it. */
  readonly before: Set<string>
  /** The user's tokens up to here have been revoked meanwhile. */
  revokedBeforeMs: number | undefined
  /** Connections of the user with claims up to here have been ended meanwhile. */
  endedUpTo: number
  /** The newest connection of the session that was heard of meanwhile, here or at another node. */
  overtakenBy: TakenOver | undefined
  /** A later claim of the session was given up meanwhile at another node, which has it in the registry. */
  doubted: boolean
  /** What backends have done to the session meanwhile, in order. */
  changes: StandingChange[] | undefined
}

export class Attempts {
  readonly #all = new Set<Attempt>()
  /** A session has more than one only where two connections want it at once. */
  readonly #bySession = new Map<string, Attempt[]>()

  begin(user: string, session: string | undefined): Attempt {
    const attempt: Attempt = {
      user,
      session,
      claim: undefined,
      before: new Set(),
      revokedBeforeMs: undefined,
      endedUpTo: 0,
      overtakenBy: undefined,
      doubted: false,
      changes: undefined,
    }
    this.#all.add(attempt)
    if (session === undefined) return attempt
    const others = this.#bySession.get(session)
    this.#bySession.set(session, others === undefined ? [attempt] : [...others, attempt])
    return attempt
  }

  /** Idempotent. */
  end(attempt: Attempt): void {
    const { session } = attempt
    if (!this.#all.delete(attempt) || session === undefined) return
    const all = this.#of(session)
    if (all.length > 1)
      this.#bySession.set(
        session,
        all.filter((one) => one !== attempt),
      )
    else this.#bySession.delete(session)
  }

  /** Leaves it to a connection that is on its way to the session to tell these nodes; false: there is none. */
  inherit(session: string, before: ReadonlySet<string>): boolean {
    const heir = this.#of(session).at(-1)
    for (const node of before) heir?.before.add(node)
    return heir !== undefined
  }

  revoke(user: string, beforeMs: number): void {
    for (const attempt of this.#all) {
      if (attempt.user === user) attempt.revokedBeforeMs = Math.max(beforeMs, attempt.revokedBeforeMs ?? 0)
    }
  }

  endUpTo(user: string, claim: number): void {
    for (const attempt of this.#all) {
      if (attempt.user === user) attempt.endedUpTo = Math.max(claim, attempt.endedUpTo)
    }
  }

  overtake(taken: TakenOver): void {
    for (const attempt of this.#of(taken.session)) {
      if (taken.claim > (attempt.overtakenBy?.claim ?? 0)) attempt.overtakenBy = taken
    }
  }

  doubt(session: string): void {
    for (const attempt of this.#of(session)) attempt.doubted = true
  }

  /** A backend puts the session on channels, or takes it off. */
  change(session: string, change: StandingChange): void {
    for (const attempt of this.#of(session)) (attempt.changes ??= []).push(change)
  }

  #of(session: string): readonly Attempt[] {
    return this.#bySession.get(session) ?? []
  }
}

/** Whether a newer connection serves. Not known before the claim is answered. */
export function isOvertaken(attempt: Attempt): attempt is Attempt & { readonly overtakenBy: TakenOver } {
  const { claim, overtakenBy } = attempt
  return claim !== undefined && overtakenBy !== undefined && overtakenBy.claim > claim
}

/** By an operator, after its claim. */
export function isEnded({ claim, endedUpTo }: Pick<Attempt, 'claim' | 'endedUpTo'>): boolean {
  return claim !== undefined && claim <= endedUpTo
}

/** `as`: how a backend has worded it. */
export function endedByOperator(as?: Closing['as']): Closing {
  const why = 'an operator has ended the connections of this user'
  return new Closing('forbidden', 'forbidden', why, as === undefined ? {} : { as })
}

export function takenOver(): Closing {
  return new Closing('takenOver', 'forbidden', 'a newer connection has taken the session over')
}
