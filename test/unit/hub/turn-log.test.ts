import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { TurnLog } from '../../../src/hub/turn-log.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

afterEach(() => vi.restoreAllMocks())

describe('the log of a turn', () => {
  it('tells of one who did not get a message that and what came after it, in order', () => {
    const log = new TurnLog()
    const before = { epoch: 'e', offset: 7 }
    log.record('a', bytes('one'), undefined)
    log.record('b', bytes('two'), before)
    log.record('a', bytes('three'), undefined)
    expect(log.from(bytes('two'))).toEqual([
      { sequence: 1, channel: 'b', bytes: bytes('two'), before },
      { sequence: 2, channel: 'a', bytes: bytes('three'), before: undefined },
    ])
    expect(log.from(bytes('one'))).toHaveLength(3)
  })

  it('knows a message by all of its bytes, and the first of equal ones', () => {
    const log = new TurnLog()
    log.record('a', bytes('same'), undefined)
    log.record('b', bytes('same'), undefined)
    expect(log.from(bytes('same'))?.map(({ channel }) => channel)).toEqual(['a', 'b'])
    expect(log.from(bytes('sam'))).toBeUndefined()
    expect(log.from(bytes('some'))).toBeUndefined()
    expect(log.from(bytes(''))).toBeUndefined()
  })

  it('numbers what is published from 0 on, and says which number comes next', async () => {
    const log = new TurnLog()
    expect(log.sequence).toBe(0)
    log.record('a', bytes('one'), undefined)
    expect(log.sequence).toBe(1)
    await immediate()
    await immediate()
    log.record('a', bytes('two'), undefined)
    expect(log.from(bytes('two'))).toMatchObject([{ sequence: 1 }])
    expect(log.sequence).toBe(2)
  })

  it('keeps a message for one turn after its own, before those of that turn, and forgets it then', async () => {
    const log = new TurnLog()
    log.record('a', bytes('one'), undefined)
    await immediate()
    log.record('a', bytes('two'), undefined)
    expect(log.from(bytes('one'))?.map(({ sequence }) => sequence)).toEqual([0, 1])
    await immediate()
    expect(log.from(bytes('one'))).toBeUndefined()
    expect(log.from(bytes('two'))).toHaveLength(1)
    await immediate()
    expect(log.from(bytes('two'))).toBeUndefined()
  })

  it('asks for one immediate in a turn however much is published, and for none once nothing is', async () => {
    const asked = vi.spyOn(globalThis, 'setImmediate')
    const log = new TurnLog()
    expect(asked).not.toHaveBeenCalled()
    for (let i = 0; i < 5; i++) log.record('a', bytes(`m${i}`), undefined)
    expect(asked).toHaveBeenCalledTimes(1)
    // One more, to forget them, and then it rests until the next message.
    for (let i = 0; i < 4; i++) await immediate()
    expect(asked).toHaveBeenCalledTimes(2)
    log.record('a', bytes('again'), undefined)
    expect(asked).toHaveBeenCalledTimes(3)
    for (let i = 0; i < 4; i++) await immediate()
    expect(asked).toHaveBeenCalledTimes(4)
    expect(log.from(bytes('again'))).toBeUndefined()
  })
})
