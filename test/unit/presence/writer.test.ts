import { beforeEach, describe, expect, it } from 'vitest'
import type { Info } from '../../../src/presence/info.ts'
import type { Change } from '../../../src/presence/view.ts'
import { PresenceWriter } from '../../../src/presence/writer.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { quiet } from '../../support/presence-users.ts'
import { LosableStore, passing } from './losable-store.ts'

const NODE = 'n1'

describe('PresenceWriter', () => {
  let clock: ManualClock
  let store: LosableStore
  let failures: unknown[]
  let version: number
  let held: Map<string, Map<string, Change>>
  let writer: PresenceWriter

  beforeEach(() => {
    clock = new ManualClock()
    store = new LosableStore()
    failures = []
    version = 0
    held = new Map()
    writer = new PresenceWriter({
      store,
      nodeId: NODE,
      clock,
      held: (channel) => held.get(channel)?.values() ?? [],
      failed: (_what, error) => failures.push(error),
    })
  })

  function enter(channel: string, user: string, info?: Info): void {
    const users = held.get(channel) ?? new Map<string, Change>()
    const change = { user, present: true, version: ++version, info }
    users.delete(user)
    held.set(channel, users.set(user, change))
    writer.changed(channel, change)
  }

  function leave(channel: string, user: string): void {
    const users = held.get(channel)
    users?.delete(user)
    if (users?.size === 0) held.delete(channel)
    writer.changed(channel, { user, present: false, version: ++version })
  }

  it('changes of one turn to one channel are one write', async () => {
    for (const user of ['alice', 'bob', 'carol']) enter('room', user)
    leave('room', 'bob')
    expect(store.writes.length).toBe(0)
    await passing(clock, 50)
    expect(store.writes.length).toBe(1)
    expect(await store.shown('room')).toEqual({ n1: ['alice', 'carol'] })
    leave('room', 'alice')
    enter('room', 'dave')
    await passing(clock, 50)
    expect(store.writes.length).toBe(2)
    expect(await store.shown('room')).toEqual({ n1: ['carol', 'dave'] })
    expect(writer.stored('room')).toBe(version)
  })

  it('what users say of themselves is written with them, also when all is written anew', async () => {
    const info = { json: '{"at":"home"}', at: 7 }
    const said = async (): Promise<unknown> => (await store.read('room')).get(NODE)?.users.get('alice')
    enter('room', 'alice')
    await passing(clock, 50)
    expect(await said()).toBeUndefined()
    enter('room', 'alice', info)
    await passing(clock, 50)
    expect(await said()).toEqual(info)
    store.lose()
    writer.writeAllAnew()
    await passing(clock, 1_500)
    expect(await said()).toEqual(info)
  })

  it('ten thousand who leave one channel at once are written in parts, and all of them', async () => {
    const users = Array.from({ length: 10_000 }, (_, i) => `user ${i}`)
    for (const user of users) enter('room', user)
    await passing(clock, 1_000)
    expect((await store.shown('room'))[NODE]?.length).toBe(10_000)
    for (const user of users.slice(1)) leave('room', user)
    await passing(clock, 1_000)
    expect(await store.shown('room')).toEqual({ n1: ['user 0'] })
    expect(store.largest).toBe(500)
    expect(store.writes.length).toBe(40)
  })

  it('ten thousand channels at once are written a hundred at a time', async () => {
    for (let i = 0; i < 10_000; i++) enter(`room ${i}`, 'alice')
    clock.pass(0)
    expect(store.writes.length).toBe(100)
    await passing(clock, 3_000)
    expect(store.writes.length).toBe(10_000)
    expect(await store.shown('room 9999')).toEqual({ n1: ['alice'] })
  })

  it('what could not be written is written when the store is back, and a failure is reported once', async () => {
    enter('room', 'alice')
    await passing(clock, 50)
    store.away = true
    enter('room', 'bob')
    leave('room', 'alice')
    await passing(clock, 10_000)
    expect(store.writes.length).toBeGreaterThan(3)
    expect(failures.length).toBe(1)
    store.away = false
    await passing(clock, 2_000)
    expect(await store.shown('room')).toEqual({ n1: ['bob'] })
  })

  it('a change that comes while the one before it is under way is written after it', async () => {
    let open = (): void => undefined
    store.gate = new Promise((resolve) => (open = resolve))
    for (const user of ['alice', 'bob']) enter('room', user)
    await passing(clock, 50)
    leave('room', 'alice')
    enter('room', 'carol')
    await passing(clock, 50)
    expect(store.writes.length).toBe(1)
    open()
    await passing(clock, 50)
    expect(await store.shown('room')).toEqual({ n1: ['bob', 'carol'] })
    expect(writer.stored('room')).toBe(version)
  })

  it('where the store has lost everything, the next change enters all again', async () => {
    for (const user of ['alice', 'bob']) enter('room', user)
    await passing(clock, 50)
    store.lose()
    enter('room', 'carol')
    await passing(clock, 100)
    expect(await store.shown('room')).toEqual({ n1: ['alice', 'bob', 'carol'] })
  })

  it('where a read shows that the store has lost something, all is entered again', async () => {
    enter('room', 'alice')
    await passing(clock, 50)
    const stored = writer.stored('room')
    writer.shown('room', stored, stored)
    await passing(clock, 100)
    expect(store.writes.length).toBe(1)
    store.lose()
    writer.shown('room', 0, stored)
    await passing(clock, 100)
    expect(await store.shown('room')).toEqual({ n1: ['alice'] })
  })

  it('a read that was overtaken by a write makes nothing be written again', async () => {
    enter('room', 'alice')
    await passing(clock, 50)
    const stored = writer.stored('room')
    enter('room', 'bob')
    writer.shown('room', 0, stored)
    await passing(clock, 50)
    writer.shown('room', stored, stored)
    await passing(clock, 100)
    expect(store.writes.length).toBe(2)
  })

  it('in parts or not, versions are written in their order', async () => {
    for (let i = 0; i < 1_200; i++) enter('room', `user ${i}`)
    leave('room', 'user 1199')
    await passing(clock, 200)
    expect(store.writes.map(({ after, version: to }) => [after, to])).toEqual([
      [0, 500],
      [500, 1_000],
      [1_000, 1_201],
    ])
  })

  it('all that is held is written again when that is asked for', async () => {
    for (let i = 0; i < 250; i++) enter(`room ${i}`, 'alice')
    await passing(clock, 200)
    store.lose()
    writer.writeAllAnew()
    await passing(clock, 1_500)
    for (const i of [0, 249]) expect(await store.shown(`room ${i}`)).toEqual({ n1: ['alice'] })
    expect(store.writes.length).toBe(500)
  })

  it('a channel that everybody has left is not held on to', async () => {
    enter('room', 'alice')
    leave('room', 'alice')
    enter('room', 'bob')
    await passing(clock, 50)
    leave('room', 'bob')
    await passing(clock, 50)
    expect(writer.stored('room')).toBe(0)
    expect(await store.shown('room')).toEqual({ n1: [] })
    enter('room', 'carol')
    await passing(clock, 50)
    expect(await store.shown('room')).toEqual({ n1: ['carol'] })
  })

  it('close removes what this node has put and nothing of others, and nothing is written after it', async () => {
    await store.write('room', 'n2', { after: 0, version: 1, put: quiet(['zoe']), remove: [] })
    for (let i = 0; i < 150; i++) enter('room', `user ${i}`)
    enter('other', 'alice')
    await passing(clock, 50)
    enter('room', 'late')
    await writer.close()
    await writer.close()
    expect(await store.shown('room')).toEqual({ n2: ['zoe'], n1: [] })
    expect(await store.shown('other')).toEqual({ n1: [] })
    enter('room', 'later')
    await passing(clock, 100)
    expect(await store.shown('room')).toEqual({ n2: ['zoe'], n1: [] })
    expect(clock.timers).toBe(0)
  })

  it('close fails with unavailable where the store is away', async () => {
    enter('room', 'alice')
    await passing(clock, 50)
    store.away = true
    await expect(writer.close()).rejects.toMatchObject({ code: 'unavailable' })
  })
})
