import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Closing, SluiceError } from '../../../src/errors.ts'
import { inboxOf } from '../../../src/protocol/channel.ts'
import type { From } from '../../../src/protocol/position.ts'
import type { WelcomeFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import {
  settled,
  World,
  type FakeConnection,
  type WorldNode,
  type WorldOptions,
} from '../../support/session-world.ts'

/** What happens while a connection waits on its way in has a file of its own: waits.test.ts. */
let world: World
let node: WorldNode
let other: WorldNode

function begin(options: WorldOptions = {}): void {
  world = new World(['n1', 'n2'], options)
  ;[node, other] = [world.node('n1'), world.node('n2')]
}

beforeEach(() => begin())
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
      expect(node.counted).toEqual(['token unauthorized'])
    },
  )

  it.each(['ann * -60 0.001', 'ann * -60'])(
    'is known where it expires later, or never: %s',
    async (token) => {
      expect(await node.sessions.identify(token)).toMatchObject({ user: 'ann' })
      expect(node.counted).toEqual(['token good'])
    },
  )

  it('is nobody without a token', async () => {
    await expect(node.sessions.identify(undefined)).rejects.toMatchObject({
      code: 'unauthorized',
      message: 'a token is missing',
    })
    expect(node.counted).toEqual(['token unauthorized'])
  })

  it('is nobody where the token is no good one', async () => {
    await expect(node.sessions.identify('')).rejects.toMatchObject({ code: 'unauthorized' })
    expect(node.counted).toEqual(['token unauthorized'])
  })

  it('is not known where the keys cannot be had', async () => {
    world.calls.failing = (name) => name === 'verify'
    await expect(node.sessions.identify('ann')).rejects.toMatchObject({ code: 'unavailable' })
    expect(node.counted).toEqual(['token unavailable'])
  })
})

describe('a token that was revoked', () => {
  const REVOKED = { code: 'unauthorized', message: 'the token has been revoked' }

  it('before, as the registry knows, keeps no channel that was opened meanwhile and leaves nothing behind', async () => {
    await world.registry.revoke('ann', issuedAt(0), 60_000)
    world.calls.held = (name) => name === 'head'
    const { connection, done } = node.connect('ann')
    expect(await done).toMatchObject(REVOKED)
    expect(node.counted).toEqual(['token revoked'])
    expect(connection.frames).toEqual([])
    expect(node.sessions.count).toBe(0)
    await world.calls.release()
    expect(node.hub.subscriptionCount).toBe(0)
    expect(node.hub.local(inboxOf('ann'))).toBeUndefined()
    expect(world.registry.locate('ann')).toEqual([])
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
    expect(world.registry.locate('ann')).toEqual([])
  })

  it('stays so where an older revocation comes behind it', async () => {
    const { done } = await whileConnecting('ann * -60', ['ann', 0], ['ann', -90])
    expect(done).toMatchObject(REVOKED)
  })

  it('of somebody else, or an older one of the user, is none of this connection', async () => {
    const { connection, done } = await whileConnecting('ann * -60', ['ann', -90], ['bob', 0])
    expect(done).not.toBeInstanceOf(SluiceError)
    expect(connection.welcomed).toBe(true)
    expect(world.registry.locate('ann')).toHaveLength(1)
  })
})

const welcomeOf = ({ frames }: FakeConnection): WelcomeFrame =>
  frames.find(({ type }) => type === 'welcome') as WelcomeFrame
const channels = (...names: string[]): Map<string, From | undefined> =>
  new Map(names.map((name) => [name, undefined]))

