import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { shownFrame, traceOf } from '../../../src/client/debug.ts'
import { ClientError, Unauthorized } from '../../../src/client/errors.ts'
import { Refusals, REFUSALS_MAX } from '../../../src/client/refusals.ts'
import { connected, fixture, rejection } from './fixture.ts'
import { settled } from './manual-time.ts'

/** Whoever is not connected is told why: on the console, as an event, and where they wait for `connect`. */

const EXPIRED = 'the token has expired (exp)'

afterEach(() => void vi.restoreAllMocks())

function warnings(): string[] {
  const shown: string[] = []
  vi.spyOn(console, 'warn').mockImplementation((text: string) => void shown.push(text))
  return shown
}

describe('a token that is refused again and again', () => {
  it('is told of each time, once on the console, and ends as failed with the reason', async () => {
    const warned = warnings()
    const { client, sockets, time, errors, states } = fixture({ token: () => 'expired' })
    const connecting = rejection(client.connect())
    await settled()
    for (let attempt = 0; attempt < REFUSALS_MAX; attempt++) {
      sockets.newest.open()
      sockets.newest.end(4401, EXPIRED)
      await time.next()
    }
    expect(client.state).toBe('failed')
    expect(client.error?.message).toContain(EXPIRED)
    expect(sockets.count).toBe(REFUSALS_MAX)
    expect(states.at(-1)).toBe('failed')
    expect(errors.map(({ closeCode }) => closeCode)).toEqual(Array(REFUSALS_MAX).fill(4401))
    expect(warned.length).toBe(1)
    expect(warned[0]).toContain('wss://gateway.example/v1/ws')
    expect(warned[0]).toContain(EXPIRED)
    expect((await connecting).message).toContain(EXPIRED)
    expect((await rejection(client.publish('chat', 1))).message).toContain(EXPIRED)
    expect(time.pendingMs).toEqual([])
  })

  it('goes on where a token was good in between', async () => {
    const { client, sockets, time } = fixture({ token: () => 'now and then' })
    warnings()
    void client.connect()
    await settled()
    for (let attempt = 0; attempt < 3 * REFUSALS_MAX; attempt++) {
      sockets.newest.open()
      if (attempt % REFUSALS_MAX === 3) sockets.newest.welcome()
      sockets.newest.end(4401, EXPIRED)
      await time.next()
    }
    expect(client.state).toBe('connecting')
  })

  it('is the same where the token function gives none', async () => {
    const warned = warnings()
    const { client, time, errors } = fixture({ token: () => undefined as unknown as string })
    void client.connect()
    for (let attempt = 0; attempt < REFUSALS_MAX; attempt++) {
      await settled()
      await time.next()
    }
    expect(client.state).toBe('failed')
    expect(errors.length).toBe(REFUSALS_MAX)
    expect(warned).toEqual([expect.stringMatching(/gateway\.example.*gave no token, but undefined/)])
  })
})

describe('a token function that throws Unauthorized', () => {
  it('ends the client at once', async () => {
    const warned = warnings()
    const { client, sockets, time, errors } = fixture({
      token: () => Promise.reject(new Unauthorized('logged out')),
    })
    const error = await rejection(client.connect())
    expect(error).toMatchObject({ code: 'unauthorized' })
    expect(client.state).toBe('failed')
    expect(errors).toEqual([error])
    expect(warned).toEqual([expect.stringContaining('logged out')])
    await time.pass(3_600_000)
    expect(sockets.count).toBe(0)
  })

  it('at a re-authentication ends the connection that serves', async () => {
    warnings()
    let loggedIn = true
    const { client, sockets, errors } = await connected({
      token: () => (loggedIn ? 'token' : Promise.reject(new Unauthorized('logged out'))),
    })
    loggedIn = false
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    expect(client.state).toBe('failed')
    expect(sockets.newest.state).toBe('closed')
    expect(errors.length).toBe(1)
  })
})

