import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/** Chromium's own EventSource with no library around it: what it was told by `id:` is all that it knows after a cut. */

let node: StartedNode
let proxy: CuttingProxy
let browser: Browser
let page: Page
let site: Server

beforeAll(async () => {
  site = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end('<title>stream</title>'),
  )
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  node = await startNode({ allowedOrigins: [origin], heartbeat: { retryMin: 50, retryMax: 100 } })
  proxy = new CuttingProxy(node.port)
  await proxy.listen()
  browser = await chromium.launch(CHROMIUM)
  page = await newPage(browser)
  await page.goto(origin)
})
afterAll(async () => {
  await browser.close()
  await proxy.close()
  await node.close()
  site.close()
})

interface Shown {
  readonly opened: number
  readonly data: readonly string[]
  readonly resets: number
}

/** Runs in the page. */
function listen(url: string): void {
  const shown = { opened: 0, data: [] as string[], resets: 0 }
  Object.assign(globalThis, { shown })
  const stream = new EventSource(url)
  stream.addEventListener('welcome', () => shown.opened++)
  stream.addEventListener('reset', () => shown.resets++)
  stream.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data as string) as { channel: string; data: string }
    shown.data.push(`${message.channel} ${message.data}`)
  })
}

const shown = (): Promise<Shown> =>
  page.evaluate(() => (globalThis as unknown as { readonly shown: Shown }).shown)

describe("Chromium's EventSource", () => {
  it('resumes several channels and the inbox after each cut, by Last-Event-ID alone', async () => {
    const token = await node.token('eve')
    const url = `http://127.0.0.1:${proxy.port}/v1/sse?channels=news,sport&token=${token}`
    await page.evaluate(listen, url)
    await expect.poll(async () => (await shown()).opened).toBe(1)

    const expected: string[] = []
    for (let round = 1; round <= 5; round++) {
      await node.publish({ channel: 'news', data: `${round} connected` })
      expected.push(`news ${round} connected`)
      await expect.poll(async () => (await shown()).data.length).toBe(expected.length)
      proxy.cut(1)
      await node.publish([
        { channel: 'news', data: `${round} cut` },
        { channel: 'sport', data: `${round} cut` },
        { user: 'eve', data: `${round} cut` },
      ])
      expected.push(`news ${round} cut`, `sport ${round} cut`, `@inbox ${round} cut`)
      await expect.poll(async () => (await shown()).data.length).toBe(expected.length)
    }
    const { data, resets } = await shown()
    const ofChannel = (channel: string, lines: readonly string[]): string[] =>
      lines.filter((line) => line.startsWith(`${channel} `))
    for (const channel of ['news', 'sport', '@inbox']) {
      expect(ofChannel(channel, data)).toEqual(ofChannel(channel, expected))
    }
    expect(resets).toBe(0)
    expect(proxy.cuts).toBeGreaterThanOrEqual(5)
  })
})

describe('a token that is refused', () => {
  it('as a cookie does not end an EventSource, which goes on with the next cookie of its page', async () => {
    await page.evaluate(`
      document.cookie = 'sluice_token=expired'
      const seen = { refused: 0, user: '' }
      const url = 'http://127.0.0.1:${node.port}/v1/sse?channels=news'
      const stream = new EventSource(url, { withCredentials: true })
      stream.addEventListener('closing', () => seen.refused++)
      stream.addEventListener('welcome', ({ data }) => {
        seen.user = JSON.parse(data).user
        stream.close()
      })
      Object.assign(globalThis, { seen })
    `)
    const seen = (): Promise<unknown> => page.evaluate('seen')
    await expect.poll(async () => ((await seen()) as { refused: number }).refused).toBeGreaterThan(0)
    await page.evaluate(`document.cookie = 'sluice_token=${await node.token('carl')}'`)
    await expect.poll(seen).toMatchObject({ user: 'carl' })
    await page.evaluate(`document.cookie = 'sluice_token=; max-age=0'`)
  })

  it('in the URL is replaced by connectStream, which goes on after its last event', async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('../../src/client/stream.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'sluice',
    })
    await page.addScriptTag({ content: outputFiles[0]?.text as string })
    await page.evaluate(`
      const heard = [], tokens = ['bad', '${await node.token('dora', { ttlSeconds: 2 })}', '${await node.token('dora')}']
      let opened = 0
      const end = sluice.connectStream({
        url: 'http://127.0.0.1:${node.port}/v1/sse?channels=dora',
        token: () => tokens.length > 1 ? tokens.shift() : tokens[0],
        pauseMs: 50,
        on: { message: ({ data }) => heard.push(data), welcome: () => opened++ },
      })
      Object.assign(globalThis, { heard, end, openings: () => opened })
    `)
    await expect.poll(() => page.evaluate('openings()')).toBe(1)
    await node.publish({ channel: 'dora', data: 'one' })
    await expect.poll(() => page.evaluate('openings()')).toBe(2)
    await node.publish({ channel: 'dora', data: 'two' })
    await expect.poll(() => page.evaluate('heard')).toEqual(['one', 'two'])
    await page.evaluate('end()')
  })
})
