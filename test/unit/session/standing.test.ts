import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OrderWatch } from '../../../src/session/orders.ts'
import { publicIdOf } from '../../../src/session/session-id.ts'
import {
  settled,
  twoNodes,
  type World,
  type FakeConnection,
  type WorldNode,
} from '../../support/session-world.ts'

/** A backend puts users on channels, and takes them off. */

let world: World
let node: WorldNode
let other: WorldNode

beforeEach(() => ({ world, node, other } = twoNodes()))
afterEach(async () => {
  expect(await world.released()).toEqual([])
  await world.close()
})

const wish = (channels: string[], session?: string): { channels: string[]; session: string | undefined } => ({
  channels,
  session,
})

/** What it was told beside the answers to what it has asked. */
const told = ({ frames }: FakeConnection): object[] =>
  frames.filter((frame) => frame.type !== 'welcome' && !('ref' in frame))

const channelsOf = ({ session }: FakeConnection): string[] =>
  [...(session?.subscriptions() ?? [])].map(({ source }) => source.name).slice(1)

const putOn = { type: 'subscribed', channel: 'news', recovered: false, byBackend: true }
const takenOff = { type: 'unsubscribed', channel: 'news', byBackend: true }

/** From one node, heard by all. */
async function stand(on: boolean, user: string, ...asked: Parameters<typeof wish>): Promise<object> {
  const answer = on
    ? await node.users.putOn(user, wish(...asked))
    : await node.users.takeOff(user, wish(...asked))
  await settled()
  return answer
}

describe('a user who is put on a channel', () => {
  it('until a moment is taken off then, and whoever comes later was never put on', async () => {
    const here = await node.connected('ann own')
    const untilMs = world.clock.now() + 5000
    await node.users.putOn('ann', wish(['news']), { untilMs })
    await settled()
    expect(channelsOf(here)).toEqual(['news'])
    expect(channelsOf(await other.connected('ann own'))).toEqual([])
    world.clock.pass(5000)
    await settled()
    expect(told(here)).toMatchObject([putOn, takenOff])
    expect(channelsOf(here)).toEqual([])
  })

  it('is on it with every session, on whatever node and whatever the token says, and is told', async () => {
    const here = await node.connected('ann own')
    const there = await other.connected('ann own')
    const bob = await other.connected('bob own')
    expect(await stand(true, 'ann', ['news'])).toEqual({ sessions: 2 })
    expect([here, there, bob].map(told)).toEqual([
      [expect.objectContaining(putOn)],
      [expect.objectContaining(putOn)],
      [],
    ])
    expect([here, there, bob].map(channelsOf)).toEqual([['news'], ['news'], []])
  })

  it('gets what is published once the backend has its answer, although his node hears of it later', async () => {
    const ann = await node.connected('ann own')
    world.posting = 'when told'
    await node.users.putOn('ann', wish(['news']))
    const message = { data: Buffer.from('1'), binary: false, id: undefined, time: 1 }
    await world.log.append('news', message, { max: 10, ttlMs: 1e9, idempotencyMs: 1 } as never)
    for (const { to, payload } of world.mail.splice(0)) world.node(to).hear(payload)
    await settled()
    await settled()
    expect(told(ann)).toMatchObject([{ ...putOn, offset: 0 }])
    expect(ann.session?.subscriptionOf('news')?.position).toMatchObject({ offset: 1 })
  })

  it('is told nothing where he is on it already, and stays on it when a fresh token does not allow it', async () => {
    const ann = await node.connected('ann news', { channels: new Map([['news', undefined]]) })
    await stand(true, 'ann', ['news'])
    ann.said({ type: 'auth', ref: 1, token: 'ann other 5' })
    await settled()
    expect(told(ann)).toEqual([])
    expect(channelsOf(ann)).toEqual(['news'])
  })

  it('is on it with sessions that come later, which are told in their welcome', async () => {
    await stand(true, 'ann', ['news'])
    const ann = await other.connected('ann own')
    expect(ann.frames[0]).toMatchObject({ type: 'welcome', channels: { news: { byBackend: true } } })
    expect(channelsOf(ann)).toEqual(['news'])
  })

  it('goes on at his place where a session comes to another node', async () => {
    const before = await node.connected('ann own')
    await stand(true, 'ann', ['news'])
    const at = before.session?.subscriptionOf('news')?.position
    const message = { data: Buffer.from('1'), binary: false, id: undefined, time: 1 }
    await world.log.append('news', message, { max: 10, ttlMs: 1e9, idempotencyMs: 1 } as never)
    const after = await other.connected('ann own', {
      session: before.session?.id as string,
      channels: new Map([['news', at]]),
    })
    expect(after.frames[0]).toMatchObject({ channels: { news: { ...at, recovered: true, byBackend: true } } })
  })

  it('goes on where a cursor says that has no names', async () => {
    await stand(true, 'ann', ['news'])
    const at = { epoch: 'gone', offset: 4 }
    const ann = await node.connected('ann own', { placeOf: (name) => (name === 'news' ? at : undefined) })
    expect(ann.frames[0]).toMatchObject({ channels: { news: { recovered: false, byBackend: true } } })
    expect(node.counted).toContain('channel reset')
  })

  it('is on it beyond the limit of what he may ask for', async () => {
    const channels = new Map(['a', 'b'].map((name) => [name, undefined]))
    const ann = await node.connected('ann *', { channels })
    await stand(true, 'ann', ['news'])
    expect(channelsOf(ann)).toEqual(['a', 'b', 'news'])
    const again = await node.connected('ann *', { channels })
    expect(channelsOf(again).toSorted()).toEqual(['a', 'b', 'news'])
  })

  it('is on it although he was on his way in', async () => {
    world.calls.held = (name) => name === 'head'
    const { connection, done } = node.connect('ann own')
    await settled()
    world.calls.held = (name) => name === 'head'
    await stand(true, 'ann', ['news'])
    await world.calls.release()
    await done
    await settled()
    expect(channelsOf(connection)).toEqual(['news'])
  })
})