describe('a server that is down', () => {
  it('rejects connect after three attempts, warns once, tells of each attempt, and is tried for ever', async () => {
    const warned = warnings()
    const { client, sockets, time, errors } = fixture()
    const connecting = rejection(client.connect())
    await settled()
    for (let attempt = 0; attempt < 50; attempt++) {
      sockets.newest.end(1006)
      await time.next()
    }
    expect((await connecting).message).toMatch(/wss:\/\/gateway\.example\/v1\/ws.*nothing answers there/)
    expect(client.state).toBe('connecting')
    expect(errors.length).toBe(50)
    expect(warned.length).toBe(1)
    sockets.newest.welcome()
    expect(client.state).toBe('connected')
  })

  it('is warned of again once there was a connection in between', async () => {
    const warned = warnings()
    const all = await connected()
    for (let outage = 0; outage < 2; outage++) {
      all.sockets.newest.end(1006)
      for (let attempt = 0; attempt < 3; attempt++) {
        await all.time.next()
        all.sockets.newest.end(1006)
      }
      await all.time.next()
      all.sockets.newest.welcome()
    }
    expect(warned.length).toBe(2)
  })

  it('is said in the words of the platform, where it has some, and never with what is in the query', async () => {
    warnings()
    const { client, sockets } = fixture({ url: 'wss://gateway.example/v1/ws?token=secret' })
    const connecting = client.connect().catch(() => undefined)
    const told: string[] = []
    client.on('error', ({ message }) => told.push(message))
    await settled()
    sockets.newest.onerror?.({ message: 'Unexpected server response: 404' } as never)
    sockets.newest.end(1006)
    expect(told).toEqual([
      'the connection to wss://gateway.example/v1/ws ended (1006): Unexpected server response: 404',
    ])
    client.close()
    await connecting
  })
})

describe('Refusals', () => {
  const refused = (message: string): ClientError => new ClientError('closed', message, { closeCode: 4401 })
  const cut = new ClientError('closed', 'cut', { closeCode: 1006 })

  it('are enough after so many of the same reason in a row, whatever is lost on the way between them', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'cut', 'welcome'), { maxLength: 40 }), (happened) => {
        const refusals = new Refusals()
        let same: string[] = []
        for (const what of happened) {
          if (what === 'welcome') {
            refusals.reset()
            same = []
          } else if (what === 'cut') expect(refusals.add(cut)).toBe(false)
          else {
            same = same.at(-1) === what ? [...same, what] : [what]
            expect(refusals.add(refused(what))).toBe(same.length >= REFUSALS_MAX)
          }
        }
      }),
    )
  })

  it('are none where the gateway says to come again', () => {
    const refusals = new Refusals()
    for (const closeCode of [1011, 1012, 1013, 4408, 4429, 4503])
      for (let n = 0; n < 2 * REFUSALS_MAX; n++)
        expect(refusals.add(new ClientError('closed', 'later', { closeCode }))).toBe(false)
  })
})

const storing = (value: string | null) => (): object => ({
  getItem: (key: string) => (key === 'sluiceDebug' ? value : null),
})
const throwing = (): never => {
  throw new Error('SecurityError')
}

describe('debug', () => {
  it('prints every frame of both directions, without payloads, tokens, sessions and tickets', async () => {
    const printed: string[] = []
    vi.spyOn(console, 'log').mockImplementation((...words) => void printed.push(words.join(' ')))
    const { client, sockets } = await connected({ trace: traceOf(true) })
    sockets.newest.welcome({ ticket: 'ticket-of-alice' })
    client.publish('chat', { text: 'for your eyes only' }).catch(() => undefined)
    client.publish('chat', new Uint8Array(7)).catch(() => undefined)
    sockets.newest.receive({ type: 'message', channel: 'chat', offset: 1, time: 1, data: 'only for you' })
    const all = printed.join('\n')
    expect(printed[0]).toMatch(/^sluice → \{"type":"connect"/)
    expect(all).toContain('sluice ← {"type":"welcome"')
    expect(all).toContain('→ {"type":"publish","ref":1,"channel":"chat","data":"(29)"')
    expect(all).toContain('sluice → binary, ')
    expect(all).toContain('sluice ← {"type":"message","channel":"chat","offset":1,"time":1,"data":"(14)"}')
    for (const secret of ['eyes', 'only for you', 'token-1', 'session-1', 'ticket-of-alice'])
      expect(all).not.toContain(secret)
  })

  it.each([
    ['off where localStorage does not say so', storing(null), 0],
    ['off, and no fault, where it may not be read', throwing, 0],
    ['on where it says so', storing('1'), 1],
  ])('is %s', async (_what, get, frames) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const former = Object.getOwnPropertyDescriptor(globalThis, 'localStorage')
    Object.defineProperty(globalThis, 'localStorage', { configurable: true, get })
    try {
      const { sockets, client } = fixture({ trace: traceOf(undefined) })
      void client.connect()
      await settled()
      sockets.newest.open()
      expect(printed).toHaveBeenCalledTimes(frames)
    } finally {
      if (former) Object.defineProperty(globalThis, 'localStorage', former)
      else Reflect.deleteProperty(globalThis, 'localStorage')
    }
  })

  it('shows what is no JSON by its length alone', () => {
    expect(shownFrame('{"token": secret')).toBe('unreadable, 16 characters')
  })
})
