import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SluiceClient } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Node } from '../../src/node/contract.ts'
import { createNode } from '../../src/node/node.ts'

/** What a node of `sluice dev` serves to pages of this machine: the SDK, tokens, a folder. */

let node: Node
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-static-'))
  const site = join(folder, 'site')
  mkdirSync(join(site, 'sub folder'), { recursive: true })
  writeFileSync(join(site, 'index.html'), '<title>mine</title>')
  writeFileSync(join(site, 'sub folder/index.html'), 'inner')
  writeFileSync(join(site, 'app.js'), 'export {}')
  writeFileSync(join(site, '.env'), 'hidden')
  writeFileSync(join(folder, 'outside.txt'), 'outside')
  symlinkSync(join(folder, 'outside.txt'), join(site, 'link.txt'))
  node = await createNode(
    loadConfig({
      dev: true,
      devStatic: site,
      settings: {
        port: 0,
        api: { port: 0 },
        namespaces: { jobs: { delivery: 'durable' } },
        log: { level: 'error', pretty: false },
      },
    }),
  )
  await node.start()
})
afterAll(async () => {
  await node.close()
  rmSync(folder, { recursive: true })
})

/** As it is written: `fetch` tidies paths up. */
async function raw(path: string): Promise<string> {
  const { hostname, port, host } = new URL(node.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  return text(socket)
}

describe('a folder', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', '<title>mine</title>'],
    ['/app.js', 'text/javascript; charset=utf-8', 'export {}'],
    ['/sub%20folder/', 'text/html; charset=utf-8', 'inner'],
    ['/sub%20folder', 'text/html; charset=utf-8', 'inner'],
  ])('is served: %s', async (path, type, body) => {
    const response = await fetch(`${node.url}${path}`)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toBe(body)
  })

  it('has no error for a browser that asks for an icon, and the icon that is there', async () => {
    const icon = (): Promise<Response> => fetch(`${node.url}/favicon.ico`)
    expect((await icon()).status).toBe(204)
    writeFileSync(join(folder, 'site/favicon.ico'), 'mine')
    expect(await (await icon()).text()).toBe('mine')
  })

  it('is served as it is now', async () => {
    writeFileSync(join(folder, 'site/app.js'), 'export const changed = 1')
    expect(await (await fetch(`${node.url}/app.js`)).text()).toBe('export const changed = 1')
    writeFileSync(join(folder, 'site/app.js'), 'export {}')
  })

  it.each([
    '/.env',
    '/../outside.txt',
    '/sub%20folder/../../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/link.txt',
    '/%00',
    '/%ff',
    '/app.js/more',
    `/${'a'.repeat(300)}`,
  ])('is all that is served: %s is not there', async (path) => {
    const answer = await raw(path)
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).not.toContain('outside\r\n')
    expect(answer).not.toContain('hidden')
  })

  it('leaves the workbench where it is', async () => {
    const page = await fetch(`${node.url}/dev`)
    expect(new URL(page.url).pathname).toBe('/dev/')
    expect(await page.text()).toContain('<title>Sluice')
  })
})

describe('pages of this machine', () => {
  it('import the SDK and get tokens from whatever port they have; those of other sites read no token', async () => {
    const token = (origin: string): Promise<Response> =>
      fetch(`${node.url}/dev/token?sub=me`, { headers: { origin } })
    expect((await token('http://localhost:5173')).headers.get('access-control-allow-origin')).toBe(
      'http://localhost:5173',
    )
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example'])
      expect((await token(origin)).headers.has('access-control-allow-origin')).toBe(false)
    const script = await fetch(`${node.url}/sluice.js`)
    expect(script.headers.get('access-control-allow-origin')).toBe('*')
    const code = await script.text()
    const module = (await import(
      /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`
    )) as object
    expect(module).toHaveProperty('SluiceClient')
    const map = /sourceMappingURL=(\S+)/.exec(code)?.[1] ?? 'none'
    expect((await fetch(new URL(map, `${node.url}/sluice.js`))).status).toBe(200)
  })
})

describe('a publish to the public listener', () => {
  it('is told where the API is', async () => {
    const response = await fetch(`${node.url}/v1/publish`, { method: 'POST', body: '{}' })
    expect(await response.text()).toContain('publish on the other one (api.port)')
  })
})

describe('a durable channel without NATS', () => {
  it('is acknowledged as ever, in memory', async () => {
    const { token } = (await (await fetch(`${node.url}/dev/token?sub=worker`)).json()) as { token: string }
    const client = (): SluiceClient => createClient({ url: `${node.url.replace('http', 'ws')}/v1/ws`, token })
    const publish = (data: number): Promise<Response> =>
      fetch(`${node.apiUrl}/v1/publish`, {
        method: 'POST',
        headers: { authorization: 'Bearer dev' },
        body: JSON.stringify({ channel: 'jobs:mail', data }),
      })
    const listening = async (handle: (data: unknown) => Promise<void> | undefined): Promise<SluiceClient> => {
      const worker = client()
      worker.on('error', () => undefined)
      worker.subscribe('jobs:mail', ({ data }) => handle(data))
      await worker.connect()
      return worker
    }
    const notDone = (): Promise<void> => Promise.reject(new Error('not done'))
    await publish(1)
    await publish(2)
    const worker = await listening((data) => (data === 1 ? undefined : notDone()))
    const next = async (): Promise<unknown> => {
      let seen: (data: unknown) => void = () => undefined
      const came = new Promise((resolve) => (seen = resolve))
      const looker = await listening((data) => (seen(data), notDone()))
      const data = await came
      looker.close()
      return data
    }
    // The client acknowledges a moment later.
    await expect.poll(next, { interval: 100 }).toBe(2)
    worker.close()
  })
})
