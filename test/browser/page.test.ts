import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patientDuration } from '../support/patience.ts'
import { freePorts } from '../support/server-process.ts'
import { createClient } from '../../src/client/node.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Node } from '../../src/node/contract.ts'
import { createNode } from '../../src/node/node.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/** The page of `sluice dev`, as a newcomer sees it. With SLUICE_SCREENSHOTS, a folder, it leaves pictures there. */

const PANELS = ['websocket', 'sse', 'long-poll'] as const
const SETTINGS = {
  port: 0,
  api: { port: 0 },
  // A browser tells of a connection that is refused as of an error, and a busy machine is none of the page.
  admission: { maxLoopLag: 0 },
  log: { level: 'error', pretty: false },
} as const
const SCREENSHOTS = process.env['SLUICE_SCREENSHOTS']

let node: Node
let ports: readonly [number, number]
let browser: Browser
let page: Page
const problems: string[] = []

/** Again on the same ports and with the same secret, as `sluice dev` does. */
async function startNode(): Promise<Node> {
  const [port, apiPort] = ports
  const started = await createNode(
    loadConfig({
      dev: true,
      devSecret: 'a-secret-that-stays-between-the-starts-of-a-node',
      settings: { ...SETTINGS, port, api: { port: apiPort } },
    }),
  )
  await started.start()
  return started
}

beforeAll(async () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url))])
  ports = (await freePorts(2)) as [number, number]
  node = await startNode()
  browser = await chromium.launch(CHROMIUM)
  page = await newPage(browser)
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    // A connection that the page itself cuts is an error to the browser.
    if (message.type() === 'error' && !/ERR_|status of 503/.test(message.text()))
      problems.push(message.text())
  })
  await page.goto(node.url)
})
afterAll(async () => {
  await browser.close()
  await node.close()
})

const count = async (panel: string, name: string): Promise<number> =>
  Number(await page.textContent(`#${panel} [data-count="${name}"]`))

const everywhere = async (name: string): Promise<number[]> =>
  Promise.all(PANELS.map((panel) => count(panel, name)))

async function connected(): Promise<void> {
  for (const panel of PANELS) {
    await page.locator(`#${panel} .badge`, { hasText: /^connected$/ }).waitFor()
  }
}

async function publish(data: unknown, channel = 'news'): Promise<void> {
  const response = await fetch(`${node.apiUrl}/v1/publish`, {
    method: 'POST',
    headers: { authorization: 'Bearer dev' },
    body: JSON.stringify({ channel, data }),
  })
  expect(response.status).toBe(200)
}

async function picture(name: string): Promise<void> {
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true })
}

