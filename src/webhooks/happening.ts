/**
 * What backends are told of: something that is held in the cluster (a channel, a membership, a user's connections) begins or ends,
 * or something has happened. Pure.
 */
import { WEBHOOK_EVENTS, type WebhookEvent } from '../config/webhooks-section.ts'
import { objectIn } from '../protocol/json.ts'

/** What is held, by one node or several. */
export type Holding =
  | { readonly kind: 'channel'; readonly channel: string }
  | { readonly kind: 'member'; readonly channel: string; readonly user: string }
  | { readonly kind: 'user'; readonly user: string }

/** What has happened, beside what is held. */
export type Note =
  | {
      readonly kind: 'client_event'
      readonly channel: string
      readonly event: string | undefined
      /** JSON text. */
      readonly data: string
      readonly user: string | undefined
      /** The connection that has sent it, where its dialect names connections. */
      readonly session: string | undefined
    }
  | { readonly kind: 'cache_miss'; readonly channel: string }
  | {
      readonly kind: 'unacknowledged'
      readonly user: string
      readonly message: string | undefined
      readonly offset: number
    }

export const KINDS = WEBHOOK_EVENTS
export type Kind = WebhookEvent

/** As it is told. */
export interface Happening {
  /** The same each time that it is told. */
  readonly id: string
  readonly kind: Kind
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly channel?: string
  readonly user?: string
  readonly event?: string
  /** JSON text. */
  readonly data?: string
  readonly session?: string
  readonly message?: string
  readonly offset?: number
}

const BEGINS = { channel: 'channel_occupied', member: 'member_added', user: 'user_connected' } as const
const ENDS = { channel: 'channel_vacated', member: 'member_removed', user: 'user_disconnected' } as const

/**
 * The name of a holding in the ledger. What ends in the same moment ends in the order of the names: members leave before their channel
 * is vacated.
 */
export function keyOf(holding: Holding): string {
  switch (holding.kind) {
    case 'channel':
      return `o\n${holding.channel}`
    case 'member':
      return `m\n${holding.channel}\n${holding.user}`
    case 'user':
      return `u\n${holding.user}`
    default:
      return holding satisfies never
  }
}

/** A name of a channel and a user's have no line break. `undefined`: of a version that knows more than this one. */
export function holdingOf(key: string): Holding | undefined {
  const [letter, one, other] = key.split('\n')
  if (letter === 'o' && one !== undefined) return { kind: 'channel', channel: one }
  if (letter === 'm' && one !== undefined && other !== undefined)
    return { kind: 'member', channel: one, user: other }
  if (letter === 'u' && one !== undefined) return { kind: 'user', user: one }
  return undefined
}

export function kindsOf({ kind }: Holding): readonly [begins: Kind, ends: Kind] {
  return [BEGINS[kind], ENDS[kind]]
}

/** What begins goes in this order where it begins at once: a channel is occupied before somebody is a member of it. */
export function rankOf(key: string): number {
  return 'uom'.indexOf(key.charAt(0))
}

/** What order is kept within: a channel, and of what is about no channel a user. */
export function laneOf({ channel, user }: Happening): string {
  return channel ?? `@${user ?? ''}`
}

export function happeningOf(
  id: string,
  atMs: number,
  { key, held }: { readonly key: string; readonly held: boolean },
): Happening | undefined {
  const holding = holdingOf(key)
  if (holding === undefined) return undefined
  const { kind, ...about } = holding
  return { id, kind: held ? BEGINS[kind] : ENDS[kind], atMs, ...about }
}

/** As it is kept until it is told. */
export function noteText({ kind, ...about }: Note): string {
  return JSON.stringify({ kind, ...about })
}

/** `undefined`: of a version that knows more than this one. */
export function happeningIn(id: string, atMs: number, text: string): Happening | undefined {
  const value = objectIn(text)
  if (value === undefined || !KINDS.includes(value['kind'] as Kind)) return undefined
  return { id, atMs, ...value } as unknown as Happening
}
