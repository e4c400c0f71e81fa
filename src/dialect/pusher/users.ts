/**
 * Who has signed in on this node, app by app: whose connections their backend can end.
 */
import type { User } from './admitting.ts'
import type { App } from './apps.ts'
import { Closing } from '../../errors.ts'

export interface SignedIn {
  end(closing: Closing): void
}

export class Users {
  /** By what names a user in all apps. */
  readonly #byName = new Map<string, Set<SignedIn>>()

  signedIn(app: App, { id }: User, connection: SignedIn): void {
    const name = userName(app, id)
    const connections = this.#byName.get(name) ?? new Set<SignedIn>()
    this.#byName.set(name, connections.add(connection))
  }

  signedOut(app: App, { id }: User, connection: SignedIn): void {
    const name = userName(app, id)
    const connections = this.#byName.get(name)
    connections?.delete(connection)
    if (connections?.size === 0) this.#byName.delete(name)
  }

  /** Ends those that are here. */
  end(name: string): void {
    for (const connection of [...(this.#byName.get(name) ?? [])])
      connection.end(new Closing('forbidden', 'forbidden', 'the app has ended the connections of this user'))
  }
}

/** An app's id has no colon. */
export function userName({ id }: App, user: string): string {
  return `${id}:${user}`
}
