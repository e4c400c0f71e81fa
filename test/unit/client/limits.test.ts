import { describe, expect, it } from 'vitest'
import type { Restored } from '../../../src/dialect/sluice-v1/frames.ts'
import type { FakeSocket } from './fake-sockets.ts'
import { cutAndBack, fixture, rejection, type Fixture } from './fixture.ts'
import { settled } from './manual-time.ts'

const LIMITS = { frame: 1000, payload: 900, subscriptions: 512 }

async function welcome(limits?: typeof LIMITS): Promise<Fixture> {
  const made = fixture()
  void made.client.connect()
  await settled()
  made.sockets.newest.welcome(limits === undefined ? {} : { limits })
  return made
}

describe('a publish that is larger than the gateway takes', () => {
  it.each([
    ['a text', 'x'.repeat(1000)],
    ['a text of few characters and many bytes', '€'.repeat(330)],
    ['bytes', new Uint8Array(1000)],
  ])('is refused here where it is %s, and the client stays connected', async (_, data) => {
    const { client, sockets } = await welcome(LIMITS)
    expect(await rejection(client.publish('news', data))).toMatchObject({
      code: 'limit_exceeded',
      retryable: false,
      message: expect.stringContaining('1000') as string,
    })
    expect(sockets.newest.types()).not.toContain('publish')
    expect(client.state).toBe('connected')
  })

  it('is sent where it fits', async () => {
    const { client, sockets } = await welcome(LIMITS)
    void client.publish('news', 'x'.repeat(900))
    expect(sockets.newest.types()).toContain('publish')
  })

  it('is sent to a gateway that does not tell its limits', async () => {
    const { client, sockets } = await welcome()
    void client.publish('news', 'x'.repeat(100_000))
    expect(sockets.newest.types()).toContain('publish')
  })

  it('and waits for a connection is refused once the limit is known; the others are sent', async () => {
    const made = await welcome()
    const { client, sockets } = made
    const large = rejection(client.publish('news', 'x'.repeat(1000)))
    void client.publish('news', 'small')
    await cutAndBack(made)
    sockets.newest.welcome({ limits: LIMITS })
    expect(await large).toMatchObject({ code: 'limit_exceeded' })
    expect(sockets.newest.sent.filter(({ type }) => type === 'publish')).toMatchObject([{ data: 'small' }])
  })
})

describe('many channels with long names', () => {
  const names = Array.from({ length: 400 }, (_, n) => `room:${n}:`.padEnd(128, 'x'))
  /** What a gateway must hold of somebody it does not know yet. */
  const EARLY_BYTES_MAX = 10_000
  const bytesOf = (socket: FakeSocket): number =>
    socket.sent.reduce((bytes, frame) => bytes + JSON.stringify(frame).length, 0)

  it.each([true, false])(
    'are asked for in pieces, each from where the client is (with positions: %s)',
    async (logged) => {
      const made = fixture()
      const { client, sockets } = made
      for (const name of names)
        client.subscribe(name, () => undefined, logged ? { from: { epoch: 'e'.repeat(16), offset: 7 } } : {})
      void client.connect()
      await settled()
      const socket = sockets.newest
      socket.open()
      expect(bytesOf(socket)).toBeLessThan(EARLY_BYTES_MAX)
      const { resume } = socket.last('connect') as unknown as { resume: Record<string, object> }
      const restored = Object.keys(resume).map((name): [string, Restored] => [
        name,
        { epoch: 'e'.repeat(16), offset: 7, recovered: true },
      ])
      expect(restored.length > 0).toBe(logged)
      socket.welcome({
        channels: Object.fromEntries([['@inbox', { epoch: 'i', offset: 0, recovered: false }], ...restored]),
      })
      const asked = socket.sent.filter(({ type }) => type === 'subscribe')
      const from = logged ? { epoch: 'e'.repeat(16), offset: 7 } : undefined
      expect(asked.map(({ channel }) => channel)).toEqual(names.filter((name) => !(name in resume)))
      expect(asked.filter((frame) => JSON.stringify(frame['from']) !== JSON.stringify(from))).toEqual([])
    },
  )

  it('bring the inbox first', async () => {
    const made = await welcome()
    const { client, sockets } = made
    client.inbox(() => undefined)
    for (const name of names) client.subscribe(name, () => undefined, { from: { epoch: 'e', offset: 7 } })
    await cutAndBack(made)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ resume: { '@inbox': { epoch: 'i', offset: 0 } } })
  })
})
