import { describe, expect, it } from 'vitest'
import type { Handler, Message, SubscribeOptions } from '../../../src/client/channel.ts'
import type { ClientError } from '../../../src/client/errors.ts'
import { syncWith } from '../../../src/client/history.ts'
import type { Position } from '../../../src/protocol/position.ts'
import type { ResetFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { settled } from './manual-time.ts'

const at = (offset: number): Position => ({ epoch: 'e', offset })
const messageOf = (offset: number): Message => ({
  channel: 'c',
  data: offset,
  position: at(offset),
  id: undefined,
  from: undefined,
  event: undefined,
  headers: undefined,
  time: 1,
})

/** A subscription that the test plays; each load waits until the test answers it. */
function world() {
  let handler: Handler = () => undefined
  let options: SubscribeOptions = {}
  let start = (): void => undefined
  const loads: {
    position: Position | undefined
    answer: (contained?: Position) => void
    fail: () => void
  }[] = []
  const applied: unknown[] = []
  const errors: ClientError[] = []
  const later: (() => void)[] = []
  const ready = new Promise<void>((resolve) => (start = resolve))
  const subscription = syncWith(
    {
      load: (position) =>
        new Promise<Position | undefined>((resolve, reject) =>
          loads.push({ position, answer: resolve, fail: () => reject(new Error('backend')) }),
        ),
      apply: ({ data }) => void applied.push(data),
    },
    (given, more) => {
      handler = given
      options = more
      return {
        channel: 'c',
        state: 'pending',
        ready,
        position: at(7),
        on: () => subscription,
        unsubscribe: () => undefined,
      }
    },
    (error) => void errors.push(error),
    (_attempt, run) => void later.push(run),
  )
  return {
    ...{ subscription, loads, applied, errors, later },
    show: (...offsets: number[]) => offsets.forEach((offset) => void handler(messageOf(offset))),
    reset: () => void options.onReset?.({} as ResetFrame),
    started: async () => {
      start()
      await settled()
    },
  }
}

describe('sync', () => {
  it('has the position before it loads, and applies in order what came meanwhile and after', async () => {
    const { started, loads, show, applied } = world()
    expect(loads).toEqual([])
    await started()
    expect(loads[0]?.position).toEqual(at(7))
    show(8, 9)
    expect(applied).toEqual([])
    loads[0]?.answer()
    await settled()
    show(10)
    expect(applied).toEqual([8, 9, 10])
  })

  it('leaves out what the state says that it contains', async () => {
    const { started, loads, show, applied } = world()
    await started()
    show(8, 9, 10)
    loads[0]?.answer(at(9))
    await settled()
    expect(applied).toEqual([10])
  })

  it('loads again after a reset, and only the newest load counts', async () => {
    const { started, loads, show, applied, reset } = world()
    await started()
    loads[0]?.answer()
    await settled()
    reset()
    show(20)
    reset()
    show(21)
    expect(loads.length).toBe(3)
    loads[1]?.answer()
    await settled()
    expect(applied).toEqual([])
    loads[2]?.answer(at(20))
    await settled()
    expect(applied).toEqual([21])
  })

  it('loads again where that fails, with a word each time, and applies nothing before it has worked', async () => {
    const { started, loads, show, applied, errors, later } = world()
    await started()
    show(8)
    loads[0]?.fail()
    await settled()
    expect(errors).toMatchObject([{ code: 'handler', message: 'loading the state of c failed' }])
    show(9)
    later[0]?.()
    expect(loads.length).toBe(2)
    loads[1]?.answer()
    await settled()
    expect(applied).toEqual([8, 9])
  })

  it('nothing is loaded or applied for who has left', async () => {
    const { subscription, started, loads, show, applied, later } = world()
    await started()
    show(8)
    subscription.unsubscribe()
    loads[0]?.answer()
    await settled()
    expect(applied).toEqual([])
    expect(later).toEqual([])
  })
})
