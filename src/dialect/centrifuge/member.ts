/**
 * A member of a channel in Centrifuge's words, and as presence keeps it: there each connection is a member. One that speaks
 * another protocol is its user, whose name stands for it. Pure.
 */
import type { ClientInfo } from './messages.ts'
import type { Statement } from '../../presence/info.ts'
import { clientOf, memberName, userOf } from '../../protocol/member-name.ts'
import { rawMember } from '../../protocol/raw-json.ts'

/** What the token says of its user, and what is said of him in the channel, as JSON. */
export interface Said {
  readonly conn_info?: string | undefined
  readonly chan_info?: string | undefined
}

export function statementOf(user: string, client: string, { conn_info, chan_info }: Said): Statement {
  const parts = [
    ...(conn_info === undefined ? [] : [`"conn_info":${conn_info}`]),
    ...(chan_info === undefined ? [] : [`"chan_info":${chan_info}`]),
  ]
  return { user: memberName(user, client), json: parts.length === 0 ? undefined : `{${parts.join(',')}}` }
}

export function memberOf(member: string, json: string | undefined): ClientInfo {
  const client = clientOf(member)
  if (client === undefined)
    return { user: member, client: member, ...(json === undefined ? {} : { chan_info: Buffer.from(json) }) }
  return { user: userOf(member), client, ...infoIn(json, 'conn_info'), ...infoIn(json, 'chan_info') }
}

function infoIn(json: string | undefined, name: 'conn_info' | 'chan_info'): Partial<ClientInfo> {
  const raw = json === undefined ? undefined : rawMember(json, name)
  return raw === undefined ? {} : { [name]: Buffer.from(raw) }
}

/** By client, as `presence` is answered. */
export function membersIn(members: ReadonlyMap<string, string | undefined>): Map<string, ClientInfo> {
  return new Map(
    [...members].map(([member, json]): [string, ClientInfo] => [
      clientOf(member) ?? member,
      memberOf(member, json),
    ]),
  )
}

export function statsOf(members: Iterable<string>): {
  readonly num_clients: number
  readonly num_users: number
} {
  const all = [...members]
  return { num_clients: all.length, num_users: new Set(all.map(userOf)).size }
}
