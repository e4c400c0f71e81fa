/** The snippets of docs/client.md in Chromium, as somebody copies them into a page. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ROOT } from '../support/installed-packages.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { moduleBody, Snippets } from '../support/snippets.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/** What the page imports, and where it lives. */
const ENTRIES: Readonly<Record<string, string>> = {
  '@sluice/client': 'index',
  '@sluice/client/presence': 'presence',
  '@sluice/client/tabs': 'tabs',
  '@sluice/client/probe': 'probe',
  '@sluice/client/stream': 'stream',
}
/** By which test the others are taken. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  request: 'test/protocol/guides.test.ts: it needs a backend behind NATS',
}

let node: StartedNode
let site: Server
let origin: string
let browser: Browser
let page: Page
let snippets: Snippets
/** What the site answers, by path. */
const answers = new Map<string, { readonly status?: number; readonly body: string }>()
let tests = 0
let user: string

async function modules(): Promise<string> {
  const contents = Object.entries(ENTRIES)
    .map(([name, file], at) => `import * as m${at} from './${file}.ts'; all['${name}'] = m${at}`)
    .join('\n')
  const { outputFiles } = await build({
    stdin: {
      contents: `const all = (globalThis.modules = {})\n${contents}`,
      resolveDir: `${ROOT}src/client`,
    },
    ...{ bundle: true, write: false, format: 'iife', target: 'es2022' },
  })
  return outputFiles[0]?.text ?? ''
}

