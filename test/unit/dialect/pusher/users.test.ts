import { expect, it } from 'vitest'
import { Apps } from '../../../../src/dialect/pusher/apps.ts'
import { Users } from '../../../../src/dialect/pusher/users.ts'

const [SHOP] = [...new Apps(['3:shop:k:s']).all()] as [NonNullable<ReturnType<Apps['get']>>]
const ANN = { id: 'ann', info: undefined, watchlist: [] }

/** What becomes of connections that began then, of a user whose connections the app had ended at 10,000. */
it.each([
  [9_000, true],
  [10_500, true],
  [12_000, false],
])(
  'who signs in on a connection of %d ms after his user was ended is ended: %s',
  async (sinceMs, isEnded) => {
    const users = new Users({
      endedAt: (name) => Promise.resolve(name === '3:ann' ? 10_000 : undefined),
      failed: () => undefined,
    })
    let ended = 0
    const connection = { sinceMs, end: () => void ended++ }
    users.signedIn(SHOP, ANN, connection)
    const stranger = { sinceMs, end: () => void (ended += 10) }
    users.signedIn(SHOP, { ...ANN, id: 'ben' }, stranger)
    const gone = { sinceMs, end: () => void (ended += 100) }
    users.signedIn(SHOP, ANN, gone)
    users.signedOut(SHOP, ANN, gone)
    await Promise.resolve()
    await Promise.resolve()
    expect(ended).toBe(isEnded ? 1 : 0)
  },
)

it('who signs in while it cannot be asked stays, and it is said', async () => {
  const failures: string[] = []
  const users = new Users({
    endedAt: () => Promise.reject(new Error('away')),
    failed: (what) => void failures.push(what),
  })
  users.signedIn(SHOP, ANN, { sinceMs: 0, end: () => expect.fail('it is not known to be ended') })
  await Promise.resolve()
  await Promise.resolve()
  expect(failures).toEqual(['asking whether the connections of a user were ended'])
})
