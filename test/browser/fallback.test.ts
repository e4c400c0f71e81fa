import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/** The SDK in a Chromium that opens no WebSocket, from a page of another origin, with a network that is cut. */

let node: StartedNode
let proxy: CuttingProxy
let browser: Browser
let site: Server

beforeAll(async () => {
  const sdk = readFileSync(new URL('../../dist/client/sluice.global.js', import.meta.url))
  site = createServer((request, response) => {
    if (request.url === '/sluice.js') response.setHeader('content-type', 'text/javascript').end(sdk)
    else {
      // The page may fetch from anywhere, and open no WebSocket: as a browser does behind a firewall, it only sees that it fails.
      response.setHeader('content-security-policy', 'connect-src http:')
      response.setHeader('content-type', 'text/html').end('<script src="/sluice.js"></script>')
    }
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  node = await startNode({ allowedOrigins: [origin], namespaces: { chat: { clientPublish: 'fanout' } } })
  proxy = new CuttingProxy(node.port)
  await proxy.listen()
  browser = await chromium.launch(CHROMIUM)
})
afterAll(async () => {
  await browser.close()
  await proxy.close()
  await node.close()
  site.close()
})

interface Shown {
  readonly transport: string
  readonly state: string
  readonly data: readonly unknown[]
  readonly published: number
}

/** Runs in the page. */
function listen({
  url,
  token,
  transport,
}: {
  url: string
  token: string
  transport: string[] | undefined
}): void {
  interface Client {
    readonly transport: string
    readonly state: string
    subscribe(channel: string, handler: (message: { readonly data: unknown }) => void): unknown
    publish(channel: string, data: unknown): Promise<unknown>
    connect(): Promise<void>
    close(): void
  }
  const { sluice } = globalThis as unknown as { sluice: { SluiceClient: new (options: object) => Client } }
  const client = new sluice.SluiceClient({
    url,
    token,
    backoff: { baseMs: 20, maxMs: 50 },
    ...(transport && { transport }),
  })
  const data: unknown[] = []
  let published = 0
  client.subscribe('chat', (message) => data.push(message.data))
  void client.connect()
  Object.assign(globalThis, {
    shown: () => ({ transport: client.transport, state: client.state, data, published }),
    say: (text: string) => void client.publish('chat', text).then(() => published++),
    leave: () => client.close(),
  })
}

const run = (page: Page, name: string, argument?: string): Promise<Shown> =>
  page.evaluate(
    ([what, given]) =>
      (globalThis as unknown as Record<string, (a: unknown) => Shown>)[what as string]?.(given) as Shown,
    [name, argument],
  )

describe('in a Chromium that blocks WebSockets, the client', () => {
  it.each([
    ['finds its way by itself', undefined, 'sse'],
    ['polls where the page wants that', ['websocket', 'poll'], 'poll'],
  ])(
    '%s: it publishes, and shows each message once and in order through cuts',
    async (_what, transport, way) => {
      const page = await newPage(browser)
      await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}`)
      const url = `ws://127.0.0.1:${proxy.port}/v1/ws`
      await page.evaluate(listen, { url, token: await node.token(`user-of-${way}`), transport })
      await expect.poll(async () => (await run(page, 'shown')).state).toBe('connected')
      expect((await run(page, 'shown')).transport).toBe(way)
      const expected: string[] = []
      for (let round = 0; round < 2; round++) {
        await run(page, 'say', `${way} ${round} said`)
        expected.push(`${way} ${round} said`)
        await expect.poll(async () => (await run(page, 'shown')).published).toBe(round + 1)
        proxy.cut(1)
        await node.publish({ channel: 'chat', data: `${way} ${round} cut` })
        expected.push(`${way} ${round} cut`)
        await expect.poll(async () => (await run(page, 'shown')).data.length).toBe(expected.length)
      }
      expect((await run(page, 'shown')).data).toEqual(expected)
      await run(page, 'leave')
      await expect.poll(() => node.metric(`sluice_connections{transport="${way}"}`)).toBe(0)
      await page.close()
    },
  )
})
