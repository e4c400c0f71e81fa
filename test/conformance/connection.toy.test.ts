import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeConnection } from './connection.suite.ts'
import { ConnectionWorld } from '../support/connection-world.ts'
import { sluiceRig } from '../support/sluice-rig.ts'
import { toyCounts } from '../support/toy-dialect.ts'
import { toyRig } from '../support/toy-rig.ts'

describeConnection('WebSocketConnection in another protocol', toyRig)

describe('a channel with subscribers of two protocols', () => {
  let world: ConnectionWorld
  beforeEach(() => {
    world = new ConnectionWorld()
  })
  afterEach(() => world.close())

  it('gives each of them every message once and in order, and writes it down once for each protocol', async () => {
    const sluice = [
      await sluiceRig.connect(world, { news: undefined }),
      await sluiceRig.connect(world, { news: undefined }),
    ]
    const toy = [
      await toyRig.connect(world, { news: undefined }),
      await toyRig.connect(world, { news: undefined }),
    ]
    const before = toyCounts.messages
    const frames = world.uws.published
    await world.publishTogether('news', ['a', 'b', 'c'])
    for (const client of [...sluice, ...toy])
      expect(client.received.map((one) => one.type === 'message' && one.data)).toEqual(['a', 'b', 'c'])
    expect(toyCounts.messages - before).toBe(3)
    // One publish for each protocol and message, however many subscribers there are.
    expect(world.uws.published - frames).toBe(6)
  })

  it('keeps who is slow of one apart from who is not of the other', async () => {
    const slow = await toyRig.connect(world, { news: undefined })
    const other = await sluiceRig.connect(world, { news: undefined })
    slow.stopReading()
    const sent = Array.from({ length: 60 }, (_, number) => `${number} ${'x'.repeat(400)}`)
    for (const one of sent) await world.publish('news', one)
    expect(other.received).toHaveLength(60)
    expect(slow.received.length).toBeLessThan(60)
    slow.read()
    await world.turns()
    expect(slow.received.map((one) => one.type === 'message' && one.data)).toEqual(sent)
  })

  it('when the first of one protocol goes, the others stay', async () => {
    const sluice = await sluiceRig.connect(world, { news: undefined })
    const toy = await toyRig.connect(world, { news: undefined })
    sluice.leave()
    await world.publish('news', 'a')
    const late = await sluiceRig.connect(world, { news: undefined })
    await world.publish('news', 'b')
    toy.leave()
    await world.publish('news', 'c')
    expect(toy.received.map((one) => one.type === 'message' && one.data)).toEqual(['a', 'b'])
    expect(late.received.map((one) => one.type === 'message' && one.data)).toEqual(['b', 'c'])
    expect(sluice.received).toEqual([])
  })
})
