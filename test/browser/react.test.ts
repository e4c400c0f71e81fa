import { execFileSync } from 'node:child_process'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { bundleDocument, importText, snippetsOf } from '../support/doc-modules.ts'
import { ROOT } from '../support/installed-packages.ts'
import { ReactPage, renderedBy } from '../support/react-page.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/** The hooks of `@sluice/react` in Chromium, in StrictMode, with a gateway: what is mounted twice is there once, and leaves nothing behind. */

const SUBSCRIBERS = 'sluice_connections{transport="websocket"}'

let node: StartedNode
let proxy: CuttingProxy
let site: ReactPage
let browser: Browser
let page: Page
const problems: string[] = []
let tests = 0
let room: string

beforeAll(async () => {
  execFileSync(process.execPath, [`${ROOT}scripts/build.mjs`])
  site = await ReactPage.serve()
  node = await startNode({
    allowedOrigins: [site.origin],
    namespaces: {
      room: { presence: true, clientPublish: 'fanout' },
      short: { max: 2 },
    },
  })
  proxy = new CuttingProxy(node.port)
  await proxy.listen()
  browser = await chromium.launch(CHROMIUM)
  page = await opened()
})
beforeEach(() => {
  room = `room:${++tests}`
  problems.length = 0
})
afterAll(async () => {
  await browser.close()
  await proxy.close()
  await node.close()
  site.close()
})

async function opened(): Promise<Page> {
  const made = await newPage(browser)
  made.on('pageerror', (error) => problems.push(error.message))
  made.on('console', (message) => {
    // That a connection was refused, the browser says itself.
    if (message.type() === 'error' && !message.text().includes('net::ERR_')) problems.push(message.text())
  })
  return made
}

const url = (): string => `ws://127.0.0.1:${proxy.port}/v1/ws`

async function open(options: object = {}, user = 'alice', where = page): Promise<void> {
  await where.goto(site.address({ url: url(), token: await node.token(user), ...options }))
  await shows('output', 'connected', where)
}

const show = (...parts: readonly object[]): Promise<unknown> =>
  page.evaluate(
    (given) => (globalThis as unknown as { app: { show(all: unknown): void } }).app.show(given),
    parts,
  )

const shows = (selector: string, text: string | RegExp, where = page): Promise<void> =>
  expect.poll(() => where.locator(selector).textContent()).toMatch(text)

const listed = (id: string, ...data: readonly string[]): Promise<void> =>
  expect.poll(() => page.locator(`#${id} li`).allTextContents()).toEqual(data)

const attribute = (id: string, name: string): Promise<string | null> =>
  page.locator(`#${id}`).getAttribute(`data-${name}`)

interface Sent {
  readonly type: string
  readonly channel?: string
}

/** What the page has sent of this type, about this channel. */
async function sent(type: string, channel?: string): Promise<number> {
  const frames = await page.evaluate<Sent[]>('app.frames')
  return frames.filter((frame) => frame.type === type && frame.channel === channel).length
}

const subscribers = async (channel: string): Promise<unknown> => {
  const answer = await node.api('GET', `/v1/channels/${encodeURIComponent(channel)}`)
  return ((await answer.json()) as { readonly subscribers: { readonly local: number } }).subscribers.local
}

const publish = (...data: readonly string[]): Promise<unknown> =>
  node.publish(data.map((one) => ({ channel: room, data: one })))