beforeAll(async () => {
  const script = await modules()
  site = createServer(({ url = '/' }, response) => {
    const answer = answers.get(url)
    if (answer !== undefined) response.writeHead(answer.status ?? 200).end(answer.body)
    else if (url === '/modules.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.setHeader('content-type', 'text/html').end('<script src="/modules.js"></script>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  node = await startNode({
    allowedOrigins: [origin],
    namespaces: { '*': { ttl: '1h', clientPublish: 'fanout' }, room: { presence: true, ttl: '1h' } },
  })
  snippets = new Snippets('docs/client.md', [
    ['wss://rt.example.com', `ws://127.0.0.1:${node.port}`],
    ['https://rt.example.com', `http://127.0.0.1:${node.port}`],
  ])
  browser = await chromium.launch(CHROMIUM)
})
beforeEach(async () => {
  user = `user-${++tests}`
  answers.clear()
  page = await opened()
  return () => page.context().close()
})
afterAll(async () => {
  await browser.close()
  await node.close()
  site.close()
})

async function opened(): Promise<Page> {
  const made = await newPage(await browser.newContext())
  await made.goto(origin)
  await prepare(made)
  return made
}

/** What the snippets take from around them: `url`, `token`, and functions that note what they are called with in `seen`. */
async function prepare(where: Page): Promise<void> {
  const token = await node.token(user, { history: ['*'] })
  const given = { url: `ws://127.0.0.1:${node.port}/v1/ws`, token }
  await where.evaluate(`Object.assign(globalThis, ${JSON.stringify(given)}, { seen: [] })
    for (const name of ['show', 'showBanner', 'showPrice', 'count', 'notify', 'draw', 'greet', 'change', 'reload'])
      globalThis[name] = (...values) => void seen.push([name, ...values])`)
}

/** Runs it as a module of the page; what it makes stays there under its names. */
function run(code: string, gives: readonly string[] = [], where = page): Promise<unknown> {
  return where.evaluate(`(async () => { Object.assign(globalThis, await (async () => {
    ${moduleBody(code, gives)} })()) })()`)
}

const connect = (where = page): Promise<unknown> =>
  where.evaluate(`(async () => {
    globalThis.client ??= new modules['@sluice/client'].SluiceClient({ url, token })
    await client.connect() })()`)

/** From here on nothing that is published there is too early for who subscribes. */
const live = (channel: string): Promise<unknown> =>
  page.evaluate(`client.subscribe('${channel}', () => undefined).ready`)

const seen = (where = page): Promise<unknown> => where.evaluate('seen')
const value = (expression: string, where = page): Promise<unknown> => where.evaluate(expression)

describe('docs/client.md', () => {
  it('says that nobody is logged in, and connects once somebody is', async () => {
    answers.set('/realtime-token', { status: 401, body: '' })
    await run(snippets.take('unauthorized'), ['client'])
    await page.evaluate('client.connect().catch(() => undefined)')
    await expect
      .poll(seen)
      .toContainEqual(['showBanner', 'failed', expect.stringContaining('logged out') as string])
    answers.set('/realtime-token', { body: JSON.stringify({ token: await node.token(user) }) })
    await connect()
    expect(await value('client.state')).toBe('connected')
  })

  it('goes on after a reload', async () => {
    // Its import is that of the page's first snippet.
    const code = `import { SluiceClient } from '@sluice/client'\n${snippets.take('resume')}`
    const listens = `client.connect(); await client.subscribe('reloads', ({ data }) => show(data)).ready`
    await run(`${code}\n${listens}`, ['client'])
    await node.publish({ channel: 'reloads', data: 'before' })
    await expect.poll(seen).toEqual([['show', 'before']])
    await page.goto(`${origin}/elsewhere`)
    await node.publish({ channel: 'reloads', data: 'meanwhile' })
    await page.goto(origin)
    await prepare(page)
    await run(`${code}\n${listens}`, ['client'])
    await expect.poll(seen).toEqual([['show', 'meanwhile']])
  })

  it('has one connection for all tabs', async () => {
    const code = `${snippets.take('tabs').replace("'alice'", `'${user}'`)}\nawait client.connect()`
    const another = await newPage(page.context())
    await another.goto(origin)
    await prepare(another)
    for (const where of [page, another]) {
      await run(`${code}\nclient.inbox(({ data }) => notify(data))`, ['client'], where)
    }
    await node.publish({ user, data: 'for all' })
    for (const where of [page, another]) await expect.poll(() => seen(where)).toEqual([['notify', 'for all']])
    const answer = (await (await node.api('GET', `/v1/users/${user}`)).json()) as {
      readonly sessions: object[]
    }
    expect(answer.sessions).toHaveLength(1)
  })

  it('takes part in the measuring of how fast it is, and handles messages all the same', async () => {
    await connect()
    await live('news')
    await run(snippets.take('probe'), ['stop'])
    await node.publish({ channel: 'news', data: 'measured' })
    await expect.poll(seen).toContainEqual(['show', expect.objectContaining({ data: 'measured' }) as object])
    await value('stop()')
  })

  it('opens a stream anew by itself', async () => {
    answers.set('/token', { body: '' })
    answers.set('/realtime-token', { body: await node.token(user) })
    await run(snippets.take('stream'), ['end'])
    await expect
      .poll(async () => {
        await node.publish({ channel: 'news', data: 'streamed' })
        return seen()
      })
      .toContainEqual(['show', 'streamed'])
    await value('end()')
  })

  it('lets each handler begin where it wants', async () => {
    const [saved] = await node.publish({ user, data: 'known' })
    await node.publish({ user, data: 'after it' })
    await node.publish({ channel: 'room:7', data: 'history' })
    await connect()
    await page.evaluate(`globalThis.saved = ${JSON.stringify(saved)}`)
    await run(snippets.take('starts'))
    const messages = async (name: string): Promise<unknown> =>
      value(`seen.filter(([by]) => by === '${name}').map(([, { data }]) => data)`)
    await expect.poll(() => messages('show')).toEqual(['history'])
    await expect.poll(() => messages('notify')).toEqual(['after it'])
    await node.publish({ channel: 'room:7', data: 'new' })
    await expect.poll(() => messages('show')).toEqual(['history', 'new'])
    await expect.poll(() => messages('count')).toContain('new')
  })

  it('hears of channels that the backend has put the user on', async () => {
    await connect()
    await run(snippets.take('subscribed'))
    await node.api('POST', `/v1/users/${user}/subscribe`, { channels: ['orders:1'] })
    await expect
      .poll(async () => {
        await node.publish({ channel: 'orders:1', data: 'standing' })
        return seen()
      })
      .toContainEqual(['show', 'orders:1', expect.objectContaining({ data: 'standing' }) as object])
  })

  it('knows messages by their event', async () => {
    await connect()
    await live('news')
    await run(snippets.take('events'))
    await node.api('POST', '/v1/publish', { channel: 'news', event: 'price', data: 7 })
    await expect.poll(seen).toContainEqual(['showPrice', 7])
    const all = await seen()
    expect(all).toContainEqual(['show', 'greeting', { title: 'Hello' }])
    expect(all).toContainEqual(['show', 'price', 7])
  })

  it('has types for what is on which channel', () => {
    const code = snippets.take('types')
    const folder = temporaryDirectory('client-doc')
    const around = `import { SluiceClient } from '@sluice/client'
      interface News { title: string }
      interface Chat { text: string }
      declare const url: string
      declare const token: string
      ${code}
      // @ts-expect-error It is no News.
      await client.publish('news', { text: 'Hello' })`
    writeFileSync(join(folder.path, 'page.ts'), around)
    const compilerOptions = {
      paths: { '@sluice/client': [`${ROOT}src/client/index.ts`] },
      ...{ noEmit: true, module: 'esnext', moduleResolution: 'bundler', moduleDetection: 'force' },
    }
    const settings = { extends: `${ROOT}tsconfig.client.json`, compilerOptions, include: ['page.ts'] }
    writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(settings))
    const { status, stdout } = spawnSync(`${ROOT}node_modules/.bin/tsc`, ['-p', folder.path], {
      encoding: 'utf8',
    })
    folder.remove()
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })

  it('shows who is there, and leaves', async () => {
    await connect()
    const code = snippets.take('presence')
    const [entered = '', left = ''] = code.split(/(?=^await room\.leave)/m)
    await run(entered.replace("'ann'", `'${user}'`), ['room'])
    const typing = { name: 'Ann', typing: true }
    await expect.poll(() => value('[room.me, room.count]')).toEqual([{ user, data: typing }, 1])
    await expect.poll(seen).toContainEqual(['draw', [[user, typing]]])
    await run(left)
    const there = async (): Promise<unknown> => (await node.api('GET', '/v1/channels/room:1')).json()
    await expect.poll(there).toMatchObject({ presence: [] })
  })

  it('reads history page by page', async () => {
    for (let n = 1; n <= 120; n++) await node.publish({ channel: 'room:8', data: n })
    await connect()
    const code = `${snippets.take('history').replaceAll('room:7', 'room:8')}`
    await run(code.replace('const older', 'globalThis.older'), ['page'])
    expect(await value('[page.messages.length, page.more, page.messages.at(-1).data]')).toEqual([
      50,
      true,
      120,
    ])
    expect(await value('older.messages.at(-1).data')).toBe(70)
  })

  it('keeps a state up to date', async () => {
    const [position] = await node.publish({ channel: 'table:7', data: 'in the rows' })
    answers.set('/tables/7', { body: JSON.stringify({ rows: ['row'], position }) })
    await connect()
    await run(snippets.take('sync'))
    await expect.poll(seen).toEqual([['draw', ['row']]])
    await node.publish({ channel: 'table:7', data: 'changed' })
    await expect.poll(seen).toEqual([
      ['draw', ['row']],
      ['change', 'changed'],
    ])
  })

  it('has no other snippet that nothing runs', () => {
    expect(
      snippets.left.map(({ name, text }) => name || text).filter((name) => !(name in ELSEWHERE)),
    ).toEqual([])
  })
})
