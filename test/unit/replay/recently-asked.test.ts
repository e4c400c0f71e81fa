import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecentlyAsked } from '../../../src/replay/recently-asked.ts'
import type { Position } from '../../../src/protocol/position.ts'

const GRACE_MS = 100

/** Each with a time of its own. */
class Model {
  readonly #given = new Map<string, { readonly position: Position; generation: number }>()
  #generation = 0
  #sinceMs = 0

  remember(channel: string, position: Position): Position {
    const given = this.#given.get(channel)?.position ?? position
    this.#given.set(channel, { position: given, generation: this.#generation })
    return given
  }

  take(channel: string): Position | undefined {
    const position = this.#given.get(channel)?.position
    this.#given.delete(channel)
    return position
  }

  forgetOld(nowMs: number): void {
    if (nowMs - this.#sinceMs <= GRACE_MS) return
    this.#sinceMs = nowMs
    this.#generation++
    for (const [channel, { generation }] of this.#given)
      if (generation < this.#generation - 1) this.#given.delete(channel)
  }

  get size(): number {
    return this.#given.size
  }
}

const channel = fc.nat(8).map((number) => `@user-${number}`)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('remember' as const), channel }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const), channel }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('later' as const), byMs: fc.nat(150) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('higher' as const), by: fc.nat(3) }) },
)

describe('positions that were given out', () => {
  it('are those of the first time, whatever is given out by then, until the channel has not been asked for through a generation', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [asked, model] = [new RecentlyAsked(0, GRACE_MS), new Model()]
        let position: Position = { epoch: 'e', offset: 0 }
        let nowMs = 0
        for (const one of steps) {
          if (one.do === 'remember')
            expect(asked.remember(one.channel, position)).toEqual(model.remember(one.channel, position))
          else if (one.do === 'take') expect(asked.take(one.channel)).toEqual(model.take(one.channel))
          else if (one.do === 'higher') position = { epoch: 'e', offset: position.offset + one.by }
          else {
            nowMs += one.byMs
            asked.forgetOld(nowMs)
            model.forgetOld(nowMs)
          }
        }
        expect(asked.size).toBe(model.size)
      }),
    )
  })
})
