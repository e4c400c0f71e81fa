import { describe, expect, it } from 'vitest'
import { LINES } from '../../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import { SseFanout, type SseGroup } from '../../../src/transport/sse-fanout.ts'
import type { GroupMember } from '../../../src/transport/sse-lane.ts'

const SUFFIX = Buffer.from('.\n\n')
const ignore = (): void => undefined

/** The streams of one channel, and what each write to the first of them had. */
class World {
  nowMs = 0
  readonly writes: string[] = []
  bytes = 0
  readonly group: SseGroup
  readonly fanout: SseFanout

  constructor(streams: number) {
    this.fanout = new SseFanout(
      LINES,
      (bytes) => (this.bytes += bytes),
      (_, error) => {
        throw error as Error
      },
      () => this.nowMs,
    )
    this.group = this.fanout.group(['news'])
    for (let number = 0; number < streams; number++)
      this.group.join(member(number === 0 ? this.writes : []), SUFFIX, [{ epoch: 'e', offset: 0 }])
  }

  publish(data: string): void {
    const message = { kind: 'ephemeral', channel: 'news', id: undefined, time: 0, binary: false } as const
    this.group.message('news', new Encoded({ ...message, data: Buffer.from(`"${data}"`) }))
  }

  /** The data that each write so far has had. */
  get written(): string[] {
    return this.writes.map((text) => [...text.matchAll(/"data":"(\w+)"/g)].map(([, data]) => data).join())
  }
}

function member(writes: string[]): GroupMember {
  const write = (chunk: Uint8Array): boolean => writes.push(Buffer.from(chunk).toString()) > 0
  const writer = { cork: (run: () => void) => run(), write }
  return {
    lane: undefined,
    place: -1,
    writer,
    carried: ignore,
    behind: ignore,
    settle: ignore,
    abandon: ignore,
  }
}

/** Immediates of this turn run in order: what was asked for before has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

describe('what goes to event streams', () => {
  it('is written at the end of its turn, where they are few', async () => {
    const world = new World(3)
    world.publish('a')
    world.publish('b')
    await turn()
    expect(world.written).toEqual(['a,b'])
    expect(world.bytes).toBe(3 * (world.writes[0] as string).length)
  })

  it('waits where they are many, as long as each turn brings more', async () => {
    const world = new World(300)
    for (const data of ['a', 'b', 'c']) {
      world.publish(data)
      await turn()
      expect(world.written).toEqual([])
    }
    await turn()
    expect(world.written).toEqual(['a,b,c'])
    world.publish('d')
    await turn()
    await turn()
    expect(world.written).toEqual(['a,b,c', 'd'])
  })

  it('waits no longer than a moment, whatever comes', async () => {
    const world = new World(300)
    for (const data of ['a', 'b', 'c', 'd']) {
      world.publish(data)
      await turn()
      world.nowMs += 0.2
    }
    expect(world.written).toEqual(['a,b,c,d'])
    // The next moment is its own.
    world.publish('e')
    await turn()
    expect(world.written).toEqual(['a,b,c,d'])
    await turn()
    expect(world.written).toEqual(['a,b,c,d', 'e'])
  })

  it('comes before what a stream gets that joins meanwhile, and once', async () => {
    const world = new World(300)
    world.publish('a')
    const late: string[] = []
    world.group.join(member(late), SUFFIX, [])
    world.publish('b')
    await turn()
    await turn()
    expect(world.written).toEqual(['a', 'b'])
    expect(late.join()).not.toContain('"data":"a"')
    expect(late.join()).toContain('"data":"b"')
  })

  it('is written to a stream whose part of the cursor becomes longer meanwhile, once and with that', async () => {
    const world = new World(2)
    const writes: string[] = []
    const one = member(writes)
    world.group.join(one, SUFFIX, [])
    world.publish('a')
    world.group.change(one, Buffer.from('longer\n\n'))
    world.publish('b')
    await turn()
    expect(writes).toHaveLength(1)
    expect(writes[0]?.match(/longer\n\n/g)).toHaveLength(2)
    expect(world.group.size).toBe(3)
    world.group.leave(one)
    expect(world.group.size).toBe(2)
  })
})
