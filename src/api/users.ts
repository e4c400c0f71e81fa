/**
 * What backends and operators do with a user: see where he is connected, end his connections, revoke his tokens, put him on
 * channels and take him off.
 */
import { readObject } from './read-object.ts'
import type { ApiRequest, Route } from './route.ts'
import { isUserId, USER_RULE } from '../auth/identity.ts'
import { SluiceError } from '../errors.ts'
import type { Standing, StandingWish } from '../registry/registry.ts'
import { standingWishIn } from '../registry/standing.ts'
import type { GrantStore } from '../webhooks/grant-store.ts'
import type { Users } from '../session/users.ts'

const WISH_FIELDS = ['channels', 'session']
const WISH_EXAMPLE = '{"channels":["news"]}'

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
    {
      method: 'GET',
      path: '/v1/users/{user}/channels',
      scope: 'admin',
      async handle(request) {
        const user = userOf(request)
        return { status: 200, json: { user, channels: (await users.standing(user)).map(worded) } }
      },
    },
    standRoute('subscribe', (user, wish) => users.putOn(user, wish)),
    standRoute('unsubscribe', (user, wish) => users.takeOff(user, wish)),
  ]
}

/** The word of a backend goes before the token's, so it takes who may do everything. */
function standRoute(
  verb: 'subscribe' | 'unsubscribe',
  carryOut: (user: string, wish: StandingWish) => Promise<object>,
): Route {
  return {
    method: 'POST',
    path: `/v1/users/{user}/${verb}`,
    scope: 'admin',
    audit: verb,
    async handle(request) {
      const user = userOf(request)
      const body = readObject(await request.body(), request.jsonDepthMax, WISH_FIELDS, WISH_EXAMPLE)
      const wish = standingWishIn(body)
      for (const channel of wish.channels) request.caller.checkChannel(channel)
      const on = { channels: wish.channels.join(' ') }
      return { status: 200, json: { user, ...(await carryOut(user, wish)) }, on }
    },
  }
}

function worded({ channel, session }: Standing): object {
  return session === undefined ? { channel } : { channel, session }
}

function userOf({ params }: ApiRequest): string {
  const { user } = params
  if (!isUserId(user)) throw new SluiceError('bad_request', `the user in the path must be ${USER_RULE}`)
  return user
}
