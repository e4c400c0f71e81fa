import { describe, expect, it } from 'vitest'
import type { SluiceClientOptions } from '../../../src/client/options.ts'
import { connected, cutAndBack, fixture, rejection } from './fixture.ts'
import { settled } from './manual-time.ts'

/** Hands out `token-1`, `token-2`, … and counts. */
function counting(): { calls: number; readonly token: () => string } {
  const state = { calls: 0, token: () => `token-${++state.calls}` }
  return state
}

/** Connected with a token that the application can renew. */
async function renewable(options: Partial<SluiceClientOptions> = {}) {
  const tokens = counting()
  return { ...(await connected({ token: tokens.token, ...options })), tokens }
}

describe('4401', () => {
  it('brings a fresh token at once', async () => {
    const { sockets, time, tokens, client } = await renewable()
    sockets.newest.end(4401)
    await time.pass(0)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ token: 'token-2', session: 'session-1' })
    expect(tokens.calls).toBe(2)
    sockets.newest.welcome()
    expect(client.state).toBe('connected')
  })

  it('again and again, with an expired token that the application keeps handing out, is asked with growing pauses', async () => {
    let calls = 0
    const { client, sockets, time } = fixture({
      token: () => {
        calls++
        return 'expired'
      },
    })
    void client.connect()
    await settled()
    const pauses: number[] = []
    for (let attempt = 0; attempt < 4; attempt++) {
      sockets.newest.open()
      sockets.newest.end(4401, 'the token has expired (exp)')
      pauses.push(time.pendingMs[0] as number)
      await time.next()
    }
    expect(pauses).toEqual([0, 500, 1000, 2000])
    expect(calls).toBe(5)
  })

  it('right after each welcome, as for a revoked user, does not make the client hammer', async () => {
    const { sockets, time } = await renewable()
    const pauses: number[] = []
    for (let attempt = 0; attempt < 4; attempt++) {
      sockets.newest.end(4401)
      pauses.push(time.pendingMs[0] as number)
      await time.next()
      sockets.newest.welcome()
    }
    expect(pauses).toEqual([0, 500, 1000, 2000])
  })

  it('during a reconnect is answered at once, however many attempts failed before', async () => {
    const { sockets, time } = await renewable()
    for (let attempt = 0; attempt < 4; attempt++) {
      sockets.newest.end(1006)
      await time.next()
    }
    sockets.newest.open()
    sockets.newest.end(4401)
    expect(time.pendingMs).toEqual([0])
    await time.pass(0)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ token: 'token-2' })
  })

  it('is final where the token cannot be renewed', async () => {
    const { client, sockets, errors } = await connected({ token: 'fixed' })
    sockets.newest.end(4401, 'the token has expired (exp)')
    expect(client.state).toBe('failed')
    expect(errors).toMatchObject([{ code: 'closed', closeCode: 4401 }])
    // What is told of a token never holds it.
    expect(errors[0]?.message).not.toContain('fixed')
  })
})

describe('the token function', () => {
  it('is not called for a mere reconnect', async () => {
    const all = await renewable()
    for (let cut = 0; cut < 3; cut++) {
      await cutAndBack(all)
      all.sockets.newest.welcome()
      await all.time.pass(10_000)
    }
    expect(all.sockets.count).toBe(4)
    expect(all.tokens.calls).toBe(1)
  })

  it('is called before a reconnect where the token has expired meanwhile', async () => {
    const tokens = counting()
    const all = fixture({ token: tokens.token })
    void all.client.connect()
    await settled()
    all.sockets.newest.welcome({ expiresAt: all.time.nowMs + 500 })
    await cutAndBack(all)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')).toMatchObject({ token: 'token-2' })
  })

  it('that fails is told of, and asked again after a pause', async () => {
    let fail = true
    const cause = new Error('offline')
    const { client, sockets, time, errors, states } = fixture({
      token: () => (fail ? Promise.reject(cause) : 'token'),
    })
    void client.connect()
    await settled()
    expect(errors).toMatchObject([{ code: 'handler', cause }])
    expect(states).toEqual(['connecting', 'waiting'])
    expect(sockets.count).toBe(0)
    fail = false
    await time.next()
    sockets.newest.welcome()
    expect(client.state).toBe('connected')
  })

  it('that never answers holds up no more than the time of an attempt, and is not called twice meanwhile', async () => {
    let calls = 0
    let give = (_token: string): void => undefined
    const { client, sockets, time } = fixture({
      token: () => {
        calls++
        return new Promise((resolve) => (give = resolve))
      },
    })
    void client.connect()
    await time.pass(20_000)
    expect(client.state).toBe('waiting')
    await time.next()
    expect(client.state).toBe('connecting')
    expect(calls).toBe(1)
    give('late but good')
    await settled()
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ token: 'late but good' })
  })
})

