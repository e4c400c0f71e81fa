import { describe, expect, it } from 'vitest'
import { SluiceClient } from '../../../src/client/full.ts'
import { FakeSockets } from './fake-sockets.ts'
import { connected, rejection } from './fixture.ts'
import { ManualTime, settled } from './manual-time.ts'

async function served() {
  const sockets = new FakeSockets()
  const time = new ManualTime()
  const client = new SluiceClient({
    url: 'wss://gateway.example/v1/ws',
    transport: 'websocket',
    WebSocket: sockets.WebSocket,
    time,
  })
  void client.connect()
  await settled()
  sockets.newest.welcome()
  return { client, sockets, time }
}

describe('close with a time to wait', () => {
  it('ends once what is unanswered is answered', async () => {
    const { client, sockets } = await served()
    const publish = client.publish('news', 1)
    const closed = client.close({ waitMs: 5000 })
    await settled()
    expect(client.state).toBe('connected')
    sockets.newest.answer('publish', { type: 'published', epoch: 'e', offset: 1 })
    expect(await publish).toMatchObject({ position: { epoch: 'e', offset: 1 } })
    await closed
    expect([client.state, sockets.newest.closedByClient]).toEqual(['closed', 1000])
  })

  it('ends in any case when that time is over', async () => {
    const { client, time } = await served()
    const refused = rejection(client.publish('news', 1))
    const closed = client.close({ waitMs: 5000 })
    await time.pass(5000)
    await closed
    expect([client.state, (await refused).code]).toEqual(['closed', 'closed'])
  })

  it('is called off by connect', async () => {
    const { client, sockets } = await served()
    const publish = client.publish('news', 1)
    const closed = client.close({ waitMs: 5000 })
    await client.connect()
    sockets.newest.answer('publish', { type: 'published' })
    await Promise.all([publish, closed])
    expect(client.state).toBe('connected')
  })
})

describe('request', () => {
  it.each([
    [500, 500],
    [90_000, 30_000],
  ])('with timeoutMs %i rejects with timeout after %i ms, and not before', async (timeoutMs, endsMs) => {
    const { client, time } = await served()
    let error: unknown
    client.request('orders', 1, { timeoutMs }).catch((reason: unknown) => (error = reason))
    await time.pass(endsMs - 1)
    expect(error).toBeUndefined()
    await time.pass(1)
    expect(error).toMatchObject({ code: 'timeout', message: `no answer within ${endsMs} ms` })
  })

  it('resolves with the data of the answer, in time', async () => {
    const { client, sockets } = await served()
    const answer = client.request('orders', 1, { timeoutMs: 500 })
    await settled()
    sockets.newest.answer('publish', { type: 'published', data: { price: 7 } })
    expect(await answer).toEqual({ price: 7 })
  })
})

describe('listeners', () => {
  it('off ends what on began, and once hears one event', async () => {
    const { client, sockets, time } = await served()
    const heard: string[] = []
    const listener = (): void => void heard.push('on')
    client.on('state', listener)
    client.once('state', ({ state }) => heard.push(`once ${state}`))
    sockets.newest.end(1006)
    client.off('state', listener)
    await time.pass(1000)
    expect(client.state).toBe('connecting')
    expect(heard).toEqual(['on', 'once waiting'])
  })
})

describe('the state of a subscription', () => {
  it('is told as it changes: by the answer, and by the end', async () => {
    const { client, sockets } = await connected()
    const states: string[] = []
    const subscription = client.subscribe('news', () => undefined, { onState: (state) => states.push(state) })
    expect(subscription.state).toBe('pending')
    sockets.newest.answer('subscribe', { type: 'subscribed', epoch: 'e', offset: 1, recovered: false })
    expect(subscription.state).toBe('subscribed')
    sockets.newest.end(1006)
    expect(subscription.state).toBe('subscribed')
    subscription.unsubscribe()
    expect([subscription.state, states]).toEqual(['ended', ['subscribed', 'ended']])
  })

  it('is ended where the gateway refuses', async () => {
    const { client, sockets } = await connected()
    const states: string[] = []
    client.subscribe('news', () => undefined, {
      onState: (state) => states.push(state),
      onError: () => undefined,
    })
    sockets.newest.answer('subscribe', { type: 'error', code: 'forbidden', message: 'no', retryable: false })
    expect(states).toEqual(['ended'])
  })
})
