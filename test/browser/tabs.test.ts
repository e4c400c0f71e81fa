import { fileURLToPath } from 'node:url'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import { Presence } from '../../src/client/presence.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createNode } from '../../src/node/node.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM } from './chromium.ts'

/** Tabs of one user in Chromium: one connection, and the tab that has it is closed while messages are published. */

const APP = `<script src="/sluice.js"></script><script>
  const { channel, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)))
  const client = new sluice.SharedClient({ ...options, backoff: { baseMs: 20, maxMs: 50 } })
  const shown = [], inbox = [], states = []
  let fails = () => false
  client.on('state', ({ state }) => states.push(state))
  client.subscribe(channel, ({ data }) => {
    shown.push(data)
    if (fails(data)) throw new Error('a handler of this tab fails')
  })
  client.inbox(({ data }) => inbox.push(data))
  client.connect()
</script>`

let node: StartedNode
let site: Server
let origin: string
let browser: Browser
let context: BrowserContext

beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export { SharedClient } from './tabs.ts'; export { Presence } from './presence.ts'",
      resolveDir: fileURLToPath(new URL('../../src/client', import.meta.url)),
    },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'sluice',
    target: 'es2022',
  })
  const script = outputFiles[0]?.text
  site = createServer(({ url }, response) => {
    if (url === '/sluice.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.setHeader('content-type', 'text/html').end(APP)
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  node = await startNode({
    allowedOrigins: [origin],
    namespaces: { chat: { clientPublish: 'fanout' }, room: { presence: true } },
  })
  browser = await chromium.launch(CHROMIUM)
})
beforeEach(async () => {
  context = await browser.newContext()
  return () => context.close()
})
afterAll(async () => {
  await browser.close()
  await node.close()
  site.close()
})

async function open(user: string, transport: string, more: object = {}, on = context): Promise<Page> {
  const page = await on.newPage()
  const url = `ws://127.0.0.1:${node.port}/v1/ws`
  const token = await node.token(user)
  const options = { url, user, transport, token, channel: `chat:${transport}`, ...more }
  await page.goto(`${origin}/#${encodeURIComponent(JSON.stringify(options))}`)
  await expect.poll(() => page.evaluate('client.state')).toBe('connected')
  return page
}

const shown = (page: Page): Promise<unknown> => page.evaluate('shown')
const connections = (transport: string): Promise<number> =>
  node.metric(`sluice_connections{transport="${transport}"}`) as Promise<number>

describe.each(['websocket', 'sse', 'poll'])('tabs of a user over %s', (transport) => {
  it('share a connection, and miss nothing when the tab that has it is closed while messages come', async () => {
    const user = `user-of-${transport}`
    const channel = `chat:${transport}`
    const leader = await open(user, transport)
    const second = await open(user, transport)
    expect(await connections(transport)).toBe(1)

    const expected: string[] = []
    const publish = async (data: string): Promise<void> => {
      expected.push(data)
      await node.publish({ channel, data })
    }
    await publish('to both')
    for (const page of [leader, second]) await expect.poll(() => shown(page)).toEqual(expected)
    await second.evaluate(`client.publish('${channel}', 'by a tab')`)
    expected.push('by a tab')
    for (const page of [leader, second]) await expect.poll(() => shown(page)).toEqual(expected)

    const closing = leader.close()
    for (let count = 0; count < 30; count++) await publish(`during the takeover ${count}`)
    await closing
    await publish('after it')
    await node.publish({ user, data: 'to the user' })
    await expect.poll(() => shown(second)).toEqual(expected)
    await expect.poll(() => second.evaluate('inbox')).toEqual(['to the user'])
    await expect.poll(() => connections(transport)).toBe(1)

    // One that comes later has a start of its own.
    const third = await open(user, transport)
    await publish('to the third')
    await expect.poll(() => shown(third)).toEqual(['to the third'])
    await expect.poll(() => shown(second)).toEqual(expected)
    await context.close()
    await expect.poll(() => connections(transport)).toBe(0)
  })
})

it('tabs of another user have a connection of their own', async () => {
  const pages = [await open('alice', 'websocket'), await open('bob', 'websocket')]
  expect(await connections('websocket')).toBe(2)
  await node.publish({ user: 'alice', data: 'for alice' })
  await expect.poll(() => (pages[0] as Page).evaluate('inbox')).toEqual(['for alice'])
  expect(await (pages[1] as Page).evaluate('inbox')).toEqual([])
})

it('a tab takes over when the one that leads crashes, and nothing is lost or seen twice', async () => {
  const channel = 'chat:crash'
  const leader = await open('carol', 'websocket', { channel })
  const others = [
    await open('carol', 'websocket', { channel }),
    await open('carol', 'websocket', { channel }),
  ]
  const expected: string[] = []
  const publish = async (data: string): Promise<void> => {
    expected.push(data)
    await node.publish({ channel, data })
  }
  await publish('before it')
  for (const page of others) await expect.poll(() => shown(page)).toEqual(expected)

  const crashed = leader.waitForEvent('crash')
  const inspector = await context.newCDPSession(leader)
  // It is answered by nobody: the process is gone.
  inspector.send('Page.crash').catch(() => undefined)
  for (let count = 0; count < 30; count++) await publish(`during the takeover ${count}`)
  await crashed
  for (const page of others) {
    await expect.poll(() => page.evaluate('states.join()')).toMatch(/connected,.*connected$/)
    await publish('after it')
    await node.publish({ user: 'carol', data: 'to the user' })
  }
  for (const page of others) {
    await expect.poll(() => shown(page)).toEqual(expected)
    await expect.poll(() => page.evaluate('inbox')).toEqual(['to the user', 'to the user'])
  }
  expect(await connections('websocket')).toBe(1)
})

it('tabs see who is there and what he says, and say it themselves', async () => {
  const leader = await open('dora', 'websocket', { channel: 'room:1' })
  const second = await open('dora', 'websocket', { channel: 'room:1' })
  const bob = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token: await node.token('bob') })
  try {
    await bob.connect()
    const there = new Presence<string>(bob, 'room:1')
    for (const page of [leader, second])
      await page.evaluate("room = new sluice.Presence(client, 'room:1'); void 0")
    const members = (page: Page): Promise<unknown> => page.evaluate('Object.fromEntries(room.members)')
    await second.evaluate("room.enter('by a tab')")
    await there.enter('first')
    for (const page of [leader, second])
      await expect.poll(() => members(page)).toEqual({ dora: 'by a tab', bob: 'first' })
    await there.update('second')
    for (const page of [leader, second])
      await expect.poll(() => members(page)).toEqual({ dora: 'by a tab', bob: 'second' })
    expect(there.members.get('dora')).toBe('by a tab')
  } finally {
    bob.close()
  }
})

