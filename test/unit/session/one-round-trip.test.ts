import { afterEach, describe, expect, it } from 'vitest'
import { inboxOf, INBOX } from '../../../src/protocol/channel.ts'
import type { From } from '../../../src/protocol/position.ts'
import { NO_HOOKS } from '../../support/no-hooks.ts'
import { settled, World, type WorldNode, type WorldOptions } from '../../support/session-world.ts'

/**
 * A store that is elsewhere is waited for once in a connect, however many channels it names: what does not depend on the claim is asked
 * with it. The two sides of it: nothing is asked too early, and nothing stays of what was asked for nothing.
 */
let world: World
let node: WorldNode

function begin(options: WorldOptions = {}): void {
  world = new World(['n1'], { session: { subscriptionsMax: 10 }, ...options })
  node = world.node('n1')
}

afterEach(async () => {
  expect(await world.released()).toEqual([])
  await world.close()
})

const channels = (...names: string[]): Map<string, From | undefined> =>
  new Map(names.map((name) => [name, undefined]))
const asked = (): string[] => world.calls.waiting.map(({ name }) => name)

/** Answers all that is asked at this moment. */
async function answerAll(): Promise<void> {
  const calls = [...world.calls.waiting]
  for (const call of calls) {
    call.step()
    call.step()
  }
  await settled()
}

async function connecting(wanted: ReadonlyMap<string, From | undefined>, token = 'ann') {
  world.calls.held = (name) => name === 'claim' || name === 'head'
  const { connection, done } = node.connect(token, { channels: wanted })
  await settled()
  return { connection, done }
}

describe('a connect', () => {
  it.each([0, 1, 7])(
    'asks for its claim and the heads of all channels at once: %i beside the inbox',
    async (n) => {
      begin()
      const names = Array.from({ length: n }, (_, i) => `c${i}`)
      const { connection, done } = await connecting(channels(...names))
      expect(asked().toSorted()).toEqual(['claim', 'head', ...names.map(() => 'head')])
      await answerAll()
      await done
      expect(connection.welcomed).toBe(true)
      expect([...(connection.session?.subscriptions() ?? [])].map(({ live }) => live)).toEqual(
        Array.from({ length: n + 1 }, () => true),
      )
    },
  )

  it('asks for its claim first, since a publisher appends first and looks the user up then', async () => {
    begin()
    await connecting(channels())
    expect(asked()).toEqual(['claim', 'head'])
  })

  it('asks again for what has failed before it was claimed, as whoever comes then does', async () => {
    begin()
    world.calls.held = (name) => name === 'claim' || name === 'head'
    const { connection, done } = node.connect('ann', { channels: channels() })
    await settled()
    world.calls.failing = (name) => name === 'head'
    world.calls.carryOut('head')
    world.calls.failing = () => false
    await answerAll()
    expect(asked()).toEqual(['head'])
    await answerAll()
    await done
    expect(connection.welcomed).toBe(true)
  })

  it('lets go of all that was opened where the claim fails, also of what is there only later', async () => {
    begin()
    world.calls.failing = (name) => name === 'claim'
    const { done } = await connecting(channels('a', 'b'))
    await answerAll()
    expect(await done).toMatchObject({ code: 'unavailable' })
    expect(node.hub.subscriptionCount).toBe(0)
    expect(node.hub.local(inboxOf('ann'))).toBeUndefined()
  })

  it('lets go of all that was opened where the user was revoked', async () => {
    begin()
    await world.registry.revoke('ann', world.clock.now(), 60_000)
    const { done } = await connecting(channels('a'))
    await answerAll()
    expect(await done).toMatchObject({ code: 'unauthorized' })
    expect(node.hub.subscriptionCount).toBe(0)
  })
})

describe('what waits for the claim', () => {
  it('is an inbox whose log is not of the same server', async () => {
    begin({ logBehindClaims: false })
    const { connection, done } = await connecting(channels('a'))
    expect(asked().toSorted()).toEqual(['claim', 'head'])
    await answerAll()
    // Of the inbox, now that the user is claimed.
    expect(asked()).toEqual(['head'])
    await answerAll()
    await done
    expect(connection.welcomed).toBe(true)
  })

  it('is an inbox that is read from a place: a page comes over another connection', async () => {
    begin()
    const head = await world.log.head(inboxOf('ann'))
    world.calls.held = (name) => name === 'claim' || name === 'read'
    const { connection, done } = node.connect('ann', { channels: new Map([[INBOX, head]]) })
    await settled()
    expect(asked()).toEqual(['claim'])
    await answerAll()
    expect(asked()).toEqual(['read'])
    await answerAll()
    await done
    expect(connection.welcomed).toBe(true)
  })

  it('is a channel that a backend is asked about, and he is not asked where he has put the client on it', async () => {
    const questions: string[] = []
    begin({
      hooks: {
        ...NO_HOOKS,
        asksFor: (channel) => channel !== inboxOf('ann'),
        maySubscribe(_user, channel) {
          if (channel === inboxOf('ann')) return undefined
          questions.push(channel)
          return Promise.resolve()
        },
      },
    })
    await world.registry.putOn('ann', { session: undefined, channels: ['b'] })
    const { connection, done } = await connecting(channels('a', 'b'))
    expect([asked(), questions]).toEqual([['claim', 'head'], []])
    await answerAll()
    expect(questions).toEqual(['a'])
    await answerAll()
    await done
    expect(connection.welcomed).toBe(true)
  })
})

it('an inbox that is opened anew is not given an answer that was asked for before', async () => {
  begin()
  const first = await node.connected('ann')
  world.calls.held = (name) => name === 'head'
  // Compared with the log, whose answer is on its way when the last of the user leaves.
  node.hub.backboneReturned()
  world.clock.pass(1000)
  expect(asked()).toEqual(['head'])
  first.cut()
  const { done } = node.connect('ann')
  await settled()
  expect(asked()).toEqual(['head', 'head'])
  await world.calls.release()
  await done
})
