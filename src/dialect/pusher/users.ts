/**
 * Who has signed in on this node, app by app: whose connections their backend can end.
 */
import type { User } from './admitting.ts'
import type { App } from './apps.ts'
import { Closing } from '../../errors.ts'

export interface SignedIn {
  /** When its connection began, in milliseconds since 1970. */
  readonly sinceMs: number
  end(closing: Closing): void
}

export interface UsersPorts {
  /** When an app has ended the connections of a user last, by a name of `userName`; `undefined`: not of late. Fails with `unavailable`. */
  readonly endedAt: (name: string) => Promise<number | undefined>
  readonly failed: (what: string, error: unknown) => void
}

/** Clocks of nodes differ by so much. */
const SKEW_MS = 1_000

export class Users {
  readonly #ports: UsersPorts
  /** By what names a user in all apps. */
  readonly #byName = new Map<string, Set<SignedIn>>()

  constructor(ports: UsersPorts) {
    this.#ports = ports
  }

  /** It is here from now on; where its user was ended meanwhile, and no node could have told this connection, it ends. */
  signedIn(app: App, { id }: User, connection: SignedIn): void {
    const name = userName(app, id)
    const connections = this.#byName.get(name) ?? new Set<SignedIn>()
    this.#byName.set(name, connections.add(connection))
    const { endedAt, failed } = this.#ports
    endedAt(name).then(
      (atMs) => {
        if (atMs !== undefined && connection.sinceMs <= atMs + SKEW_MS && connections.has(connection))
          connection.end(ended())
      },
      (error: unknown) => failed('asking whether the connections of a user were ended', error),
    )
  }

  signedOut(app: App, { id }: User, connection: SignedIn): void {
    const name = userName(app, id)
    const connections = this.#byName.get(name)
    connections?.delete(connection)
    if (connections?.size === 0) this.#byName.delete(name)
  }

  /** Ends those that are here. */
  end(name: string): void {
    for (const connection of [...(this.#byName.get(name) ?? [])]) connection.end(ended())
  }
}

function ended(): Closing {
  return new Closing('forbidden', 'forbidden', 'the app has ended the connections of this user')
}

/** An app's id has no colon. */
export function userName({ id }: App, user: string): string {
  return `${id}:${user}`
}
