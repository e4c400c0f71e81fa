/**
 * What a backend has said that a user may, over what his token says. Pure.
 *
 *  G1 of what it does not name the token decides
 *  G2 of what it names its own patterns hold, as far as the token or the configuration (`hooks.grants`) goes with them
 *  G3 nobody's inbox is ever among it
 */
import type { HookAnswer, SaidPermissions } from './hook-answer.ts'
import { PatternTable, type Permissions } from '../auth/permissions.ts'

/** How many different answers share what they have in common. */
const SHARED_MAX = 1000

class OverToken implements Permissions {
  readonly #token: Permissions
  readonly #said: SaidPermissions
  /** The patterns of the answer. */
  readonly #patterns: Permissions
  readonly #grants: Permissions

  constructor(token: Permissions, said: SaidPermissions, patterns: Permissions, grants: Permissions) {
    this.#token = token
    this.#said = said
    this.#patterns = patterns
    this.#grants = grants
  }

  maySubscribe(channel: string): boolean {
    if (this.#said.subscribe === undefined) return this.#token.maySubscribe(channel)
    return (
      this.#patterns.maySubscribe(channel) &&
      (this.#token.maySubscribe(channel) || this.#grants.maySubscribe(channel))
    )
  }

  mayPublish(channel: string): boolean {
    if (this.#said.publish === undefined) return this.#token.mayPublish(channel)
    return (
      this.#patterns.mayPublish(channel) &&
      (this.#token.mayPublish(channel) || this.#grants.mayPublish(channel))
    )
  }

  mayReadHistory(channel: string): boolean {
    if (this.#said.history === undefined) return this.#token.mayReadHistory(channel)
    return (
      this.#patterns.mayReadHistory(channel) &&
      (this.#token.mayReadHistory(channel) || this.#grants.mayReadHistory(channel))
    )
  }
}

export interface Granted {
  over(token: Permissions): Permissions
}

/** Makes of answers what they mean for tokens. Equal answers share their patterns, as equal tokens do. */
export class Grants {
  readonly #grants: Permissions
  readonly #table = new PatternTable(SHARED_MAX)

  /** `grants`: how far an answer may go beyond a token. */
  constructor(grants: Permissions) {
    this.#grants = grants
  }

  /** `undefined`: all is as the token says. */
  of(answer: HookAnswer | undefined): Granted | undefined {
    const said = answer?.permissions
    if (said === undefined) return undefined
    const { subscribe = [], publish = [], history = [] } = said
    const patterns = this.#table.permissions(subscribe, publish, history)
    return { over: (token) => new OverToken(token, said, patterns, this.#grants) }
  }
}