describe('connecting', () => {
  it('asks for nothing on behalf of a client that has gone before', async () => {
    world.calls.held = () => true
    const { connection, done } = node.connect('ann')
    connection.cut()
    // Nothing is asked but what was asked before.
    const again = node.sessions.connect(connection, world.identity('ann'), {
      session: undefined,
      departure: undefined,
      channels: new Map(),
      partial: true,
    })
    expect(await again).toBeUndefined()
    expect(world.calls.waiting.map(({ name }) => name)).toEqual(['claim', 'head'])
    await world.calls.release()
    expect(await done).toBeUndefined()
  })

  it('is told to the log with what the client calls itself, without what would upset a terminal', async () => {
    await node.connected('ann', { client: 'shop-app/1.2\u001b[31m' })
    await node.connected('bob')
    expect(node.cameAs).toEqual([
      { resume: 'new', client: 'shop-app/1.2?[31m' },
      { resume: 'new', client: undefined },
    ])
  })

  it('tells what became of the session, and when the token expires', async () => {
    const first = await node.connected('ann * -60 90')
    expect(welcomeOf(first)).toMatchObject({ resumed: false, expiresAt: issuedAt(90) })
    const session = first.session?.id as string
    first.cut()
    await settled()
    const back = await node.connected('ann', { session })
    expect(welcomeOf(back)).toMatchObject({ resumed: true, session })
    expect(welcomeOf(back)).not.toHaveProperty('expiresAt')
    const unknown = session.replace(/^./, (letter) => (letter === 'x' ? 'y' : 'x'))
    const strange = await node.connected('ann', { session: unknown })
    expect(welcomeOf(strange)).toMatchObject({ resumed: false, session: unknown })
    expect(node.counted).toEqual(['connected new', 'connected resumed', 'connected unknown_session'])
  })

  it.each([
    ['none', 'malformed', 'bad_request', 'session is not one that this gateway gave; connect without it'],
    ["another user's", 'forbidden', 'forbidden', "the session is another user's; connect without it"],
  ])('refuses a session that is %s, and says so', async (what, why, code, message) => {
    const { session } = await node.connected('bob')
    const { done } = node.connect('ann', { session: what === 'none' ? 'none' : session?.id })
    expect(await done).toMatchObject({ why, code, message })
    expect(node.sessions.count).toBe(1)
  })

  it('takes the place of its older connection here, which is told so', async () => {
    const old = await node.connected('ann')
    const newer = await node.connected('ann', { session: old.session?.id })
    expect(old.ended).toMatchObject({ why: 'takenOver' })
    expect(newer.ended).toBeUndefined()
    expect(node.counted).toContain('taken over')
    expect(node.sessions.count).toBe(1)
    expect(node.sessions.get(newer.session?.id as string)).toBe(newer.session)
  })

  it('begins where each channel was left, and counts how that went', async () => {
    begin({ session: { subscriptionsMax: 3 } })
    const { epoch, offset } = await world.log.head('a')
    const from = new Map<string, From | undefined>([
      ['a', { epoch, offset }],
      ['b', { epoch: 'another', offset: 3 }],
      ['c', undefined],
    ])
    const connection = await node.connected('ann', { channels: from })
    expect(welcomeOf(connection).channels).toMatchObject({
      a: { epoch, offset, recovered: true },
      b: { epoch, recovered: false },
    })
    expect(node.counted).toEqual(['connected returned', 'channel recovered', 'channel reset'])
  })
})

