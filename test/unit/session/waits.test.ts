import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClientFrame, ServerFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { settled, twoNodes, World, type FakeConnection, type WorldNode } from '../../support/session-world.ts'

/**
 * Every place in the session room that waits, and what may have changed when the wait is over. What was true before a wait is
 * asked again after it; the tests below hold each of these back, change something, and let it go on.
 */
const WAITS: Readonly<Record<string, string>> = {
  'client-publish.ts: const published = await publishing':
    'nothing is done after it but to answer; the check and the publish are one step',
  'finding.ts: return opened instanceof Promise ? opened.then(placed, failed) : placed(opened)':
    'no session yet: `connect` looks at the connection, at revocations, at the expiry and at newer connections after it',
  'session.ts: const opened = await openChannel(this.ports, this.user, name, from, this.connection, isStanding)':
    'the connection may have gone, the token may be narrower, the channel left or taken, the limit reached',
  'reading.ts: const users = await ports.presence.members(channel)':
    'the connection may have gone, the token may be narrower',
  'reading.ts: const page = await pageOf(channel, wanted, log)': 'as for the members',
  'history.ts: const range = await readFrom(log, before, after, wanted)': 'whoever calls looks again',
  'authenticating.ts: const identity = await tokens.verify(token)': 'the connection may have gone',
  'authenticating.ts: const answered = await registry.revoked(user)':
    'the connection may have gone, the token may have been revoked',
  'credentials.ts: const identity = await this.identify(token, nobody)':
    'nothing of a connection: what it says is asked of the registry next',
  'credentials.ts: this.checkRevoked(identity, await this.#ports.registry.revoked(identity.user))':
    'nothing of a connection: whoever asked for it looks at his own',
  'credentials.ts: return this.#good(await verified)': 'the token may have expired; nobody is connected yet',
  'claims.ts: ? claiming.then((claimed) => this.#noted(attempt, claimed))': 'as what finding.ts waits for',
  'sessions.ts: const claimed = claiming instanceof Promise ? await claiming : claiming':
    'as what finding.ts waits for',
  'sessions.ts: const identity = asked === undefined ? ofToken : withGranting(ofToken, await asked)':
    'nothing is claimed yet: the connection may have gone, and what is decided of the user is seen by the claim',
  'start-position.ts: return asked === undefined ? open() : asked.then(open)': 'whoever calls looks again',
  'sessions.ts: findings = [...(finding instanceof Promise ? await finding : finding), ...refused]':
    'as what finding.ts waits for',
  'sessions.ts: const elsewhere = await ports.registry.keep(session.user, id, ports.nodeId)':
    'another connection may have the session here: it is looked up again',
  'claims.ts: registry.release(user, session, nodeId).then(':
    'the node that is told asks the registry itself who has the session',
  'start-position.ts: return acks.acked(user, channel).then((acked) => hub.open(channel, acked ?? { last: max }, subscriber))':
    'whoever calls looks again',
  'users.ts: const places = await registry.locate(user)': 'the number is of then',
  'orders.ts: const orders = await this.#ports.registry.orders(this.#sinceMs)':
    'each session is compared as it is then, by its token and its claim',
  'orders.ts: await this.#compare(orders)': 'as above',
  'orders.ts: if (!orders.complete) await this.#askForAll()': 'as above',
  'orders.ts: if (++compared % SLICE === 0) await this.#pause(0)':
    'the sessions are looked through as they are meanwhile; the node may be closing',
  'orders.ts: const beforeMs = await registry.revoked(user)': 'the session is looked up again',
  'orders.ts: const standing = await registry.standing(user)': 'as above',
  'orders.ts: await this.#inBatches(toReconcile, (one) => this.#reconcile(one))': 'as above',
  'orders.ts: await Promise.all(batch)': 'as above',
  'orders.ts: await this.#pause(ASK_PAUSE_MS)': 'as above',
  'session.ts: await authenticate(token, this.user, fresh, this.#context)':
    'nothing is done after it but to answer, with what is true then',
  'session.ts: await this.putOn(channel, from, tell, { said: info })':
    'nothing is done after it; what comes next for the channel waits for its turn',
  'users.ts: const from = { ...(on ? await this.#headsOf(wish.channels) : {}), ...begins }':
    'what comes later is behind it',
  'users.ts: const heads = await Promise.all(channels.map((channel) => this.#ports.headOf(channel)))':
    'as above',
  'users.ts: const places = (await registry.locate(user)).filter(':
    'who has come since is not meant, and who has gone is not there to be told',
  'users.ts: else if (terms.untilMs === undefined) await registry.putOn(user, wish)': 'as the next one',
  'users.ts: if (!on) await registry.takeOff(user, wish)':
    'whoever claims from here on finds it in the registry; the others are told',
  'users.ts: const places = (await registry.locate(user)).filter(({ session }) => concerns(wish.session, session))':
    'who has come since has found it in the registry, and who has gone is on nothing',
  'users.ts: const claim = await registry.disconnect(user, rememberedMs)':
    'it names the claims that are meant',
  'users.ts: await registry.revoke(user, beforeMs, rememberedMs)':
    'whoever comes from here on finds it in the registry; the others are told',
}