describe('useChannel', () => {
  it('subscribes once where everything is mounted twice, and each component has its own history', async () => {
    await publish('one', 'two', 'three')
    await open()
    await show({ kind: 'Room', id: 'a', channel: room, from: { last: 2 } })
    await listed('a', 'two', 'three')
    expect([await sent('subscribe', room), await sent('unsubscribe', room)]).toEqual([1, 0])
    expect(await sent('connect')).toBe(1)
    await show(
      { kind: 'Room', id: 'a', channel: room, from: { last: 2 } },
      { kind: 'Room', id: 'b', channel: room, from: { last: 3 } },
    )
    await listed('b', 'one', 'two', 'three')
    await publish('four')
    await listed('a', 'two', 'three', 'four')
    await listed('b', 'one', 'two', 'three', 'four')
    expect(await sent('unsubscribe', room)).toBe(0)
    await show({ kind: 'Room', id: 'b', channel: room })
    await publish('five')
    await listed('b', 'one', 'two', 'three', 'four', 'five')
    await show()
    await expect.poll(() => subscribers(room)).toBe(0)
    expect(await sent('unsubscribe', room)).toBe(1)
    // Mounted again it begins again.
    await show({ kind: 'Room', id: 'b', channel: room, from: { last: 1 } })
    await listed('b', 'five')
    expect(problems).toEqual([])
  })

  it('goes to another channel by its name, keeps so many messages, and none of the former one', async () => {
    await open()
    await publish('one', 'two')
    const from = { last: 9 }
    await show({ kind: 'Room', id: 'a', channel: room, from })
    await listed('a', 'one', 'two')
    const [first, second] = [room, (room = `${room}-other`)]
    await publish('three', 'four', 'five')
    await show({ kind: 'Room', id: 'a', channel: second, from, limit: 2 })
    await listed('a', 'four', 'five')
    await expect.poll(() => subscribers(first)).toBe(0)
    await show({ kind: 'Room', id: 'a' })
    await listed('a')
    expect(await attribute('a', 'status')).toBe('idle')
    expect(problems).toEqual([])
  })

  it('shows one event alone, hands messages to a function without rendering, and publishes', async () => {
    await open({
      first: [
        { kind: 'Room', id: 'all', channel: room },
        { kind: 'Room', id: 'said', channel: room, event: 'said' },
        { kind: 'Room', id: 'none', channel: room, limit: 0, hears: true },
      ],
    })
    await expect.poll(() => attribute('none', 'status')).toBe('subscribed')
    await page.evaluate("app.publish.all('hello', { event: 'said' }).then(() => app.publish.all('typing'))")
    await listed('all', 'hello', 'typing')
    await listed('said', 'hello')
    await listed('none')
    expect(await page.evaluate('app.heard')).toEqual(['hello', 'typing'])
    expect(problems).toEqual([])
  })

  it('leaves the channel while it is hidden, and goes on where it was when it is shown again', async () => {
    await open()
    await publish('one', 'two')
    const part = { kind: 'Room', id: 'a', channel: room, from: { last: 1 } }
    await show({ ...part, hidden: false })
    await listed('a', 'two')
    await show({ ...part, hidden: true })
    await expect.poll(() => subscribers(room)).toBe(0)
    await publish('three', 'four')
    await show({ ...part, hidden: false })
    await listed('a', 'two', 'three', 'four')
    expect(await attribute('a', 'status')).toBe('subscribed')
    expect(problems).toEqual([])
  })

  it('shows why a channel is refused, and tells the console', async () => {
    const token = await node.token('carol', { subscribe: ['room:*'] })
    await open({
      token,
      first: [
        { kind: 'Room', id: 'a', channel: 'closed' },
        { kind: 'Room', id: 'b', channel: 'no channel' },
      ],
    })
    await expect.poll(() => attribute('a', 'status')).toBe('ended')
    expect(await attribute('a', 'error')).toContain('closed')
    expect(await attribute('b', 'error')).toContain('a channel is 1 to 128')
    expect(problems.some((text) => text.startsWith('sluice: the channel closed: '))).toBe(true)
  })
})

describe('a cut connection', () => {
  it('is shown with its reason, and what was published meanwhile comes once', async () => {
    await open({ first: [{ kind: 'Room', id: 'a', channel: room }] })
    await publish('one')
    await listed('a', 'one')
    proxy.refusing = true
    proxy.cut(1)
    await shows('output', /^(?:waiting|connecting): ./)
    await publish('two')
    proxy.refusing = false
    await shows('output', /^connected$/)
    await publish('three')
    await listed('a', 'one', 'two', 'three')
    expect(problems).toEqual([])
  })

  it('after which the log has not everything begins a list of the last ones anew', async () => {
    room = `short:${tests}`
    await publish('one', 'two')
    await open({ first: [{ kind: 'Room', id: 'a', channel: room, from: { last: 2 } }] })
    await listed('a', 'one', 'two')
    proxy.refusing = true
    proxy.cut(1)
    await shows('output', /^(?:waiting|connecting)/)
    await publish('three', 'four', 'five')
    proxy.refusing = false
    await listed('a', 'four', 'five')
    expect(await attribute('a', 'reset')).toBe('trimmed')
    await publish('six')
    await listed('a', 'four', 'five', 'six')
    expect(problems).toEqual([])
  })
})

describe('useConnection', () => {
  it('shows a token that is refused, and connects with another one when it is told to', async () => {
    const secret = 'another-secret-of-more-than-thirty-two-bytes'
    const first = [{ kind: 'Room', id: 'a', channel: room }]
    await page.goto(
      site.address({ url: url(), owns: true, token: await node.token('dave', { secret }), first }),
    )
    await shows('output', /^failed: .*signature/)
    const token = await node.token('dave')
    await page.evaluate(`app.token = ${JSON.stringify(token)}; void app.connect()`)
    await shows('output', /^connected$/)
    await publish('at last')
    await listed('a', 'at last')
    expect(await page.locator('output').getAttribute('data-user')).toBe('dave')
    // The client is the provider's own, and goes with it.
    await page.evaluate('app.root.unmount()')
    await expect.poll(() => node.metric(SUBSCRIBERS)).toBe(0)
  })
})