describe('channels that a connection does not get', () => {
  it('are told of one by one where the others are enough, and take no place', async () => {
    begin({ session: { subscriptionsMax: 2 }, quotas: { subscriptions: 2 } })
    const connection = await node.connected('ann b,c,d', { channels: channels('a', 'b', 'c', 'd') })
    expect(welcomeOf(connection).channels).toMatchObject({
      a: { recovered: false, error: 'forbidden' },
      d: { recovered: false, error: 'limit_exceeded' },
    })
    const subscribed = [...(connection.session?.subscriptions() ?? [])]
    expect(subscribed.map(({ source, state }) => `${source.name} ${state}`)).toEqual([
      `${inboxOf('ann')} live`,
      'b live',
      'c live',
    ])
    expect(node.counted).toEqual(['limit subscriptions', 'connected new'])
  })

  it('refuse the whole connection where it wants all or nothing, and leave nothing behind', async () => {
    const { connection, done } = node.connect('ann b', { channels: channels('a', 'b'), partial: false })
    expect(await done).toMatchObject({ code: 'forbidden' })
    expect(connection.frames).toEqual([])
    await settled()
    expect(node.hub.subscriptionCount).toBe(0)
    expect(world.registry.locate('ann')).toEqual([])
  })

  it('count against the limit of a session only where they are beyond that', async () => {
    const limits = (): string[] => node.counted.filter((one) => one.startsWith('limit'))
    await node.connected('ann', { channels: channels('a', 'b') })
    await node.connected('ann b', { channels: channels('a', 'b') })
    for (const channelsMax of [1, 2]) {
      const request = { channels: channels('a', 'b', 'c'), channelsMax, partial: false }
      const { connection, done } = node.connect('ann', request)
      await done
      expect(connection.session?.subscriptionCount).toBe(1 + channelsMax)
    }
    expect(limits()).toEqual([])
    const wide = await node.connected('ann b,c,d', { channels: channels('a', 'b', 'c', 'd'), channelsMax: 3 })
    expect(wide.session?.subscriptionCount).toBe(3)
    expect(limits()).toEqual(['limit subscriptions'])
  })

  it('are no hindrance where the client leaves meanwhile', async () => {
    world.calls.held = (name) => name === 'head'
    const { connection, done } = node.connect('ann b', { channels: channels('a', 'b') })
    await settled()
    connection.cut()
    await world.calls.release()
    expect(await done).toBeUndefined()
    expect(node.hub.subscriptionCount).toBe(0)
  })
})

describe('the quota of connections', () => {
  it('is given back by who has gone, and by who did not come in', async () => {
    begin({ quotas: { connections: 1 } })
    const connection = await node.connected('ann')
    expect(await node.connect('ann').done).toMatchObject({ code: 'limit_exceeded' })
    connection.cut()
    world.calls.failing = (name) => name === 'claim'
    expect(await node.connect('ann').done).toMatchObject({ code: 'unavailable' })
    world.calls.failing = () => false
    expect((await node.connected('ann')).welcomed).toBe(true)
    expect(await node.connect('ann').done).toMatchObject({ code: 'limit_exceeded' })
  })
})

describe('what is decided about a user', () => {
  it('ends his connections and nobody else', async () => {
    const [ann, bob] = [await node.connected('ann'), await node.connected('bob')]
    node.sessions.revoke('ann', issuedAt(0))
    expect(ann.ended).toMatchObject({ why: 'unauthorized', message: 'the token has been revoked' })
    expect(bob.ended).toBeUndefined()
    node.sessions.endUpTo('ann', Infinity)
    expect(bob.ended).toBeUndefined()
    const claim = bob.session?.claim as number
    node.sessions.endUpTo('bob', claim - 1)
    expect(bob.ended).toBeUndefined()
    node.sessions.endUpTo('bob', claim)
    expect(bob.ended).toMatchObject({ why: 'forbidden' })
  })

  it('may be about one session, or about those to whom it applies', async () => {
    const [ann, bob] = [await node.connected('ann'), await node.connected('bob')]
    const closing = new Closing('goingAway', 'unavailable', 'the node is going away')
    expect(node.sessions.end('none', closing)).toBe(false)
    expect(node.sessions.endAll(closing, ({ user }) => user === 'ann')).toBe(1)
    expect([ann.ended, bob.ended]).toEqual([closing, undefined])
    expect(node.sessions.end(bob.session?.id as string, closing)).toBe(true)
    expect(bob.ended).toBe(closing)
  })
})

