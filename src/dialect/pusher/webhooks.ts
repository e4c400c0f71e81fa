/**
 * What the backend of an app is told, in the words of Pusher: `{"time_ms","events"}`, signed by a secret of the app. Pure.
 */
import type { App } from './apps.ts'
import { kindOf, publicNameOf } from './channel.ts'
import { dataOf } from './publishing.ts'
import { signatureOf } from './signatures.ts'
import { socketIdOf } from './socket-id.ts'
import type { Happening } from '../../webhooks/happening.ts'
import { isWanted, type Wanted } from '../../webhooks/target.ts'
import type { Written } from '../../webhooks/words.ts'

/**
 * Whether the app is told of it: of its own channels, but for those of single users, and of members where there are members. What is wanted
 * goes by the names that the app knows.
 */
export function concerns({ prefix }: App, { kind, channel }: Happening, wanted: Wanted): boolean {
  const name = channel === undefined ? undefined : publicNameOf(channel, prefix)
  if (name === undefined || !isWanted(wanted, { kind, channel: name })) return false
  const { access } = kindOf(name)
  if (kind === 'member_added' || kind === 'member_removed') return access === 'presence'
  return access !== 'user'
}

export function pusherWords(app: App, happenings: readonly Happening[], nowMs: number): Written {
  const body = JSON.stringify({ time_ms: nowMs, events: happenings.map((one) => worded(app, one)) })
  const [{ key, secret } = { key: '', secret: '' }] = app.credentials
  return {
    headers: {
      'content-type': 'application/json',
      'x-pusher-key': key,
      'x-pusher-signature': signatureOf(secret, body),
    },
    body,
  }
}

/** `event_id` is ours: what is told twice has the same. */
function worded({ prefix }: App, happening: Happening): object {
  const { id, kind, user, event, data, session } = happening
  const channel = publicNameOf(happening.channel ?? '', prefix) ?? ''
  const about = { name: kind, channel, event_id: id }
  if (kind === 'member_added' || kind === 'member_removed') return { ...about, user_id: user }
  if (kind !== 'client_event') return about
  return {
    ...{ ...about, event, data: dataOf(data ?? 'null') },
    ...(session === undefined ? {} : { socket_id: socketIdOf(session) }),
    ...(kindOf(channel).access === 'presence' && user !== undefined ? { user_id: user } : {}),
  }
}
