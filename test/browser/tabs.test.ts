import { fileURLToPath } from 'node:url'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM } from './chromium.ts'

/** Tabs of one user in Chromium: one connection, and the tab that has it is closed while messages are published. */

const APP = `<script src="/sluice.js"></script><script>
  const { channel, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)))
  const client = new sluice.SharedClient({ ...options, backoff: { baseMs: 20, maxMs: 50 } })
  const shown = [], inbox = []
  client.subscribe(channel, ({ data }) => shown.push(data))
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
    entryPoints: [fileURLToPath(new URL('../../src/client/tabs.ts', import.meta.url))],
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
  node = await startNode({ allowedOrigins: [origin], namespaces: { chat: { clientPublish: 'fanout' } } })
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

async function open(user: string, transport: string): Promise<Page> {
  const page = await context.newPage()
  const url = `ws://127.0.0.1:${node.port}/v1/ws`
  const options = { url, user, transport, token: await node.token(user), channel: `chat:${transport}` }
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
