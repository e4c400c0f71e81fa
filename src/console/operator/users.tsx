/**
 * A user: where he is connected, and what can be done about it.
 */
import { useState } from 'preact/hooks'
import { ask } from './access.ts'
import { Publish } from './channels.tsx'
import { LookUp, Sure, useDoing, type Doing } from './parts.tsx'
import type { NodeShown, UserShown } from './shapes.ts'
import { Trace } from './trace.tsx'
import type { Watching } from './watching.ts'
import { many, shortId } from './words.ts'

const pathOf = (user: string): string => `/v1/users/${encodeURIComponent(user)}`

interface UserCardProps {
  readonly user: UserShown
  readonly nodes: readonly NodeShown[]
  readonly doing: Doing
  readonly read: (user: string) => Promise<void>
  readonly apiKey: string
}

function UserCard({ user: { user, sessions }, nodes, doing: { busy, run }, read, apiKey }: UserCardProps) {
  const [told, setTold] = useState<string>()
  const disconnect = (): void =>
    run(async () => {
      const path = `${pathOf(user)}/sessions`
      const { disconnected } = (await ask(apiKey, path, { method: 'DELETE' })) as { disconnected: number }
      setTold(`${many(disconnected, 'connection')} ended.`)
      await read(user)
    })
  const versionOf = (node: string): string =>
    nodes.find(({ id }) => id === node)?.version ?? 'that is not there now'
  return (
    <section class="card" aria-labelledby="user-title">
      <h2 id="user-title">{user}</h2>
      <p>
        {sessions.length === 0
          ? 'Is not connected, and no session of his waits for him.'
          : `Has ${many(sessions.length, 'session')}.`}
      </p>
      <ul class="sessions">
        {sessions.map(({ session, node }) => (
          <li key={session}>
            session <code>{session}</code> at node <code>{shortId(node)}</code>{' '}
            <span class="quiet">{versionOf(node)}</span>
          </li>
        ))}
      </ul>
      <div class="row">
        <button type="button" disabled={busy} onClick={() => run(() => read(user))}>
          Look again
        </button>
        <Sure
          question={`End all connections of ${user}? With a good token he may come back.`}
          disabled={busy || sessions.length === 0}
          run={disconnect}
        >
          Disconnect
        </Sure>
        <p role="status">{told}</p>
      </div>
    </section>
  )
}

export function Users({ watching, apiKey }: { readonly watching: Watching; readonly apiKey: string }) {
  const [user, setUser] = useState<UserShown>()
  const doing = useDoing()
  const read = async (name: string): Promise<void> => setUser((await ask(apiKey, pathOf(name))) as UserShown)
  const look = (name: string): void => {
    setUser(undefined)
    doing.run(() => read(name))
  }
  return (
    <>
      <h1 id="view-title" tabIndex={-1}>
        Users
      </h1>
      <LookUp id="user" label="User" placeholder="the sub of his tokens" doing={doing} look={look} />
      {user !== undefined && (
        <div class="two">
          <div>
            <UserCard
              key={user.user}
              {...{ user, doing, read, apiKey }}
              nodes={watching.cluster?.nodes ?? []}
            />
            <Publish to={{ user: user.user }} name={`the inbox of ${user.user}`} apiKey={apiKey} />
          </div>
          <Trace key={user.user} user={user.user} apiKey={apiKey} />
        </div>
      )}
    </>
  )
}