it('a durable message counts as handled when all tabs have: one that fails in a tab comes again to another device', async () => {
  const url = (port: string): string => `ws://127.0.0.1:${port}/v1/ws`
  const settings = { port: 0, api: { port: 0 }, log: { level: 'error', pretty: false } } as const
  const namespaces = { jobs: { delivery: 'durable' } } as const
  const dev = await createNode(loadConfig({ dev: true, settings: { ...settings, namespaces } }))
  await dev.start()
  try {
    const { port } = new URL(dev.url)
    const { token } = (await (await fetch(`${dev.url}/dev/token?sub=eve`)).json()) as {
      readonly token: string
    }
    const publish = async (data: string): Promise<void> => {
      const response = await fetch(`${dev.apiUrl}/v1/publish`, {
        method: 'POST',
        headers: { authorization: 'Bearer dev', 'content-type': 'application/json' },
        body: JSON.stringify({ channel: 'jobs:1', data }),
      })
      expect(response.status).toBe(200)
    }
    const more = { url: url(port), token, channel: 'jobs:1' }
    const tabs = [await open('eve', 'websocket', more), await open('eve', 'websocket', more)]
    await publish('handled')
    const acknowledged = async (): Promise<string | undefined> =>
      /^sluice_acks_total (\d+)/m.exec(await (await fetch(`${dev.apiUrl}/metrics`)).text())?.[1]
    await expect.poll(acknowledged).toBe('1')

    await tabs[1]?.evaluate("fails = (data) => data === 'fails in a tab'; void 0")
    for (const data of ['fails in a tab', 'after it']) await publish(data)
    for (const page of tabs)
      await expect.poll(() => shown(page)).toEqual(['handled', 'fails in a tab', 'after it'])
    // A device of its own: it has no place to go on from, and gets what is not acknowledged.
    const elsewhere = await browser.newContext()
    try {
      const device = await open('eve', 'websocket', more, elsewhere)
      await expect.poll(() => shown(device)).toEqual(['fails in a tab', 'after it'])
      await expect.poll(acknowledged).toBe('2')
    } finally {
      await elsewhere.close()
    }
  } finally {
    await context.close()
    await dev.close()
  }
})
