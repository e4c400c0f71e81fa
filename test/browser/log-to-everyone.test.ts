import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventSourceClient, pollClient, webSocketClient } from '../support/resuming-clients.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/**
 * The main job on real input: a log file goes line by line through `sluice publish logs -` to a page in Chromium (its own
 * WebSocket and its own EventSource), and to clients of other makers.
 */

const LOG_FILE = fileURLToPath(new URL('../fixtures/dpkg-log.txt', import.meta.url))
const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

let node: StartedNode
let browser: Browser
let site: Server
let origin: string

beforeAll(async () => {
  site = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end('<title>logs</title>'),
  )
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  node = await startNode({ allowedOrigins: [origin] })
  browser = await chromium.launch(CHROMIUM)
})
afterAll(async () => {
  await browser.close()
  await node.close()
  site.close()
})

/** Runs in the page: plain browser API, no library. Answers once both are subscribed. */
async function listen({ port, token }: { port: number; token: string }): Promise<void> {
  const shown = { socket: [] as string[], stream: [] as string[] }
  Object.assign(globalThis, { shown })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'sluice.v1')
  const subscribed = new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => {
      socket.send(JSON.stringify({ type: 'connect', token }))
      socket.send(JSON.stringify({ type: 'subscribe', ref: 1, channel: 'logs' }))
    })
    socket.addEventListener('close', () => reject(new Error('the socket was closed')))
    socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(data as string) as { type: string; data: string }
      if (frame.type === 'subscribed') resolve()
      if (frame.type === 'message') shown.socket.push(frame.data)
    })
  })
  const stream = new EventSource(`http://127.0.0.1:${port}/v1/sse?channels=logs&token=${token}`)
  stream.addEventListener('message', ({ data }) => {
    shown.stream.push((JSON.parse(data as string) as { data: string }).data)
  })
  await Promise.all([subscribed, new Promise((resolve) => stream.addEventListener('welcome', resolve))])
}

describe('a log file, line by line', () => {
  it('reaches a page, a ws client, an EventSource client and a poller, each line once and in order', async () => {
    const lines = readFileSync(LOG_FILE, 'utf8').trimEnd().split('\n')
    const page = await newPage(browser)
    await page.goto(origin)
    await page.evaluate(listen, { port: node.port, token: await node.token('page') })
    const clients = await Promise.all(
      [webSocketClient, eventSourceClient, pollClient].map(async (kind) =>
        kind({ port: node.port, token: await node.token('client'), channels: ['logs'] }),
      ),
    )
    await Promise.all(clients.map(({ ready }) => ready))

    const publishing = spawn(process.execPath, [COMMAND, 'publish', 'logs', '-'], {
      env: {
        ...process.env,
        SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`,
        SLUICE_API_KEY: node.apiKey,
      },
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    publishing.stdin.end(readFileSync(LOG_FILE))
    expect(await new Promise((resolve) => publishing.on('close', resolve))).toBe(0)

    const shown = (): Promise<{ socket: string[]; stream: string[] }> =>
      page.evaluate(() => (globalThis as unknown as { shown: { socket: string[]; stream: string[] } }).shown)
    await expect.poll(async () => (await shown()).socket.length).toBe(lines.length)
    await expect.poll(async () => (await shown()).stream.length).toBe(lines.length)
    expect(await shown()).toEqual({ socket: lines, stream: lines })
    for (const client of clients) {
      await expect.poll(() => client.messages.get('logs')?.length).toBe(lines.length)
      expect(client.messages.get('logs')).toEqual(lines)
      expect(client.resets).toEqual([])
      client.close()
    }
  })
})
