import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connected, fixture } from './fixture.ts'
import { settled } from './manual-time.ts'

class Page extends EventTarget {
  hidden = false
}

/** The global object of a browser, as far as the client looks at it. */
let page: Page
let global: EventTarget & { listeners: number }
const LENT = ['addEventListener', 'removeEventListener', 'document'] as const

beforeEach(() => {
  page = new Page()
  const target = new EventTarget()
  global = Object.assign(target, { listeners: 0 })
  Object.assign(globalThis, {
    document: page,
    addEventListener: (type: string, listener: () => void) => {
      global.listeners++
      target.addEventListener(type, listener)
    },
    removeEventListener: (type: string, listener: () => void) => {
      global.listeners--
      target.removeEventListener(type, listener)
    },
  })
})

afterEach(() => {
  for (const name of LENT) Reflect.deleteProperty(globalThis, name)
})

const tell = (target: EventTarget, type: string): void => void target.dispatchEvent(new Event(type))

describe('in a browser', () => {
  it.each(['online', 'offline'])('%s asks at once whether the connection is alive', async (event) => {
    const { sockets, time, states } = await connected({ pongTimeoutMs: 3000 })
    tell(global, event)
    expect(sockets.newest.types()).toEqual(['connect', 'ping'])
    await time.pass(3000)
    expect(states.at(-1)).toBe('waiting')
  })

  it('a page that is looked at again asks whether the connection is alive; one that is hidden does not', async () => {
    const { sockets, client } = await connected()
    page.hidden = true
    tell(page, 'visibilitychange')
    expect(sockets.newest.types()).toEqual(['connect'])
    page.hidden = false
    tell(page, 'visibilitychange')
    expect(sockets.newest.types()).toEqual(['connect', 'ping'])
    sockets.newest.receive({ type: 'pong' })
    expect(client.state).toBe('connected')
  })

  it('a page that is left closes its connection without a word of alarm, and connects when it is back', async () => {
    const { sockets, client, errors } = await connected()
    tell(global, 'pagehide')
    expect(sockets.newest.closedByClient).toBe(1000)
    expect(client.state).toBe('waiting')
    tell(global, 'pageshow')
    await settled()
    expect([client.state, sockets.count]).toEqual(['connecting', 2])
    sockets.newest.welcome()
    expect([client.state, errors]).toEqual(['connected', []])
  })

  it('online and a page that is looked at end the pause before the next attempt; offline does not', async () => {
    const { sockets } = await connected()
    sockets.newest.end(1006)
    tell(global, 'offline')
    await settled()
    expect(sockets.count).toBe(1)
    tell(global, 'online')
    await settled()
    expect(sockets.count).toBe(2)
    sockets.newest.end(1006)
    tell(page, 'visibilitychange')
    await settled()
    expect(sockets.count).toBe(3)
  })

  it('listens from connect to close', async () => {
    const { client } = fixture()
    expect(global.listeners).toBe(0)
    void client.connect()
    void client.connect()
    expect(global.listeners).toBe(4)
    client.close()
    expect(global.listeners).toBe(0)
  })

  it('works where the global object has no listeners, as in React Native', async () => {
    for (const name of LENT) Reflect.deleteProperty(globalThis, name)
    const { client } = await connected()
    expect(client.state).toBe('connected')
    client.close()
  })
})
