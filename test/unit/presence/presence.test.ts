import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import { Presence } from '../../../src/presence/presence.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { LosableStore, passing, reachable } from './losable-store.ts'

const LEAVE_DELAY_MS = 2_000
const REFRESH_MS = 30_000
/** Until a change has reached everybody. */
const SOON_MS = 100
/** Until a leave has been told after it has become known. */
const LEAVE_MS = LEAVE_DELAY_MS + 200

const SIGNS = { join: '+', leave: '-', update: '~' }
/** Whoever has a subscription that says nothing of itself. */
const SOMEBODY = {}

interface Node {
  readonly id: string
  readonly presence: Presence
  /** What its subscribers were told, as `room +alice`. */
  readonly told: string[]
  readonly failures: string[]
  /** How many announcements it has sent. */
  sent: number
}

describe('Presence', () => {
  let clock: ManualClock
  let store: LosableStore
  let nodes: Node[]
  let alive: Set<string>
  let dead: Set<string>
  let networkUp: boolean
  let registryUp: boolean

  beforeEach(() => {
    clock = new ManualClock()
    store = new LosableStore()
    nodes = []
    alive = new Set()
    dead = new Set()
    networkUp = true
    registryUp = true
  })

  afterEach(async () => {
    await Promise.all(nodes.map(({ presence }) => presence.close()))
    await passing(clock, SOON_MS)
    expect(clock.timers).toBe(0)
  })

  function start(id: string): Node {
    const node: Node = {
      id,
      told: [],
      failures: [],
      sent: 0,
      presence: new Presence(
        { leaveDelayMs: LEAVE_DELAY_MS, refreshMs: REFRESH_MS },
        {
          store: reachable(store, () => !dead.has(id)),
          nodeId: id,
          clock,
          send(payload) {
            node.sent++
            // As the backbone does, to the sender as well.
            if (networkUp && !dead.has(id)) for (const to of nodes) to.presence.heard(id, payload)
          },
          tell: ({ type, channel, user, json }) =>
            node.told.push(`${channel} ${SIGNS[type]}${user}${json ?? ''}`),
          changed: () => undefined,
          liveNodes: () =>
            registryUp
              ? Promise.resolve([...alive])
              : Promise.reject(new SluiceError('unavailable', 'the table is away')),
          failed: (what) => node.failures.push(what),
        },
      ),
    }
    alive.add(id)
    nodes.push(node)
    return node
  }

  /** As a process that is killed: it says nothing more, and the table of nodes drops it. */
  function kill(node: Node): void {
    alive.delete(node.id)
    dead.add(node.id)
  }

  const membersOf = async (node: Node, channel = 'room'): Promise<string[]> =>
    [...(await node.presence.members(channel)).keys()].toSorted((a, b) => a.localeCompare(b))

  it('who enters is told on every node with subscribers, and is a member everywhere', async () => {
    const [one, two, three] = [start('n1'), start('n2'), start('n3')]
    one.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, SOON_MS)
    two.presence.entered('room', 'bob', SOMEBODY)
    await passing(clock, SOON_MS)
    expect([one.told, two.told, three.told]).toEqual([['room +alice', 'room +bob'], ['room +bob'], []])
    for (const node of [one, two, three]) expect(await membersOf(node)).toEqual(['alice', 'bob'])
    expect(await membersOf(three, 'elsewhere')).toEqual([])
  })

  it('who leaves is told after the delay', async () => {
    const [one, two] = [start('n1'), start('n2')]
    for (const node of [one, two]) node.presence.entered('room', node.id, SOMEBODY)
    await passing(clock, SOON_MS)
    one.presence.left('room', 'n1', SOMEBODY)
    await passing(clock, LEAVE_DELAY_MS - SOON_MS)
    expect(two.told).not.toContain('room -n1')
    await passing(clock, SOON_MS * 4)
    expect(two.told.at(-1)).toBe('room -n1')
    expect(await membersOf(two)).toEqual(['n2'])
    expect(await membersOf(one)).toEqual(['n2'])
  })

  it('of a user who moves from one node to another, nothing is told', async () => {
    const [one, two, three] = [start('n1'), start('n2'), start('n3')]
    for (const node of [one, two, three]) node.presence.entered('room', node.id, SOMEBODY)
    one.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, SOON_MS)
    const before = [one, two, three].map(({ told }) => told.length)
    one.presence.left('room', 'alice', SOMEBODY)
    await passing(clock, LEAVE_DELAY_MS / 2)
    two.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, LEAVE_MS)
    expect([one, two, three].map(({ told }) => told.length)).toEqual(before)
    for (const node of [one, two, three]) expect(await membersOf(node)).toContain('alice')
  })

  it('the members of a node that dies leave, and what it wrote is swept', async () => {
    const [one, two, three] = [start('n1'), start('n2'), start('n3')]
    one.presence.entered('room', 'alice', SOMEBODY)
    one.presence.entered('room', 'carol', SOMEBODY)
    two.presence.entered('room', 'bob', SOMEBODY)
    two.presence.entered('room', 'carol', SOMEBODY)
    await passing(clock, SOON_MS)
    kill(one)
    await passing(clock, 10_000 + LEAVE_MS)
    expect(two.told.filter((line) => line.includes('-'))).toEqual(['room -alice'])
    expect(await membersOf(two)).toEqual(['bob', 'carol'])
    expect(await membersOf(three)).toEqual(['bob', 'carol'])
    await passing(clock, REFRESH_MS + LEAVE_MS, 50)
    expect(Object.keys(await store.shown('room'))).toEqual(['n2'])
  })

  it('a table of nodes that is lost for a moment makes nobody leave', async () => {
    const [one, two] = [start('n1'), start('n2')]
    for (const node of [one, two]) node.presence.entered('room', node.id, SOMEBODY)
    await passing(clock, SOON_MS)
    alive.delete('n1')
    await passing(clock, 5_000)
    alive.add('n1')
    await passing(clock, 10_000 + LEAVE_MS, 50)
    registryUp = false
    await passing(clock, 20_000 + LEAVE_MS, 50)
    expect(two.told).not.toContain('room -n1')
    expect(two.failures.length).toBeGreaterThan(0)
  })

  it('a node that closes is gone at once', async () => {
    const [one, two] = [start('n1'), start('n2')]
    for (const node of [one, two]) node.presence.entered('room', node.id, SOMEBODY)
    await passing(clock, SOON_MS)
    await one.presence.close()
    expect(await store.shown('room')).toEqual({ n1: [], n2: ['n2'] })
    await passing(clock, LEAVE_MS)
    expect(two.told.at(-1)).toBe('room -n1')
    one.presence.entered('room', 'late', SOMEBODY)
    await passing(clock, SOON_MS)
    expect(await membersOf(two)).toEqual(['n2'])
  })

  it('what the network has lost, the next read repairs', async () => {
    const [one, two] = [start('n1'), start('n2')]
    for (const node of [one, two]) node.presence.entered('room', node.id, SOMEBODY)
    one.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, SOON_MS)
    networkUp = false
    one.presence.left('room', 'alice', SOMEBODY)
    one.presence.entered('room', 'carol', SOMEBODY)
    await passing(clock, SOON_MS)
    expect(await membersOf(two)).toEqual(['alice', 'n1', 'n2'])
    await passing(clock, REFRESH_MS + LEAVE_MS, 50)
    expect(two.told.slice(-2)).toEqual(['room +carol', 'room -alice'])
    expect(await membersOf(two)).toEqual(['carol', 'n1', 'n2'])
  })

  it('whoever enters between the first read of another node and its write is not missed', async () => {
    const [one, two] = [start('n1'), start('n2')]
    store.away = true
    one.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, SOON_MS)
    store.away = false
    // The announcement has come before anybody was subscribed here, and the write is still to come.
    two.presence.entered('room', 'bob', SOMEBODY)
    clock.pass(0)
    expect(await store.shown('room')).not.toHaveProperty('n1')
    expect(await membersOf(two)).toEqual(['alice', 'bob'])
  })

  it('members are answered from the first read on, and fail with unavailable where there is none', async () => {
    const [one, two] = [start('n1'), start('n2')]
    one.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, SOON_MS)
    store.away = true
    two.presence.entered('room', 'bob', SOMEBODY)
    await expect(two.presence.members('room')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(two.presence.members('elsewhere')).rejects.toMatchObject({ code: 'unavailable' })
    expect(await membersOf(one)).toEqual(['alice'])
    await passing(clock, 10_000, 50)
    expect(two.failures).toEqual(['a write of presence', 'a read of presence'].toSorted().toReversed())
    store.away = false
    await passing(clock, 10_000, 50)
    expect(await membersOf(two)).toEqual(['alice', 'bob'])
  })

  it('many who ask at once share a read', async () => {
    const one = start('n1')
    one.presence.entered('room', 'alice', SOMEBODY)
    const answers = await Promise.all(Array.from({ length: 50 }, () => one.presence.members('room')))
    expect(answers.every((members) => members.has('alice'))).toBe(true)
    expect(store.reads).toBe(1)
  })

  it('a read that ends after the last subscriber has gone and another has come is not mistaken for his', async () => {
    const one = start('n1')
    let open = (): void => undefined
    store.gate = new Promise((resolve) => (open = resolve))
    one.presence.entered('room', 'alice', SOMEBODY)
    const early = one.presence.members('room')
    await passing(clock, SOON_MS)
    one.presence.left('room', 'alice', SOMEBODY)
    await passing(clock, LEAVE_DELAY_MS + SOON_MS)
    one.presence.entered('room', 'bob', SOMEBODY)
    const late = one.presence.members('room')
    store.gate = Promise.resolve()
    open()
    expect((await early).has('carol')).toBe(false)
    expect([...(await late).keys()]).toEqual(['bob'])
  })

  it('a poll that comes back is not told again what it was told, though nobody was subscribed in between', async () => {
    const [one, two] = [start('n1'), start('n2')]
    one.presence.entered('room', 'alice', SOMEBODY)
    two.presence.entered('room', 'bob', SOMEBODY)
    await passing(clock, SOON_MS)
    const before = [...one.told]
    one.presence.left('room', 'alice', SOMEBODY)
    await passing(clock, LEAVE_DELAY_MS - SOON_MS)
    one.presence.entered('room', 'alice', SOMEBODY)
    await passing(clock, LEAVE_DELAY_MS + SOON_MS)
    expect(one.told).toEqual(before)
    expect([...(await one.presence.members('room')).keys()].toSorted()).toEqual(['alice', 'bob'])
  })

  it('when the store has returned empty, all is entered again and nobody is told anything', async () => {
    const [one, two] = [start('n1'), start('n2')]
    for (const node of [one, two]) node.presence.entered('room', node.id, SOMEBODY)
    await passing(clock, SOON_MS)
    const before = [...two.told]
    store.lose()
    for (const { presence } of nodes) presence.storeReturned()
    await passing(clock, 2_000)
    expect(await store.shown('room')).toEqual({ n1: ['n1'], n2: ['n2'] })
    await passing(clock, REFRESH_MS + LEAVE_MS, 50)
    expect(two.told).toEqual(before)
  })

  it('a store that has lost everything unnoticed is filled again within a round, and nobody is told anything', async () => {
    const [one, two] = [start('n1'), start('n2')]
    for (const node of [one, two]) node.presence.entered('room', node.id, SOMEBODY)
    await passing(clock, SOON_MS)
    const before = [...two.told]
    store.lose()
    await passing(clock, REFRESH_MS * 2, 50)
    expect(await store.shown('room')).toEqual({ n1: ['n1'], n2: ['n2'] })
    expect(two.told).toEqual(before)
  })

  it('ten thousand who go at once are announced and told in batches', async () => {
    const [one, two] = [start('n1'), start('n2')]
    two.presence.entered('room', 'watcher', SOMEBODY)
    for (let i = 0; i < 10_000; i++) one.presence.entered('room', `user ${i}`, SOMEBODY)
    await passing(clock, 2_000)
    expect(two.told.length).toBe(10_001)
    const sentBefore = one.sent
    for (let i = 0; i < 10_000; i++) one.presence.left('room', `user ${i}`, SOMEBODY)
    expect(one.sent).toBe(sentBefore)
    await passing(clock, SOON_MS)
    expect(one.sent - sentBefore).toBeLessThanOrEqual(20)
    clock.pass(LEAVE_DELAY_MS - SOON_MS * 2)
    const toldBefore = two.told.length
    let mostAtOnce = 0
    for (let passedMs = 0; passedMs < 1_000; passedMs += 5) {
      const before = two.told.length
      clock.pass(5)
      mostAtOnce = Math.max(mostAtOnce, two.told.length - before)
    }
    expect(two.told.length - toldBefore).toBe(10_000)
    expect(mostAtOnce).toBeLessThanOrEqual(1_000)
    expect(await membersOf(two)).toEqual(['watcher'])
  })

  it('in a channel where nothing happens, a node reads once in a round and writes nothing', async () => {
    const one = start('n1')
    for (let i = 0; i < 10; i++) one.presence.entered(`room ${i}`, 'alice', SOMEBODY)
    await passing(clock, REFRESH_MS, 50)
    const [reads, writes] = [store.reads, store.writes.length]
    await passing(clock, REFRESH_MS * 3, 50)
    expect(store.reads - reads).toBe(30)
    expect(store.writes.length).toBe(writes)
  })

  it('what a user says of himself is told on every node with subscribers, and asked for everywhere', async () => {
    const [one, two, three] = [start('n1'), start('n2'), start('n3')]
    const [phone, laptop] = [{}, {}]
    two.presence.entered('room', 'bob', SOMEBODY)
    await passing(clock, SOON_MS)
    one.presence.entered('room', 'alice', phone, { json: '1' })
    await passing(clock, SOON_MS)
    two.presence.entered('room', 'alice', laptop)
    two.presence.says('room', 'alice', laptop, { json: '2' })
    await passing(clock, SOON_MS)
    one.presence.says('room', 'alice', phone, { json: '3' })
    await passing(clock, SOON_MS)
    expect(two.told).toEqual(['room +bob', 'room +alice1', 'room ~alice2', 'room ~alice3'])
    for (const { presence } of [one, two, three])
      expect((await presence.members('room')).get('alice')).toBe('3')
    one.presence.left('room', 'alice', phone)
    await passing(clock, LEAVE_MS)
    for (const { presence } of [two, three]) expect((await presence.members('room')).get('alice')).toBe('2')
    expect(two.told.at(-1)).toBe('room ~alice2')
    two.presence.left('room', 'alice', laptop)
    await passing(clock, LEAVE_MS)
    expect(two.told.at(-1)).toBe('room -alice2')
  })

  it('who comes back with what he said long ago does not silence what another of his connections has said since', async () => {
    const one = start('n1')
    const [phone, laptop] = [{}, {}]
    one.presence.entered('room', 'alice', phone, { json: '1' })
    const at = one.presence.now()
    clock.pass(10_000)
    one.presence.entered('room', 'alice', laptop, { json: '2' })
    one.presence.left('room', 'alice', phone)
    one.presence.entered('room', 'alice', phone, { json: '1', at })
    await passing(clock, LEAVE_MS)
    expect(one.told).toEqual(['room +alice1', 'room ~alice2'])
    expect((await one.presence.members('room')).get('alice')).toBe('2')
  })

  it('nobody has spoken after now', async () => {
    const one = start('n1')
    const [phone, laptop] = [{}, {}]
    one.presence.entered('room', 'alice', phone, { json: '1', at: Number.MAX_SAFE_INTEGER })
    one.presence.entered('room', 'alice', laptop, { json: '2' })
    expect((await one.presence.members('room')).get('alice')).toBe('2')
  })

  it('who is absent is told of the others and is no member, until he enters; as whom, he says', async () => {
    const [one, two] = [start('n1'), start('n2')]
    const watcher = {}
    one.presence.entered('room', 'alice', watcher, 'absent')
    await passing(clock, SOON_MS)
    two.presence.entered('room', 'bob', SOMEBODY)
    await passing(clock, SOON_MS)
    expect(one.told).toEqual(['room +bob'])
    expect(await membersOf(one)).toEqual(['bob'])
    one.presence.says('room', 'alice', watcher, { json: '1', user: 'a guest' })
    await passing(clock, SOON_MS)
    expect(await membersOf(two)).toEqual(['a guest', 'bob'])
    one.presence.withdraws('room', 'alice', watcher)
    one.presence.withdraws('room', 'alice', watcher)
    await passing(clock, LEAVE_MS)
    expect(two.told).toEqual(['room +bob', 'room +a guest1', 'room -a guest1'])
    two.presence.left('room', 'bob', SOMEBODY)
    await passing(clock, LEAVE_MS)
    expect(one.told.at(-1)).toBe('room -bob')
    one.presence.left('room', 'alice', watcher)
    await passing(clock, LEAVE_MS)
    expect(await membersOf(one)).toEqual([])
  })

  it('a user who says much, many times over, needs several announcements', async () => {
    const [one, two] = [start('n1'), start('n2')]
    two.presence.entered('room', 'watcher', SOMEBODY)
    await passing(clock, SOON_MS)
    const json = JSON.stringify('x'.repeat(1_000))
    for (let i = 0; i < 400; i++) one.presence.entered('room', `user ${i}`, {}, { json })
    await passing(clock, SOON_MS)
    expect(one.sent).toBeGreaterThan(5)
    expect((await two.presence.members('room')).get('user 399')).toBe(json)
  })

  it('a payload that is not of presence is left to others', () => {
    const one = start('n1')
    expect(one.presence.heard('n2', Buffer.from('{"kind":"takenOver","session":"s"}'))).toBe(false)
  })
})