describe('a session that the registry gives to another node', () => {
  it.each([
    ['nobody has it', undefined, false],
    ['it has had it for ten seconds', 10_000, true],
    ['it has just claimed it', 9_999, false],
  ])('ends here where it may be connected there: %s', async (_what, forMs, ends) => {
    const connection = await node.connected('ann')
    world.registry.keep = () => Promise.resolve(forMs === undefined ? undefined : { node: 'n2', forMs })
    await node.sessions.reclaim(connection.session?.id as string)
    expect(connection.closed).toBe(ends)
    if (ends) expect(connection.ended).toMatchObject({ why: 'takenOver' })
  })

  it('is asked for again when the other should be connected', async () => {
    const connection = await node.connected('ann')
    let asked = 0
    world.registry.keep = () => Promise.resolve({ node: 'n2', forMs: ++asked === 1 ? 4_000 : 10_000 })
    const { timers } = world.clock
    node.sessions.heldElsewhere('none', { node: 'n2', forMs: 4_000 })
    expect(world.clock.timers).toBe(timers)
    await node.sessions.reclaim(connection.session?.id as string)
    world.clock.pass(5_999)
    await settled()
    expect([asked, connection.closed]).toEqual([1, false])
    world.clock.pass(1)
    await settled()
    expect([asked, connection.closed]).toEqual([2, true])
  })

  it('is asked for once its connection serves, where that was on its way when another node gave it up', async () => {
    const before = await node.connected('ann')
    const session = before.session?.id as string
    before.cut()
    world.calls.held = (name) => name === 'head' || name === 'last'
    const { connection } = node.connect('ann', { session })
    await settled()
    let asked = 0
    world.registry.keep = () => Promise.resolve(void asked++)
    await node.sessions.reclaim(session)
    expect([asked, connection.welcomed]).toEqual([0, false])
    await world.calls.release()
    await settled()
    expect([asked, connection.welcomed]).toEqual([1, true])
  })

  it('goes on here where nobody has it, however long that is looked after', async () => {
    const connection = await node.connected('ann')
    let asked = 0
    world.registry.keep = () => Promise.resolve(void asked++)
    const { timers } = world.clock
    await node.sessions.reclaim(connection.session?.id as string)
    expect(world.clock.timers).toBe(timers)
    world.clock.pass(60_000)
    await settled()
    expect([asked, connection.closed]).toEqual([1, false])
  })

  it('stays where the registry does not answer, or it is not here any more', async () => {
    const connection = await node.connected('ann')
    world.calls.failing = (name) => name === 'keep'
    await node.sessions.reclaim(connection.session?.id as string)
    await node.sessions.reclaim('none')
    node.sessions.heldElsewhere('none', { node: 'n2', forMs: Infinity })
    expect(connection.closed).toBe(false)
    expect(node.failures.splice(0)).toMatchObject([
      { message: 'entering a session again', cause: { code: 'unavailable' } },
    ])
  })
})

describe('a client that was on another node', () => {
  it.each([
    ['all its channels go on', 'ann', [{ last: 1 }, undefined], true],
    ['one begins anew', 'ann', [{ last: 1 }, { epoch: 'another', offset: 1 }], false],
    ['one is not allowed any more', 'ann c1', [{ last: 1 }, undefined], false],
  ] as [string, string, (From | undefined)[], boolean][])(
    'is told of there, and whether it has missed nothing: %s',
    async (_what, token, from, recovered) => {
      const first = await other.connected('ann')
      const session = first.session?.id as string
      first.cut()
      await settled()
      await node.connected(token, { session, channels: new Map(from.map((at, n) => [`c${n}`, at])) })
      await settled()
      expect(other.takenOver).toMatchObject([{ session, recovered }])
    },
  )
})

describe('a session that is live on a channel', () => {
  it('is found by its id, with the connection that is to be skipped', async () => {
    const ann = await node.connected('ann', { channels: new Map([['a', undefined]]) })
    const id = ann.session?.id as string
    expect(node.sessions.liveOn('a', id)).toBe(ann)
    expect(node.sessions.liveOn('@ann', id)).toBe(ann)
    // An inbox may be another user’s.
    for (const channel of ['b', '@bob']) expect(node.sessions.liveOn(channel, id)).toBeUndefined()
    expect(node.sessions.liveOn('a', 'nobody')).toBeUndefined()
    for (const one of ann.session?.subscriptions() ?? []) if (one.source.name === 'a') one.close()
    expect(node.sessions.liveOn('a', id)).toBeUndefined()
  })
})

it('who is refused for a token that was good once is told that a fresh one helps', async () => {
  await expect(node.sessions.identify('ann * -60 -1')).rejects.toMatchObject({ freshTokenHelps: true })
  await world.registry.revoke('ann', issuedAt(0), 1e9)
  expect(await node.connect('ann').done).toMatchObject({ code: 'unauthorized', freshTokenHelps: true })
})
