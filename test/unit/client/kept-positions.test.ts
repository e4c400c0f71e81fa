import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../../src/client/channel.ts'
import { KeptPositions } from '../../../src/client/kept-positions.ts'
import type { Socket } from '../../../src/client/socket.ts'
import { ManualTime } from './manual-time.ts'

const URL = 'wss://gateway.example/v1/ws'
const DAY_MS = 24 * 3600 * 1000
/** As the documents promise. */
const CHANNELS_MAX = 512
const DAYS_MAX = 7

/** What a page has in the place of its storage; `full` takes nothing any more. */
class Storage {
  readonly items = new Map<string, string>()
  full = false

  getItem = (key: string): string | null => this.items.get(key) ?? null
  removeItem = (key: string): void => void this.items.delete(key)
  setItem = (key: string, value: string): void => {
    if (this.full) throw new DOMException('the quota has been exceeded', 'QuotaExceededError')
    this.items.set(key, value)
  }
}

interface Place {
  readonly name: string
  readonly track: { position: { readonly epoch: string; readonly offset: number } | undefined }
  readonly from: undefined
}

const place = (name: string, offset?: number): Place => ({
  name,
  track: { position: offset === undefined ? undefined : { epoch: 'e', offset } },
  from: undefined,
})

/** A page that is on these channels; what it is on after it is known whose it is. */
function page(time: ManualTime, channels: readonly Place[], user = 'ann'): KeptPositions {
  const kept = new KeptPositions('tab', URL, time)
  const socket = { asked: new Map() } as unknown as Socket
  kept.welcome(user, socket, channels as unknown as Channel[])
  return kept
}

const offsets = (channels: readonly Place[]): unknown[] => channels.map(({ track }) => track.position?.offset)

afterEach(() => vi.unstubAllGlobals())

describe('the positions of a page', () => {
  it('are there after a reload', () => {
    vi.stubGlobal('sessionStorage', new Storage())
    const time = new ManualTime()
    page(time, [place('news', 7)]).close()
    const again = [place('news'), place('sport')]
    page(time, again)
    expect(offsets(again)).toEqual([7, undefined])
  })

  it(`are those of the ${CHANNELS_MAX} channels that moved last`, () => {
    const storage = new Storage()
    vi.stubGlobal('sessionStorage', storage)
    const time = new ManualTime()
    const channels = Array.from({ length: CHANNELS_MAX + 40 }, (_, at) => place(`c${at}`, 1))
    const kept = page(time, channels)
    kept.close()
    time.nowMs += 1000
    const moved = [place('late', 5), ...channels.slice(-3).map(({ name }) => place(name, 2))]
    page(time, moved).close()
    const [stored = '{}'] = [...storage.items.values()]
    const { places } = JSON.parse(stored) as { readonly places: object }
    expect(Object.keys(places)).toHaveLength(CHANNELS_MAX)
    const again = moved.map(({ name }) => place(name))
    page(time, again)
    expect(offsets(again)).toEqual([5, 2, 2, 2])
  })

  it(`are forgotten after ${DAYS_MAX} days, each by itself`, () => {
    vi.stubGlobal('sessionStorage', new Storage())
    const time = new ManualTime()
    page(time, [place('old', 1)]).close()
    time.nowMs += DAY_MS
    page(time, [place('newer', 1)]).close()
    time.nowMs += (DAYS_MAX - 1) * DAY_MS - 1
    const before = [place('old'), place('newer')]
    page(time, before)
    expect(offsets(before)).toEqual([1, 1])
    time.nowMs += 1
    const after = [place('old'), place('newer')]
    page(time, after)
    expect(offsets(after)).toEqual([undefined, 1])
  })

  it('go on where they were kept last when the storage is full, and are kept again when it is not', () => {
    const storage = new Storage()
    vi.stubGlobal('sessionStorage', storage)
    const time = new ManualTime()
    page(time, [place('news', 1)]).close()
    storage.full = true
    expect(() => page(time, [place('news', 2)]).close()).not.toThrow()
    const again = [place('news')]
    const kept = page(time, again)
    expect(offsets(again)).toEqual([1])
    storage.full = false
    again[0]!.track.position = { epoch: 'e', offset: 3 }
    kept.close()
    const last = [place('news')]
    page(time, last)
    expect(offsets(last)).toEqual([3])
  })

  it('are as if nothing were kept where the page may not store anything', () => {
    Object.defineProperty(globalThis, 'sessionStorage', {
      configurable: true,
      get: () => {
        throw new DOMException('the page may not', 'SecurityError')
      },
    })
    try {
      const time = new ManualTime()
      const channels = [place('news', 1)]
      expect(() => page(time, channels).close()).not.toThrow()
      const again = [place('news')]
      page(time, again)
      expect(offsets(again)).toEqual([undefined])
    } finally {
      Reflect.deleteProperty(globalThis, 'sessionStorage')
    }
  })

  it('are as if nothing were kept where something else has written there', () => {
    const storage = new Storage()
    vi.stubGlobal('sessionStorage', storage)
    const time = new ManualTime()
    for (const text of ['', '{', 'null', '[]', '{"user":"ann","places":{"news":{"epoch":1,"offset":"x"}}}']) {
      storage.items.set(`sluice ${URL}`, text)
      const channels = [place('news')]
      expect(() => page(time, channels).close(), text).not.toThrow()
      expect(offsets(channels), text).toEqual([undefined])
    }
  })
})
