import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM } from './chromium.ts'

/** Pages that are reloaded, opened anew and left for a while, in Chromium: what was published meanwhile is shown once. */

const APP = `<script src="/sluice.js"></script><script>
  const { channel, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)))
  const client = new sluice.SluiceClient({ ...options, backoff: { baseMs: 20, maxMs: 50 } })
  const shown = []
  let restored = false
  client.subscribe(channel, ({ data }) => shown.push(data))
  client.inbox(({ data }) => shown.push(data))
  client.connect()
  addEventListener('pageshow', ({ persisted }) => { restored ||= persisted })
</script>`

let node: StartedNode
let site: Server
let origin: string
let browser: Browser
let context: BrowserContext
let tests = 0
let channel: string

beforeAll(async () => {
  const sdk = readFileSync(new URL('../../dist/client/sluice.global.js', import.meta.url))
  site = createServer(({ url }, response) => {
    if (url === '/sluice.js') response.setHeader('content-type', 'text/javascript').end(sdk)
    else
      response.setHeader('content-type', 'text/html').end(url === '/app' ? APP : '<title>elsewhere</title>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  node = await startNode({ allowedOrigins: [origin] })
  browser = await chromium.launch({ ...CHROMIUM, ignoreDefaultArgs: ['--disable-back-forward-cache'] })
})
beforeEach(async () => {
  context = await browser.newContext()
  channel = `news-${++tests}`
  return () => context.close()
})
afterAll(async () => {
  await browser.close()
  await node.close()
  site.close()
})

async function open(page: Page, user: string, resume: string): Promise<void> {
  const options = { url: `ws://127.0.0.1:${node.port}/v1/ws`, token: await node.token(user), resume, channel }
  await page.goto(`${origin}/app#${encodeURIComponent(JSON.stringify(options))}`)
  await expect.poll(() => page.evaluate('client.state')).toBe('connected')
}

const shown = (page: Page): Promise<unknown> => page.evaluate('shown')

async function publish(user: string, data: string): Promise<void> {
  await node.publish([
    { channel, data },
    { user, data: `${data} to ${user}` },
  ])
}

/** Both have come, in whatever order, and nothing else. */
const showsOnly = (page: Page, ...data: string[]): Promise<void> =>
  expect.poll(async () => [...((await shown(page)) as string[])].sort()).toEqual(data.toSorted())

describe('a page', () => {
  it('that is reloaded goes on from where it was, and another user in the same tab does not', async () => {
    const page = await context.newPage()
    await open(page, 'alice', 'tab')
    await publish('alice', 'one')
    await showsOnly(page, 'one', 'one to alice')
    await page.goto(`${origin}/elsewhere`)
    await publish('alice', 'two')
    await open(page, 'alice', 'tab')
    await showsOnly(page, 'two', 'two to alice')

    await page.goto(`${origin}/elsewhere`)
    await publish('bob', 'three')
    await open(page, 'bob', 'tab')
    await publish('bob', 'four')
    await showsOnly(page, 'four', 'four to bob')
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).not.toMatch(/eyJ|three|alice/)
  })

  it('in a new tab goes on from where the device was', async () => {
    const former = await context.newPage()
    await open(former, 'carol', 'device')
    await publish('carol', 'one')
    await showsOnly(former, 'one', 'one to carol')
    await former.goto(`${origin}/elsewhere`)
    await former.close()
    await publish('carol', 'two')
    const page = await context.newPage()
    await open(page, 'carol', 'device')
    await showsOnly(page, 'two', 'two to carol')
  })

  it('that comes back as it was, from the back/forward cache, connects again and misses nothing', async () => {
    const page = await context.newPage()
    await open(page, 'dave', 'page')
    await publish('dave', 'one')
    await showsOnly(page, 'one', 'one to dave')
    await page.goto(`${origin}/elsewhere`)
    // It had closed its connection, or else it would not be kept.
    await expect.poll(() => node.metric('sluice_connections{transport="websocket"}')).toBe(0)
    await publish('dave', 'two')
    // Not by the browser's driver, which waits for a page to load.
    await page.evaluate('void history.back()')
    await expect.poll(() => page.evaluate('restored')).toBe(true)
    await showsOnly(page, 'one', 'one to dave', 'two', 'two to dave')
  })
})
