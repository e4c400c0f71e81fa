import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import { settled, World, type WorldNode } from '../../support/session-world.ts'

/** What happens while a connection waits on its way in has a file of its own: waits.test.ts. */
let world: World
let node: WorldNode

beforeEach(() => {
  world = new World(['n1'])
  node = world.node('n1')
})
afterEach(async () => {
  await world.calls.release()
  expect(node.failures).toEqual([])
  await world.close()
})

const issuedAt = (seconds: number): number => world.identity(`ann * ${seconds}`).issuedAtMs as number

describe('the user of a token', () => {
  it.each([-1, 0])(
    'is nobody where the token has expired, whatever the tolerance for clocks: %i s',
    async (seconds) => {
      await expect(node.sessions.identify(`ann * -60 ${seconds}`)).rejects.toMatchObject({
        code: 'unauthorized',
        message: 'the token has expired (exp)',
      })
      expect(node.checked).toEqual(['unauthorized'])
    },
  )

  it.each(['ann * -60 0.001', 'ann * -60'])(
    'is known where it expires later, or never: %s',
    async (token) => {
      expect(await node.sessions.identify(token)).toMatchObject({ user: 'ann' })
      expect(node.checked).toEqual(['good'])
    },
  )

  it('is nobody without a token', async () => {
    await expect(node.sessions.identify(undefined)).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'a token is missing',
    })
    expect(node.checked).toEqual(['unauthorized'])
  })

  it('is nobody where the token is no good one', async () => {
    await expect(node.sessions.identify('')).rejects.toMatchObject({ code: 'unauthorized' })
    expect(node.checked).toEqual(['unauthorized'])
  })

  it('is not known where the keys cannot be had', async () => {
    world.calls.failing = (name) => name === 'verify'
    await expect(node.sessions.identify('ann')).rejects.toMatchObject({ code: 'unavailable' })
    expect(node.checked).toEqual(['unavailable'])
  })
})

describe('a token that was revoked', () => {
  const REVOKED = { code: 'unauthorized', message: 'the token has been revoked' }

  it('before, as the registry knows, opens no channel and leaves nothing behind', async () => {
    await world.registry.revoke('ann', issuedAt(0), 60_000)
    world.calls.held = (name) => name === 'head'
    const { connection, done } = node.connect('ann')
    expect(await done).toMatchObject(REVOKED)
    expect(world.calls.waiting).toEqual([])
    expect(node.checked).toEqual(['revoked'])
    expect(connection.frames).toEqual([])
    expect(node.sessions.count).toBe(0)
    await settled()
    expect(await world.registry.locate('ann')).toEqual([])
  })

  async function whileConnecting(token: string, ...revocations: [user: string, seconds: number][]) {
    world.calls.held = (name) => name === 'head'
    const { connection, done } = node.connect(token)
    await settled()
    for (const [user, seconds] of revocations) node.sessions.revoke(user, issuedAt(seconds))
    await world.calls.release()
    return { connection, done: await done }
  }

  it('while its connection is on its way in is refused, and what was opened is closed', async () => {
    const { connection, done } = await whileConnecting('ann', ['ann', 0])
    expect(done).toMatchObject(REVOKED)
    expect(connection.frames).toEqual([])
    expect(node.sessions.count).toBe(0)
    expect(node.hub.subscriptionCount).toBe(0)
    expect(await world.registry.locate('ann')).toEqual([])
  })

  it('stays so where an older revocation comes behind it', async () => {
    const { done } = await whileConnecting('ann * -60', ['ann', 0], ['ann', -90])
    expect(done).toMatchObject(REVOKED)
  })

  it('of somebody else, or an older one of the user, is none of this connection', async () => {
    const { connection, done } = await whileConnecting('ann * -60', ['ann', -90], ['bob', 0])
    expect(done).not.toBeInstanceOf(SluiceError)
    expect(connection.welcomed).toBe(true)
    expect(await world.registry.locate('ann')).toHaveLength(1)
  })
})
