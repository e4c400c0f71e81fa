import { describe, expect, it } from 'vitest'
import { fakeGateway } from './fake-gateway.ts'
import { run } from './fake-terminal.ts'

describe('sluice subscribe', () => {
  it('puts a user on channels, and says how many sessions there are', async () => {
    const gateway = await fakeGateway(() => ({ status: 200, body: { user: 'ann b', sessions: 2 } }))
    const words = ['subscribe', '--user', 'ann b', '--session', 's1', 'news', 'sport', '--url', gateway.url]
    expect(await run(words)).toMatchObject({ code: 0, out: 'ann b is on news, sport: 2 sessions now' })
    const [asked] = gateway.requests
    expect(asked).toMatchObject({ method: 'POST', path: '/v1/users/ann%20b/subscribe' })
    expect(JSON.parse(asked?.body ?? '')).toEqual({ channels: ['news', 'sport'], session: 's1' })
  })

  it('without channels shows what the user was put on', async () => {
    const channels = [{ channel: 'news' }, { channel: 'sport', session: 's1' }]
    const gateway = await fakeGateway(() => ({ status: 200, body: { user: 'ann', channels } }))
    const { out } = await run(['subscribe', '--user', 'ann', '--url', gateway.url])
    expect(out).toBe('news\nsport (session s1)')
    expect(gateway.requests).toMatchObject([{ method: 'GET', path: '/v1/users/ann/channels' }])
  })

  it('says that a node may not have been told', async () => {
    const gateway = await fakeGateway(() => ({ status: 200, body: { sessions: 1, degraded: true } }))
    const { out } = await run(['unsubscribe', '--user', 'ann', 'news', '--url', gateway.url])
    expect(out).toMatch(/^ann is off news: 1 sessions now; some node may not/)
  })
})

describe('sluice channels', () => {
  const page = (path: string): { status: number; body: object } => {
    const query = new URL(path, 'http://a').searchParams
    return {
      status: 200,
      body:
        query.get('after') === ''
          ? { channels: [{ channel: 'chat:1', connections: 12, users: 3 }], next: 'chat:1' }
          : { channels: [{ channel: 'chat:22', connections: 3 }] },
    }
  }

  it('lists all pages as a table', async () => {
    const gateway = await fakeGateway(({ path }) => page(path))
    const { out } = await run(['channels', 'chat:', '--users', '--url', gateway.url])
    expect(out.split('\n')).toEqual([
      'CHANNEL  CONNECTIONS  USERS',
      'chat:1            12      3',
      'chat:22            3      -',
    ])
    expect(gateway.requests.map(({ path }) => path)).toEqual([
      '/v1/channels?prefix=chat%3A&after=&limit=100&users=true',
      '/v1/channels?prefix=chat%3A&after=chat%3A1&limit=100&users=true',
    ])
  })

  it('says that there are more than were asked for, and prints lines of JSON', async () => {
    const gateway = await fakeGateway(({ path }) => page(path))
    const few = await run(['channels', '--limit', '1', '--url', gateway.url])
    expect([few.out.split('\n').length, few.err]).toEqual([2, 'there are more: say --limit'])
    const json = await run(['channels', '--json', '--url', gateway.url])
    expect(json.out.split('\n').map((line) => (JSON.parse(line) as { channel: string }).channel)).toEqual([
      'chat:1',
      'chat:22',
    ])
  })
})
