import { expect, it } from 'vitest'
import { Caller } from '../../../src/api/caller.ts'
import type { ApiRequest } from '../../../src/api/route.ts'
import { userRoutes } from '../../../src/api/users.ts'
import type { Users } from '../../../src/session/users.ts'

/** Configured keys for everything are for all namespaces; whoever asks in another's name may be for some. */
function asked(channels: readonly string[], refused: unknown[]): ApiRequest {
  const grant = { name: 'shop', scopes: ['admin'], namespaces: ['shop'] } as const
  const trace = { requestId: 'r1', remoteAddress: '10.0.0.9' }
  return {
    params: { user: 'ann' },
    body: () => Promise.resolve(JSON.stringify({ channels })),
    jsonDepthMax: 64,
    caller: new Caller(grant, { trace }, (_caller, error) => void refused.push(error)),
  } as unknown as ApiRequest
}

it.each(['subscribe', 'unsubscribe'])(
  'a key of some namespaces does %s users on channels of theirs alone, and nothing in part',
  async (verb) => {
    const done: unknown[] = []
    const stand = (
      _user: string,
      { channels }: { readonly channels: readonly string[] },
    ): Promise<object> => {
      done.push(channels)
      return Promise.resolve({ sessions: 0 })
    }
    const users = { putOn: stand, takeOff: stand } as unknown as Users
    const route = userRoutes(users, { drop: () => Promise.resolve() }).find(({ path }) =>
      path.endsWith(`/${verb}`),
    )
    const refused: unknown[] = []
    for (const channels of [['site:1'], ['shop:1', 'site:1'], ['shopping:1']])
      await expect(async () => route?.handle(asked(channels, refused))).rejects.toMatchObject({
        code: 'forbidden',
      })
    expect(done).toEqual([])
    expect(refused).toHaveLength(3)
    expect(await route?.handle(asked(['shop:1', 'shop:2'], refused))).toMatchObject({ status: 200 })
    expect(done).toEqual([['shop:1', 'shop:2']])
  },
)