describe('the page', () => {
  it('shows on all three transports what a terminal publishes', async () => {
    await connected()
    await publish({ hello: 'world' })
    await expect.poll(() => everywhere('received')).toEqual([1, 1, 1])
    for (const panel of PANELS) {
      expect(await page.textContent(`#${panel} .messages li`)).toContain('{"hello":"world"}')
    }
    await picture('received')
  })

  it('publishes what is typed, and shows markup as text', async () => {
    await page.fill('#data', '<img src=x onerror=alert(1)>')
    await page.click('#publish-form button')
    await expect.poll(() => everywhere('received')).toEqual([2, 2, 2])
    expect(await page.textContent('#sse .messages li')).toContain('<img src=x onerror=alert(1)>')
    expect(await page.locator('.messages img').count()).toBe(0)
  })

  it('resumes each transport after a cut: nothing is missing and nothing comes twice', async () => {
    await page.click('#stream')
    await expect.poll(async () => Math.min(...(await everywhere('received')))).toBeGreaterThan(10)
    for (const panel of PANELS) await page.click(`#${panel} .cut`)
    await expect.poll(() => everywhere('cuts')).toEqual([1, 1, 1])
    await connected()
    for (const panel of PANELS) {
      await page
        .locator(`#${panel} .note`, { hasText: /resumed$/ })
        .first()
        .waitFor()
    }
    await page.click('#stream')
    await publish('last')
    for (const panel of PANELS) {
      await page.locator(`#${panel} .messages li:not(.note)`, { hasText: /last$/ }).waitFor()
    }
    const received = await everywhere('received')
    expect(new Set(received).size).toBe(1)
    expect(await everywhere('twice')).toEqual([0, 0, 0])
    expect(await everywhere('disordered')).toEqual([0, 0, 0])
    expect(await everywhere('resets')).toEqual([0, 0, 0])
    expect(Math.min(...(await everywhere('replayed')))).toBeGreaterThan(0)
    for (const panel of PANELS) {
      expect(await page.locator(`#${panel} .messages .replayed`).count()).toBeGreaterThan(0)
      expect(await page.locator(`#${panel} .messages .cut`).count()).toBe(1)
    }
    await picture('resumed')
  })

  it('starts anew on another channel', async () => {
    await page.fill('#channel', 'other')
    await page.click('#channel-form button')
    await page.fill('#data', '42')
    await page.click('#publish-form button')
    await expect.poll(() => everywhere('received')).toEqual([1, 1, 1])
  })

  it('fits a phone, in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    await picture('phone')
  })

  it('shows which channels are used and by whom, and goes to the one that is clicked on', async () => {
    const token = await (await fetch(`${node.url}/dev/token?sub=paula`)).json()
    const client = createClient({
      url: node.url.replace('http', 'ws') + '/v1/ws',
      ...(token as { token: string }),
    })
    client.connect().catch((error: unknown) => problems.push(String(error)))
    await client.subscribe('room:paula', () => undefined).ready
    const line = page.locator('#channels li', { hasText: 'room:paula' })
    await expect.poll(() => line.textContent()).toBe('room:paula1 connection: paula')
    await line.locator('button').click()
    await page.locator('#people li', { hasText: 'paula' }).waitFor()
    await expect
      .poll(() => line.textContent())
      .toMatch(/^room:paula4 connections: (?:page-\w+, paula|paula, page-\w+)$/)
    client.close()
    await page.fill('#channel', 'other')
    await page.click('#channel-form button')
    await connected()
  })

  it('shows who is on the channel, and what the token of the page allows until when', async () => {
    await page.locator('#people li', { hasText: '(this page)' }).waitFor()
    expect(await page.textContent('#inspector .verdict')).toMatch(
      /^page-\w+ may subscribe to \* and publish to \*; good until /,
    )
    const expired = await mintToken(
      { secret: 'any', sub: 'bob', subscribe: ['news*'], publish: [], ttlSeconds: 5 },
      { now: () => systemClock.now() - 60_000 },
    )
    await page.fill('#token', expired)
    expect(await page.textContent('#inspector .verdict')).toMatch(
      /^Expired at .*: bob may subscribe to news\* and publish to nothing$/,
    )
    await page.fill('#token', 'no token')
    expect(await page.textContent('#inspector .verdict')).toContain('This is no token')
    await page.fill('#token', '')
  })

  it.each([
    ['curl', 'bash', ['--norc', '-c']],
    ['JavaScript', process.execPath, ['--input-type=module', '-e']],
    ['Python', 'python3', ['-c']],
  ])('shows %s that publishes to the channel as it is', async (language, program, words) => {
    await page.locator('#snippets button', { hasText: language }).click()
    const code = (await page.textContent('#snippets code')) ?? ''
    await promisify(execFile)(program, [...words, code])
    await page.locator('#websocket .messages li', { hasText: `{"hello":"${language}"}` }).waitFor()
  })

  it('says that the gateway is away and how to start it, and goes on after it without a false alarm', async () => {
    await node.close()
    await page.locator('#away', { hasText: 'Start it with npx @sluice/gateway dev' }).waitFor()
    await picture('away')
    node = await startNode()
    await page.locator('#away').waitFor({ state: 'hidden' })
    await connected()
    await publish({ channel: 'other' }, 'other')
    for (const panel of PANELS)
      await page.locator(`#${panel} .messages li:not(.note)`, { hasText: '{"channel":"other"}' }).waitFor()
    expect(await everywhere('disordered')).toEqual([0, 0, 0])
    expect(await everywhere('twice')).toEqual([0, 0, 0])
    await picture('back')
  })

  it('has had no error of its own', () => {
    expect(problems).toEqual([])
  })
})

describe('the page of a node that asks for fresh tokens all the time', () => {
  it('gets them on its own, and goes on on all three transports', async () => {
    const hasty = await createNode(
      loadConfig({
        dev: true,
        settings: {
          ...SETTINGS,
          auth: { reauthInterval: patientDuration(2000), reauthDeadline: patientDuration(1000) },
        },
      }),
    )
    await hasty.start()
    const other = await newPage(browser)
    const streams = new Set<string>()
    let tokens = 0
    other.on('request', (request) => {
      const url = new URL(request.url())
      if (url.pathname === '/dev/token') tokens++
      if (url.pathname === '/v1/sse') streams.add(url.searchParams.get('token') ?? '')
    })
    try {
      await other.goto(hasty.url)
      await expect.poll(() => streams.size).toBeGreaterThan(2)
      expect(tokens).toBeGreaterThan(4)
      const published = await fetch(`${hasty.apiUrl}/v1/publish`, {
        method: 'POST',
        headers: { authorization: 'Bearer dev' },
        body: JSON.stringify({ channel: 'news', data: 'still here' }),
      })
      expect(published.status).toBe(200)
      for (const panel of PANELS)
        await other.locator(`#${panel} .messages li`, { hasText: 'still here' }).waitFor()
    } finally {
      await other.close()
      await hasty.close()
    }
  })

  it('says why there is no token where somebody has configured a secret, and takes one from its address', async () => {
    const jwtSecret = 'a-secret-that-somebody-has-configured'
    const strict = await createNode(
      loadConfig({
        dev: true,
        settings: { ...SETTINGS, auth: { jwtSecret } },
      }),
    )
    await strict.start()
    const other = await newPage(browser)
    try {
      await other.goto(strict.url)
      await other.locator('#notice', { hasText: 'makes none' }).waitFor()
      const token = await mintToken(
        { secret: jwtSecret, sub: 'me', subscribe: ['*'], publish: ['*'] },
        systemClock,
      )
      await other.goto(`${strict.url}/#token=${token}`)
      await other.reload()
      for (const panel of PANELS)
        await other.locator(`#${panel} .badge`, { hasText: /^connected$/ }).waitFor()
    } finally {
      await other.close()
      await strict.close()
    }
  })
})