describe('reauth', () => {
  it('is answered with a fresh token', async () => {
    const { sockets, tokens } = await renewable()
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    expect(sockets.newest.last('auth')).toMatchObject({ token: 'token-2' })
    sockets.newest.answer('auth', { type: 'authenticated', expiresAt: 5_000_000 })
    expect(tokens.calls).toBe(2)
  })

  it('the next connection uses the token of the last re-authentication', async () => {
    const all = await renewable()
    all.sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    all.sockets.newest.answer('auth', { type: 'authenticated' })
    await cutAndBack(all)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')).toMatchObject({ token: 'token-2' })
    expect(all.tokens.calls).toBe(2)
  })

  it('the expiry that it brought counts from then on', async () => {
    const all = await renewable()
    all.sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    all.sockets.newest.answer('auth', { type: 'authenticated', expiresAt: all.time.nowMs + 100 })
    await cutAndBack(all)
    all.sockets.newest.open()
    expect(all.sockets.newest.last('connect')).toMatchObject({ token: 'token-3' })
  })

  it('is answered with the same token where there is no other', async () => {
    const { sockets } = await connected({ token: 'fixed' })
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    expect(sockets.newest.last('auth')).toMatchObject({ token: 'fixed' })
  })

  it('a refused token is told of, and the next is sent after a pause', async () => {
    const { sockets, time, errors } = await renewable()
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    sockets.newest.answer('auth', {
      type: 'error',
      code: 'unauthorized',
      message: 'expired',
      retryable: false,
    })
    expect(errors).toMatchObject([{ code: 'unauthorized' }])
    await time.pass(500)
    expect(sockets.newest.last('auth')).toMatchObject({ token: 'token-3' })
    sockets.newest.answer('auth', { type: 'error', code: 'unavailable', message: 'away', retryable: true })
    await time.pass(999)
    expect(sockets.newest.last('auth')).toMatchObject({ token: 'token-3' })
    await time.pass(1)
    expect(sockets.newest.last('auth')).toMatchObject({ token: 'token-4' })
  })

  it("another user's token is told of, and not sent again", async () => {
    const { sockets, time, errors, tokens } = await renewable()
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    sockets.newest.answer('auth', { type: 'error', code: 'forbidden', message: 'another', retryable: false })
    expect(errors).toMatchObject([{ code: 'forbidden' }])
    await time.pass(15_000)
    expect(tokens.calls).toBe(2)
  })

  it('a failing token function is asked again while the connection lasts', async () => {
    let calls = 0
    const { sockets, time } = await connected({
      token: () => (++calls === 2 ? Promise.reject(new Error('offline')) : `token-${calls}`),
    })
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    await time.pass(500)
    expect(sockets.newest.last('auth')).toMatchObject({ token: 'token-3' })
    expect(calls).toBe(3)
  })

  it('is forgotten with its connection', async () => {
    let calls = 0
    const all = await connected({
      token: () => (++calls === 2 ? Promise.reject(new Error('offline')) : `token-${calls}`),
    })
    all.sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    await settled()
    all.client.close()
    await all.time.pass(60_000)
    expect(calls).toBe(2)
  })

  it('shares the token that a reconnect is waiting for', async () => {
    const gives: ((token: string) => void)[] = []
    const { client, sockets, time } = fixture({ token: () => new Promise((resolve) => gives.push(resolve)) })
    void client.connect()
    gives[0]?.('token-1')
    await settled()
    sockets.newest.welcome()
    sockets.newest.receive({ type: 'reauth', deadline: 30_000 })
    sockets.newest.end(4401)
    await time.pass(0)
    expect(gives.length).toBe(2)
    gives[1]?.('token-2')
    await settled()
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ token: 'token-2' })
  })
})

describe('errors of the gateway', () => {
  it('that name no request are told of where they say that something was wrong with a frame', async () => {
    const { client, sockets, errors } = await connected()
    sockets.newest.receive({ type: 'error', code: 'bad_request', message: 'ack: no', retryable: false })
    expect(errors).toMatchObject([{ code: 'bad_request', message: 'ack: no', retryable: false }])
    expect(client.state).toBe('connected')
  })

  it('reject the request that they name', async () => {
    const { client, sockets } = await connected()
    const refused = rejection(client.publish('chat', 1))
    sockets.newest.answer('publish', { type: 'error', code: 'forbidden', message: 'no', retryable: false })
    expect(await refused).toMatchObject({ code: 'forbidden', message: 'no', retryable: false })
  })
})