// What mutation testing runs is written differently.
it.skipIf(process.env['MUTATED'] !== undefined)('the table names every wait of the session room', () => {
  const room = new URL('../../../src/session/', import.meta.url)
  const waits = readdirSync(room).flatMap((file) =>
    readFileSync(new URL(file, room), 'utf8')
      .split('\n')
      .filter((line) => /\bawait\b|\.then\(|Promise\.(all|race|any)/.test(line) && !/^\s*(\*|\/)/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  )
  expect([...new Set(waits)].toSorted()).toEqual(Object.keys(WAITS).toSorted())
})

let world: World
let node: WorldNode
let other: WorldNode

beforeEach(() => ({ world, node, other } = twoNodes()))
afterEach(async () => {
  expect(await world.released()).toEqual([])
  // Nothing is left behind of anybody who is not connected.
  for (const one of world.nodes.values())
    for (const session of one.sessions.all()) session.connection.end(end())
  await settled()
  for (const one of world.nodes.values()) {
    expect(one.present).toEqual([])
    expect(one.hub.subscriptionCount).toBe(0)
  }
  for (const user of ['ann', 'bob']) expect(world.registry.locate(user)).toEqual([])
  await world.close()
})

const end = (): never => ({ code: 'unavailable', message: 'the test is over' }) as never

function say(connection: FakeConnection, frame: ClientFrame): void {
  connection.said(frame)
}

const typesOf = ({ frames }: FakeConnection): string[] => frames.map(({ type }) => type)

const replyTo = ({ frames }: FakeConnection, ref: number): ServerFrame | undefined =>
  frames.find((frame) => 'ref' in frame && frame.ref === ref)

const subscribe = (channel: string, ref = 1): ClientFrame => ({ type: 'subscribe', ref, channel })

/** What a client asks for and what it waits for then. */
const REQUESTS = [
  { frame: subscribe('a'), holds: ['head', 'subscribe a'] },
  { frame: { ...subscribe('a'), from: { last: 1 } } as ClientFrame, holds: ['last', 'subscribe a'] },
  { frame: { type: 'presence', ref: 1, channel: 'a' } as ClientFrame, holds: ['members'] },
  { frame: { type: 'history', ref: 1, channel: 'a' } as ClientFrame, holds: ['page'] },
  { frame: { type: 'auth', ref: 1, token: 'ann a,b 5' } as ClientFrame, holds: ['verify', 'revoked'] },
] as const
const CASES = REQUESTS.flatMap(({ frame, holds }) =>
  holds.map((held) => ({ frame, held, name: `${frame.type} while ${held} takes its time` })),
)

async function underWay(held: string, frame: ClientFrame, token = 'ann a,b'): Promise<FakeConnection> {
  const connection = await node.connected(token)
  world.calls.held = (name) => name === held
  say(connection, frame)
  await settled()
  expect(world.calls.waiting.map(({ name }) => name)).toEqual([held])
  world.calls.carryOut(held)
  return connection
}

describe.each(CASES)('$name', ({ frame, held }) => {
  it('nothing is said to a connection that has gone, and nothing of it stays', async () => {
    const connection = await underWay(held, frame)
    connection.cut()
    const before = connection.frames.length
    await world.calls.release()
    expect(connection.frames.length).toBe(before)
    expect(node.hub.subscriptionCount).toBe(0)
  })

  it('a revocation ends it', async () => {
    const connection = await underWay(held, frame)
    node.users.revoke('ann', world.identity('ann * 0').issuedAtMs as number)
    await world.calls.release()
    expect(connection.ended).toMatchObject({ code: 'unauthorized' })
    expect(node.hub.subscriptionCount).toBe(0)
  })

  it('a newer connection elsewhere ends it', async () => {
    const connection = await underWay(held, frame)
    world.calls.held = () => false
    await other.connected('ann', { session: connection.session?.id })
    await settled()
    await world.calls.release()
    expect(connection.ended).toMatchObject({ message: expect.stringContaining('newer connection') })
    expect(node.hub.subscriptionCount).toBe(0)
  })
})

describe.each(CASES.filter(({ frame }) => frame.type !== 'auth'))('$name', ({ frame, held }) => {
  it('a narrower token refuses it', async () => {
    const connection = await underWay(held, frame)
    say(connection, { type: 'auth', ref: 2, token: 'ann b' })
    await settled()
    expect(replyTo(connection, 2)).toMatchObject({ type: 'authenticated' })
    await world.calls.release()
    expect(replyTo(connection, 1)).toMatchObject({ type: 'error', code: 'forbidden' })
    expect(connection.session?.subscriptionCount).toBe(1)
  })

  it('a token that is as wide lets it go on', async () => {
    const connection = await underWay(held, frame)
    say(connection, { type: 'auth', ref: 2, token: 'ann a' })
    await world.calls.release()
    expect(replyTo(connection, 1)).toMatchObject({
      type: frame.type === 'presence' || frame.type === 'history' ? frame.type : 'subscribed',
    })
  })
})

describe('subscribing', () => {
  it('again from elsewhere is refused where the token has become narrower, and the old subscription has ended', async () => {
    const connection = await node.connected('ann a,b')
    say(connection, subscribe('a', 1))
    await settled()
    world.calls.held = (name) => name === 'last'
    say(connection, { ...subscribe('a', 2), from: { last: 5 } } as ClientFrame)
    await settled()
    say(connection, { type: 'auth', ref: 3, token: 'ann b' })
    await world.calls.release()
    expect(typesOf(connection)).toEqual(['welcome', 'subscribed', 'unsubscribed', 'authenticated', 'error'])
    expect(connection.session?.subscriptionCount).toBe(1)
    expect(node.present).toEqual([])
  })

  it('counts those that are on their way too', async () => {
    const connection = await node.connected('ann')
    world.calls.held = (name) => name === 'head'
    for (const [ref, channel] of ['a', 'b', 'c', 'd'].entries()) say(connection, subscribe(channel, ref + 1))
    await world.calls.release()
    expect(connection.session?.subscriptionCount).toBe(3)
    expect(connection.frames.filter(({ type }) => type === 'error')).toMatchObject([
      { code: 'limit_exceeded' },
      { code: 'limit_exceeded' },
    ])
  })

  it('is followed by the unsubscribe that was sent behind it', async () => {
    const connection = await underWay('head', subscribe('a'))
    say(connection, { type: 'unsubscribe', ref: 2, channel: 'a' })
    await world.calls.release()
    expect(typesOf(connection)).toEqual(['welcome', 'subscribed', 'unsubscribed'])
    expect(connection.session?.subscriptionCount).toBe(1)
  })

  it('leaves nothing behind where its own reply ends the connection', async () => {
    const connection = await underWay('head', subscribe('a'))
    connection.onFrame = ({ type }) => {
      if (type === 'subscribed') connection.cut()
    }
    await world.calls.release()
    expect(node.present).toEqual([])
    expect(node.hub.subscriptionCount).toBe(0)
  })

  it('that waits for another request is not carried out once the connection has gone', async () => {
    const connection = await underWay('head', subscribe('a'))
    say(connection, subscribe('a', 2))
    connection.cut()
    world.calls.held = (name) => name === 'head' || name === 'last'
    await world.calls.release()
    expect(typesOf(connection)).toEqual(['welcome'])
  })
})

describe('what ends several subscriptions', () => {
  it('ends each once, where the first word of it ends the connection', async () => {
    const connection = await node.connected('ann a,b')
    for (const [ref, channel] of ['a', 'b'].entries()) say(connection, subscribe(channel, ref + 1))
    await settled()
    connection.onFrame = ({ type }) => {
      if (type === 'unsubscribed') connection.cut()
    }
    say(connection, { type: 'auth', ref: 9, token: 'ann none' })
    await settled()
    expect(node.present).toEqual([])
  })
})

describe('tokens that follow one another', () => {
  it('count in the order in which they were sent, whichever was checked first', async () => {
    const connection = await node.connected('ann a,b')
    world.calls.held = (name) => name === 'verify'
    say(connection, { type: 'auth', ref: 1, token: 'ann a,b' })
    say(connection, { type: 'auth', ref: 2, token: 'ann b' })
    await settled()
    // The later one is answered first, where both are asked at once.
    for (const call of world.calls.waiting.toReversed()) for (const step of [1, 2]) if (step > 0) call.step()
    await settled()
    await world.calls.release()
    expect(typesOf(connection)).toEqual(['welcome', 'authenticated', 'authenticated'])
    say(connection, subscribe('a', 3))
    await settled()
    expect(replyTo(connection, 3)).toMatchObject({ code: 'forbidden' })
  })

  it('that were revoked after the registry was asked are refused, however new the one before is', async () => {
    const connection = await underWay('revoked', { type: 'auth', ref: 1, token: 'ann a -30' }, 'ann a 100')
    node.users.revoke('ann', world.identity('ann * 0').issuedAtMs as number)
    await world.calls.release()
    expect(connection.ended).toBeUndefined()
    expect(replyTo(connection, 1)).toMatchObject({ type: 'error', code: 'unauthorized' })
  })

  it('do not take a session back that is connected elsewhere', async () => {
    const connection = await underWay('verify', { type: 'auth', ref: 1, token: 'ann a' })
    world.posting = 'when told'
    await other.connected('ann', { session: connection.session?.id })
    await world.calls.release()
    expect(world.registry.locate('ann')).toEqual([{ session: connection.session?.id, node: 'n2' }])
    for (const { to, payload } of world.mail) world.node(to).hear(payload)
    expect(connection.ended).toBeDefined()
  })
})

describe.each(['publish', 'forward'] as const)('a publish by %s', (held) => {
  beforeEach(() => {
    world = new World(['n1', 'n2'], {
      policy: { clientPublish: held === 'publish' ? 'fanout' : 'forward' },
    })
    ;[node, other] = [world.node('n1'), world.node('n2')]
  })
  const frame = { type: 'publish', ref: 1, channel: 'a', payload: { data: Buffer.from('1'), binary: false } }

  it('is checked and handed on in one step: what comes later does not undo it, and its answer is true', async () => {
    const connection = await node.connected('ann a')
    world.calls.held = (name) => name === held
    say(connection, frame as never)
    expect(world.calls.waiting.length).toBe(1)
    say(connection, { type: 'auth', ref: 2, token: 'ann b' })
    await settled()
    expect(replyTo(connection, 2)).toMatchObject({ type: 'authenticated' })
    say(connection, { ...frame, ref: 3 } as never)
    await settled()
    expect(replyTo(connection, 3)).toMatchObject({ code: 'forbidden' })
    await world.calls.release()
    expect(replyTo(connection, 1)).toMatchObject({ type: 'published', offset: 1 })
  })

  it('of a connection that has gone is not carried out', async () => {
    const connection = await node.connected('ann a')
    connection.cut()
    world.calls.held = (name) => name === held
    say(connection, frame as never)
    expect(world.calls.waiting).toEqual([])
  })
})

describe.each(['claim', 'head', 'subscribe a'])('connecting while %s takes its time', (held) => {
  const channels = new Map([['a', undefined]])

  beforeEach(() => {
    world = new World(['n1', 'n2'], { session: { sessionsPerUserMax: 5 } })
    ;[node, other] = [world.node('n1'), world.node('n2')]
  })

  async function onTheWay(token: string, session?: string) {
    world.calls.held = (name) => name === held
    const attempt = node.connect(token, { session, channels })
    await settled()
    expect(world.calls.waiting.some(({ name }) => name === held)).toBe(true)
    world.calls.carryOut(held)
    return attempt
  }

  it('a client that leaves is forgotten', async () => {
    const { connection } = await onTheWay('ann')
    connection.cut()
    await world.calls.release()
    expect(connection.frames).toEqual([])
    expect(node.sessions.count).toBe(0)
  })

  it('a revocation refuses it', async () => {
    const { connection, done } = await onTheWay('ann')
    node.users.revoke('ann', world.identity('ann * 0').issuedAtMs as number)
    await world.calls.release()
    expect(await done).toMatchObject({ code: 'unauthorized' })
    expect(connection.welcomed).toBe(false)
  })

  it('an operator who ends the connections of the user refuses it, and nobody who comes after', async () => {
    const { connection, done } = await onTheWay('ann')
    const claim = await world.registry.disconnect('ann', 1000)
    node.users.disconnect('ann', claim)
    await world.calls.release()
    expect(await done).toMatchObject({ message: expect.stringContaining('operator') })
    expect(connection.welcomed).toBe(false)
    world.clock.pass(2)
    const later = await node.connected('ann')
    node.users.disconnect('ann', claim)
    expect(later.closed).toBe(false)
  })

  it('a token that expires meanwhile is refused', async () => {
    const { connection, done } = await onTheWay('ann * 0 10')
    world.clock.pass(11_000)
    await world.calls.release()
    expect(await done).toMatchObject({ code: 'unauthorized' })
    expect(connection.welcomed).toBe(false)
  })

  it('a newer connection on the same node keeps the session, and the older ends', async () => {
    const first = await node.connected('ann')
    const session = first.session?.id
    first.cut()
    await settled()
    const { connection, done } = await onTheWay('ann', session)
    world.calls.held = () => false
    // Both may wait for the same channel.
    const { connection: newer } = node.connect('ann', { session })
    await settled()
    await world.calls.release()
    expect(await done).toMatchObject({ message: expect.stringContaining('newer connection') })
    expect([connection.welcomed, newer.closed]).toEqual([false, false])
    expect(world.registry.locate('ann')).toEqual([{ session, node: 'n1' }])
  })

  it('a newer connection on another node keeps the session, and the older ends', async () => {
    const first = await node.connected('ann')
    const session = first.session?.id
    first.cut()
    await settled()
    const { connection, done } = await onTheWay('ann', session)
    world.calls.held = () => false
    const newer = await other.connected('ann', { session })
    await world.calls.release()
    expect(await done).toMatchObject({ message: expect.stringContaining('newer connection') })
    expect([connection.welcomed, newer.closed]).toEqual([false, false])
    expect(world.registry.locate('ann')).toEqual([{ session, node: 'n2' }])
  })

  it('the old connection may leave, and the session stays with the new one', async () => {
    const old = await node.connected('ann')
    const { connection } = await onTheWay('ann', old.session?.id)
    old.cut()
    await world.calls.release()
    expect(connection.welcomed).toBe(true)
    expect(world.registry.locate('ann')).toEqual([{ session: old.session?.id, node: 'n1' }])
  })

  it('where it fails, the node that has the old connection has the session again', async () => {
    const old = await other.connected('ann')
    const session = old.session?.id
    const { connection } = await onTheWay('ann', session)
    connection.cut()
    await world.calls.release()
    expect(old.closed).toBe(false)
    expect(world.registry.locate('ann')).toEqual([{ session, node: 'n2' }])
  })
})
