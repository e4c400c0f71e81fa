import { beforeEach, describe, expect, it } from 'vitest'
import {
  ANSWER_MS_MAX,
  PLACES_MAX,
  Probes,
  SAMPLE_MS,
  WAIT_MS_MAX,
  type ProbeAnswer,
} from '../../../src/session/probes.ts'

let clients = 0

class Client {
  readonly id = `session ${clients++}`
  readonly user: string
  readonly #channels: readonly string[]

  constructor(user: string, ...channels: string[]) {
    this.user = user
    this.#channels = ['@inbox', ...channels]
  }

  subscriptionOf(channel: string): true | undefined {
    return this.#channels.includes(channel) ? true : undefined
  }
}

const PAUSE = 30_000

describe('clients that acknowledge what is written to them', () => {
  let now: number
  let seen: string[]
  let probes: Probes<Client>
  let ann: Client

  beforeEach(() => {
    now = 1000
    seen = []
    ann = new Client('ann', 'news')
    probes = new Probes({
      now: () => now,
      pauseMs: () => PAUSE,
      acknowledged: ({ user }, seconds) => void seen.push(`${user} ${seconds}`),
    })
  })

  /** What has been answered by now. */
  function asking(client: Client, channel: string): { answer: ProbeAnswer | 'none' } {
    const asked: { answer: ProbeAnswer | 'none' } = { answer: 'none' }
    void probes.asked(client, channel).then((answer) => (asked.answer = answer))
    return asked
  }
  const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

  it('are answered right behind a message of their channel, and seen when they ask again', async () => {
    const offered = asking(ann, 'news')
    probes.written('other')
    await settled()
    expect(offered.answer).toBe('none')
    probes.written('news')
    await settled()
    expect(offered.answer).toBeUndefined()
    now += 42
    expect(await probes.asked(ann, 'news')).toBe(PAUSE)
    expect(seen).toEqual(['ann 0.042'])
  })

  it('may wait for a message of their inbox', async () => {
    const offered = asking(ann, '@inbox')
    probes.written('@bob')
    await settled()
    expect(offered.answer).toBe('none')
    probes.written('@ann')
    await settled()
    expect(offered.answer).toBeUndefined()
  })

  it('are refused where they are not subscribed', async () => {
    await expect(probes.asked(ann, 'secret')).rejects.toMatchObject({ code: 'bad_request' })
  })

  it('are let go of where no message comes', async () => {
    const offered = asking(ann, 'news')
    now += WAIT_MS_MAX
    probes.sweep()
    await settled()
    expect(offered.answer).toBe(PAUSE)
    probes.written('news')
    await probes.asked(ann, 'nothing').catch(() => undefined)
    expect(seen).toEqual([])
  })

  it('count for nothing where they answer late or never, and give their place to others', async () => {
    const all = Array.from({ length: PLACES_MAX }, (_, i) => new Client(`user ${i}`, 'news'))
    for (const one of all) asking(one, 'news')
    probes.written('news')
    expect(await probes.asked(ann, 'news')).toBe(PAUSE)
    now += ANSWER_MS_MAX + 1
    expect(await probes.asked(all[0] as Client, 'news')).toBe(PAUSE)
    expect(seen).toEqual([])
    probes.sweep()
    const offered = asking(ann, 'news')
    await settled()
    expect(offered.answer).toBe('none')
  })

  it('are sampled once in a while each, however often they ask', async () => {
    for (let i = 0; i < 50; i++) {
      asking(ann, 'news')
      probes.written('news')
      await probes.asked(ann, 'news')
    }
    expect(seen).toHaveLength(1)
    now += SAMPLE_MS
    probes.sweep()
    asking(ann, 'news')
    asking(ann, 'news')
    probes.written('news')
    await probes.asked(ann, 'news')
    expect(seen).toHaveLength(2)
  })

  it('are forgotten when they leave', async () => {
    const offered = asking(ann, 'news')
    probes.left(ann.id)
    await settled()
    expect(offered.answer).toBe(PAUSE)
    probes.written('news')
    now += 10
    const back = new Client('ann', 'news')
    asking(back, 'news')
    probes.written('news')
    probes.left(back.id)
    await probes.asked(new Client('ann', 'news'), 'news')
    expect(seen).toEqual([])
  })
})