describe('one session that is put on a channel', () => {
  it.each([
    ['by its id', (id: string) => id],
    ['by its public name', publicIdOf],
  ])('is on it alone, also when it comes again (%s)', async (_, nameOf) => {
    const [one, two] = [await node.connected('ann own'), await node.connected('ann own')]
    const id = one.session?.id as string
    expect(await stand(true, 'ann', ['news'], nameOf(id))).toEqual({ sessions: 1 })
    expect([one, two].map(channelsOf)).toEqual([['news'], []])
    const again = await other.connected('ann own', { session: id })
    expect(channelsOf(again)).toEqual(['news'])
    await stand(false, 'ann', ['news'])
    expect(channelsOf(again)).toEqual([])
  })
})

describe('a user who is taken off a channel', () => {
  it('is told, and is not put on it again by coming back', async () => {
    await stand(true, 'ann', ['news'])
    const ann = await other.connected('ann own')
    await stand(false, 'ann', ['news'])
    expect(told(ann)).toEqual([takenOff])
    expect(channelsOf(ann)).toEqual([])
    ann.said({ type: 'subscribe', ref: 1, channel: 'news' })
    await settled()
    expect(ann.frames.at(-1)).toMatchObject({ type: 'error', code: 'forbidden' })
    expect(channelsOf(await node.connected('ann own'))).toEqual([])
  })

  it('loses a subscription of his own, and may subscribe again where his token allows it', async () => {
    const ann = await node.connected('ann news', { channels: new Map([['news', undefined]]) })
    await stand(false, 'ann', ['news'])
    expect(told(ann)).toEqual([takenOff])
    ann.said({ type: 'subscribe', ref: 1, channel: 'news' })
    await settled()
    expect(channelsOf(ann)).toEqual(['news'])
  })
})

it('no more than a hundred channels stand for a user', async () => {
  const many = Array.from({ length: 100 }, (_, index) => `c${index}`)
  await stand(true, 'ann', many)
  await expect(stand(true, 'ann', ['one-more'])).rejects.toMatchObject({ code: 'limit_exceeded' })
  await expect(stand(true, 'ann', ['c7'])).resolves.toEqual({ sessions: 0 })
})

it('a node that was not told finds it in the registry', async () => {
  const ann = await node.connected('ann own')
  const watch = new OrderWatch({
    registry: world.registry,
    sessions: node.sessions,
    clock: world.clock,
    hears: () => true,
    failed: (_what, error) => void node.failures.push(error),
  })
  await world.registry.putOn('ann', wish(['news', 'sport']))
  await watch.look()
  await settled()
  expect(channelsOf(ann)).toEqual(['news', 'sport'])
  await world.registry.takeOff('ann', wish(['news']))
  await watch.look()
  await settled()
  expect(channelsOf(ann)).toEqual(['sport'])
  watch.close()
})
