/**
 * What backends and operators do with a user: see where he is connected, end his connections, revoke his tokens.
 */
import type { ApiRequest, Route } from './route.ts'
import { isUserId, USER_RULE } from '../auth/identity.ts'
import { SluiceError } from '../errors.ts'
import type { GrantStore } from '../webhooks/grant-store.ts'
import type { Users } from '../session/users.ts'

export function userRoutes(users: Users, grants: Pick<GrantStore, 'drop'>): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/users/{user}',
      scope: 'admin',
      async handle(request) {
        const user = userOf(request)
        return { status: 200, json: { user, sessions: await users.locate(user) } }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/users/{user}/sessions',
      scope: 'admin',
      audit: 'disconnect',
      async handle(request) {
        const { count, ...late } = await users.disconnectEverywhere(userOf(request))
        return { status: 200, json: { disconnected: count, ...late } }
      },
    },
    {
      method: 'DELETE',
      path: '/v1/users/{user}/grants',
      scope: 'admin',
      audit: 'forget grants',
      async handle(request) {
        const user = userOf(request)
        await grants.drop(user)
        return { status: 200, json: { user } }
      },
    },
    {
      method: 'POST',
      path: '/v1/users/{user}/revoke',
      scope: 'admin',
      audit: 'revoke',
      async handle(request) {
        const user = userOf(request)
        const { beforeMs, ...late } = await users.revokeEverywhere(user)
        // Who comes back with a fresh token is asked for again.
        await grants.drop(user)
        return { status: 200, json: { user, before: beforeMs, ...late } }
      },
    },
  ]
}

function userOf({ params }: ApiRequest): string {
  const { user } = params
  if (!isUserId(user)) throw new SluiceError('bad_request', `the user in the path must be ${USER_RULE}`)
  return user
}