describe('usePresence and useInbox', () => {
  it('say who is there and what of himself, once for a component that is mounted twice, and until it is gone', async () => {
    const other = await opened()
    await open({ first: [{ kind: 'Who', id: 'who', channel: room, data: { mood: 'calm' } }] }, 'bob', other)
    await open()
    await show({ kind: 'Who', id: 'who', channel: room, data: { mood: 'glad' } })
    await shows('#who', '2: alice glad, bob calm')
    await shows('#who', '2: alice glad, bob calm', other)
    expect(await attribute('who', 'me')).toBe('alice')
    expect(await sent('subscribe', room)).toBe(1)
    await show({ kind: 'Who', id: 'who', channel: room, data: { mood: 'tired' } })
    await shows('#who', '2: alice tired, bob calm', other)
    await show({ kind: 'Inbox', id: 'inbox' })
    await shows('#who', '1: bob calm', other)
    await node.publish({ user: 'alice', data: 'for you' })
    await listed('inbox', 'for you')
    await other.close()
    expect(problems).toEqual([])
  })
})

describe('useSync', () => {
  it('loads a state, again where that fails, goes on exactly behind it, and loads it anew after a reset', async () => {
    room = `short:sync-${tests}`
    await publish('one', 'two')
    await open({ first: [{ kind: 'Table', id: 'table', channel: room }] })
    await expect.poll(() => attribute('table', 'error')).toBe('the backend says 503')
    expect(await attribute('table', 'status')).toBe('loading')
    const { position } = (await (await node.api('GET', `/v1/channels/${room}`)).json()) as {
      readonly position: object
    }
    site.files.set('/table', JSON.stringify({ state: ['one', 'two'], position }))
    await shows('#table', 'one,two')
    expect([await attribute('table', 'status'), await attribute('table', 'error')]).toEqual(['live', null])
    await publish('three')
    await shows('#table', 'one,two,three')
    proxy.refusing = true
    proxy.cut(1)
    await shows('output', /^(?:waiting|connecting)/)
    await publish('four', 'five', 'six')
    site.files.set('/table', JSON.stringify({ state: ['all six'] }))
    proxy.refusing = false
    await shows('#table', 'all six')
    await publish('seven')
    await shows('#table', 'all six,seven')
    await show()
    await expect.poll(() => subscribers(room)).toBe(0)
    site.files.delete('/table')
  })
})

describe('a page that a server has rendered', () => {
  it('is taken over by the browser as it is, and connects there only', async () => {
    const first = [
      { kind: 'Room', id: 'a', channel: room },
      { kind: 'Who', id: 'who', channel: room },
      { kind: 'Inbox', id: 'inbox' },
      { kind: 'Table', id: 'table' },
    ]
    await page.goto('about:blank')
    await expect.poll(() => proxy.connections).toBe(0)
    const [html, owned] = await renderedBy(ROOT, { url: url(), token: 'none' }, first)
    expect(html).toContain('idle')
    expect(owned).toBe(html)
    expect(proxy.connections).toBe(0)
    site.html = html
    await open({ first })
    site.html = ''
    await publish('one')
    await listed('a', 'one')
    await shows('#who', '1: alice -')
    // React complains there of what does not fit.
    expect(problems).toEqual([])
  })
})

/** What a state of Vue, and a store of Svelte, is read as. */
interface DocumentModules {
  readonly effectScope: () => { run<Made>(make: () => Made): Made; stop(): void }
  readonly useChannel: (
    client: object,
    channel: string,
    options: object,
  ) => { readonly messages: { readonly value: readonly { readonly data: unknown }[] } }
  readonly channelStore: (
    client: object,
    channel: string,
    options: object,
  ) => { subscribe(listener: (messages: readonly { readonly data: unknown }[]) => void): () => void }
}

