import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { Node } from '../../src/node/contract.ts'
import { createNode } from '../../src/node/node.ts'
import { CHROMIUM, newPage } from '../browser/chromium.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { freePorts } from '../support/server-process.ts'

/** The examples, run as their READMEs say, beside a gateway for development. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let node: Node
let proxy: CuttingProxy
let browser: Browser
const running: ChildProcess[] = []

async function startDevNode(port = 0, apiPort = 0): Promise<Node> {
  const settings = { port, api: { port: apiPort }, log: { level: 'error', pretty: false } } as const
  const started = await createNode(loadConfig({ dev: true, settings }))
  await started.start()
  return started
}

beforeAll(async () => {
  node = await startDevNode()
  proxy = new CuttingProxy(Number(new URL(node.url).port))
  await proxy.listen()
  browser = await chromium.launch(CHROMIUM)
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
afterAll(async () => {
  await browser.close()
  await proxy.close()
  await node.close()
})

interface Program {
  readonly child: ChildProcess
  readonly lines: () => string[]
}

function run(file: string, words: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, [`examples/${file}`, ...words], {
    cwd: ROOT,
    env: {
      ...process.env,
      SLUICE_URL: `http://127.0.0.1:${proxy.port}`,
      SLUICE_API_URL: node.apiUrl,
      PORT: '0',
      PAUSE_MS: '0',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => (output += text.toString()))
  return { child, lines: () => output.trimEnd().split('\n') }
}

async function addressOf({ lines }: Program): Promise<string> {
  await expect.poll(() => lines().join('\n')).toMatch(/http:\S+/)
  return /http:\S+/.exec(lines().join('\n'))?.[0] as string
}

const say = ({ child }: Program, text: string): void => void child.stdin?.write(`${text}\n`)

describe('the stock ticker', () => {
  it("shows prices in a page by the browser's own EventSource, which comes back after the network was away", async () => {
    const page = await newPage(browser)
    await page.goto(await addressOf(run('ticker-sse/ticker.js')))
    const cells = page.locator('#prices td:last-child')
    await expect.poll(() => cells.count()).toBe(3)
    for (const price of await cells.allTextContents()) expect(Number(price)).toBeGreaterThan(0)
    proxy.refusing = true
    proxy.cut(1)
    await page.locator('#state', { hasText: 'reconnecting' }).waitFor()
    const before = await cells.allTextContents()
    proxy.refusing = false
    await page.locator('#state', { hasText: 'live' }).waitFor()
    await expect.poll(() => cells.allTextContents()).not.toEqual(before)
    await page.close()
  })

  it('goes on with a fresh token where a gateway that has started again refuses the old one', async () => {
    // Not port 0: what is bound so cannot be bound again while a connection of it is being closed.
    const [port, apiPort] = await freePorts(2)
    const first = await startDevNode(port, apiPort)
    const env = { SLUICE_URL: first.url, SLUICE_API_URL: first.apiUrl }
    const page = await newPage(browser)
    await page.goto(await addressOf(run('ticker-sse/ticker.js', [], env)))
    const cells = page.locator('#prices td:last-child')
    await expect.poll(() => cells.count()).toBe(3)
    await first.close()
    await page.locator('#state', { hasText: 'reconnecting' }).waitFor()
    const before = await cells.allTextContents()
    const second = await startDevNode(port, apiPort)
    try {
      await page.locator('#state', { hasText: 'live' }).waitFor()
      await expect.poll(() => cells.allTextContents()).not.toEqual(before)
    } finally {
      await page.close()
      await second.close()
    }
  })
})

describe('the chat', () => {
  it('carries a line from one terminal to another and to the page, and back', async () => {
    const page = await newPage(browser)
    await page.goto(`${await addressOf(run('chat-websocket/web.js'))}?name=carol%26co`)
    await page.locator('#state', { hasText: 'carol&co, connected' }).waitFor()
    const alice = run('chat-websocket/chat.js', ['alice'])
    const bob = run('chat-websocket/chat.js', ['bob'])
    for (const { lines } of [alice, bob]) await expect.poll(lines).toContain('(connected)')
    say(alice, 'hello <b>all</b>')
    for (const { lines } of [alice, bob]) await expect.poll(lines).toContain('alice: hello <b>all</b>')
    await page.locator('#messages li', { hasText: 'hello <b>all</b>' }).waitFor()
    await page.fill('#text', 'hi from the page')
    await page.click('button')
    await expect.poll(bob.lines).toContain('carol&co: hi from the page')
    alice.child.stdin?.end('bye\n')
    await expect.poll(bob.lines).toContain('alice: bye')
    await page.close()
  })
})

describe('the orders', () => {
  it('reach the customer, also those that came while he was away', async () => {
    const customer = run('orders-inbox/customer.js', ['olga'])
    await expect.poll(customer.lines).toContain('(connected)')
    proxy.refusing = true
    proxy.cut(1)
    await expect.poll(customer.lines).toContain('(waiting)')
    const orders = run('orders-inbox/orders.js', ['olga'])
    expect(await once(orders.child, 'close')).toEqual([0, null])
    expect(customer.lines().filter((line) => line.startsWith('order '))).toEqual([])
    proxy.refusing = false
    const notices = (): string[] => customer.lines().filter((line) => line.startsWith('order '))
    await expect.poll(notices).toHaveLength(4)
    expect(notices().map((line) => line.split(' ').at(-1))).toEqual([
      'received',
      'packed',
      'shipped',
      'delivered',
    ])
  })
})