describe('packages/react/README.md', () => {
  it('shows the last news and what comes after them, as it is written there', async () => {
    const document = 'packages/react/README.md'
    const languages = ['jsx']
    expect(snippetsOf(document, languages)).toHaveLength(1)
    const entry = `
      import { App } from 'doc:0'
      import { createRoot } from 'react-dom/client'
      createRoot(document.querySelector('#root')).render(<App />)`
    const change = (text: string): string =>
      text
        .replace('ws://127.0.0.1:8080/v1/ws', url())
        .replace('http://127.0.0.1:8080/dev/token', '/dev/token')
    site.files.set('/readme.js', await bundleDocument({ document, languages, change, entry, format: 'iife' }))
    site.files.set(
      '/dev/token',
      JSON.stringify({ token: await node.token('alice', { subscribe: ['news'] }) }),
    )
    await node.publish({ channel: 'news', data: 'before' })
    await page.goto(`${site.origin}/readme`)
    await shows('li:last-child', '"before"')
    await node.publish({ channel: 'news', data: 'after' })
    await shows('li:last-child', '"after"')
    await shows('ul[title="connected"] li:nth-last-child(2)', '"before"')
    expect(problems).toEqual([])
  })
})

describe('docs/react.md', () => {
  const document = 'docs/react.md'

  it('has components that run as they are written', async () => {
    const languages = ['jsx', 'ts']
    expect(snippetsOf(document, languages)).toHaveLength(7)
    const entry = `
      import { App } from 'doc:0'
      import { Chat } from 'doc:1'
      import { Who } from 'doc:2'
      import { Bell, Status } from 'doc:3'
      import { Log } from 'doc:5'
      import { Prices } from 'doc:4'
      import { useChannel } from 'doc:6'
      import { createRoot } from 'react-dom/client'
      import { StrictMode } from 'react'
      function News() {
        return <h1>{useChannel('news', { from: { last: 1 } }).messages[0]?.data.title}</h1>
      }
      createRoot(document.querySelector('#root')).render(
        <StrictMode><App>
          <Chat room="docs" /><Who room="docs" mood="calm" /><Bell /><Status /><Log channel="log" /><Prices /><News />
        </App></StrictMode>,
      )`
    const change = (text: string): string => text.replace('wss://rt.example.com/v1/ws', url())
    site.files.set('/doc.js', await bundleDocument({ document, languages, change, entry, format: 'iife' }))
    const token = await node.token('erna', { history: ['*'] })
    site.files.set('/realtime-token', JSON.stringify({ token }))
    const [position] = await node.publish({ channel: 'prices', data: { name: 'eur', price: 1 } })
    site.files.set('/prices', JSON.stringify({ prices: { eur: 1 }, position }))
    await node.publish({ channel: 'news', data: { title: 'Hello' } })
    for (const data of ['one', 'two', 'three', 'four']) await node.publish({ channel: 'log', data })
    await page.goto(`${site.origin}/doc`)
    await shows('h1', 'Hello')
    await shows('tbody', 'eur1')
    await node.publish({ channel: 'prices', data: { name: 'usd', price: 3 } })
    await shows('tbody', 'eur1usd3')
    await shows('p[title="1 here"]', 'you calm')
    await shows('ol', 'threefour')
    await page.click('button:text("Older")')
    await shows('ol', 'onetwothreefour')
    await page.click('button:text("Say hello")')
    await shows('section li', 'erna: Hello')
    await node.publish({ user: 'erna', data: 1 })
    await shows('output', '1 new')
    proxy.refusing = true
    proxy.cut(1)
    await shows('p[role="status"]', /(?:waiting|connecting)/)
    proxy.refusing = false
    await expect.poll(() => page.locator('p[role="status"]').count()).toBe(0)
    expect(problems).toEqual([])
  })

  it('has a composable for Vue and a store for Svelte that show a channel and leave it', async () => {
    const languages = ['js']
    expect(snippetsOf(document, languages)).toHaveLength(2)
    const entry = `
      export { useChannel } from 'doc:0'
      export { channelStore } from 'doc:1'
      export { effectScope } from 'vue'`
    const change = (text: string): string => text
    const script = await bundleDocument({ document, languages, change, entry, format: 'esm' })
    const { effectScope, useChannel, channelStore } = await importText<DocumentModules>(script)
    const client = createClient({ url: url(), token: await node.token('fritz') })
    await publish('one', 'two')
    const scope = effectScope()
    const { messages } = scope.run(() => useChannel(client, room, { from: { last: 1 } }))
    let stored: readonly unknown[] = []
    const leave = channelStore(client, room, { from: { last: 2 } }).subscribe((all) => {
      stored = all.map(({ data }) => data)
    })
    await client.connect()
    await expect.poll(() => stored).toEqual(['one', 'two'])
    await publish('three')
    await expect.poll(() => messages.value.map(({ data }) => data)).toEqual(['two', 'three'])
    await expect.poll(() => stored).toEqual(['one', 'two', 'three'])
    scope.stop()
    leave()
    await expect.poll(() => subscribers(room)).toBe(0)
    client.close()
  })
})
