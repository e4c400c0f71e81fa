import { execFileSync, spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, newPage } from '../browser/chromium.ts'
import { InstalledPackages } from '../support/installed-packages.ts'
import { ReactPage, renderedBy } from '../support/react-page.ts'
import { startNode } from '../support/start-node.ts'
import { faultsOf, programOf } from './typescript-5-0.ts'

/**
 * The hooks as they are installed, beside React 18, and what backends use. With React 19, and with what gateways say, they are looked at in
 * test/browser/react.test.ts and test/protocol/server-package.test.ts.
 */

const REACT = '18.3.1'

/** Compiles, and nothing runs it. */
const APPLICATION = `
import { SluiceClient } from '@sluice/client'
import { createHooks, SluiceProvider, useChannel, useConnection, useInbox, usePresence } from '@sluice/react'
import { SluiceServer } from '@sluice/server'

interface News { readonly title: string }
interface Chat { readonly text: string }
interface Channels { news: News; 'room:\${string}': Chat }
const hooks = createHooks<Channels>()

export function Typed() {
  const { messages, publish, status } = hooks.useChannel('news', { from: { last: 5 } })
  const titles: string[] = messages.map(({ data }) => data.title)
  void publish({ title: 'x' }, { event: 'greeting' })
  const room = hooks.useChannel(titles.length > 0 ? 'room:1' : undefined, { onMessage: ({ data }) => data.text })
  const { members } = hooks.usePresence<{ mood: string }>('room:1', { data: { mood: 'calm' } })
  const mood: string | undefined = members.get('alice')?.mood
  const table = hooks.useSync('news', {
    load: async () => ({ state: [''] }),
    apply: (all, { data }) => [...all, data.title],
  })
  const first: string | undefined = table.state?.[0]
  // @ts-expect-error -- no such channel
  hooks.useChannel('rooms')
  // @ts-expect-error -- not what is published on news
  void publish({ text: 'x' })
  // @ts-expect-error -- a room has no title
  room.messages.map(({ data }) => data.title)
  return status + mood + first + room.status
}

const client = new SluiceClient<Channels>({ url: 'ws://x' })

export function Untyped() {
  const { messages } = useChannel<News>('anything')
  const given = useChannel('room:1', { client })
  const texts: string[] = given.messages.map(({ data }) => data.text)
  const inbox = useInbox<News>({ limit: 3 })
  const { state, error } = useConnection()
  // @ts-expect-error -- unknown
  useChannel('anything').messages[0]?.data.title
  return [messages[0]?.data.title, inbox.messages[0]?.data.title, state, error?.message, ...texts].join()
}

const sluice = new SluiceServer({ url: 'http://127.0.0.1:8081', key: 'dev' })
export async function served(): Promise<string | undefined> {
  const { position } = await sluice.publish('news', { title: 'x' }, { event: 'greeting' })
  const results = await sluice.publishBatch([{ users: ['a'], data: 1 }, { channel: 'b', data: new Uint8Array(1) }])
  const [one] = results
  if (one !== undefined && 'results' in one) return one.results[0]?.error?.message
  // @ts-expect-error -- a message goes somewhere
  await sluice.publishBatch([{ data: 1 }])
  const { sessions } = await sluice.whereIs('a')
  return sessions[0]?.node ?? position?.epoch
}

void usePresence
export const provider = SluiceProvider({ client, children: 'x' })
`

let installed: InstalledPackages

beforeAll(() => {
  installed = new InstalledPackages(false, {
    ours: ['react', 'server'],
    others: [`react@${REACT}`, `react-dom@${REACT}`, '@types/react@18.3.18'],
  })
  for (const kind of ['ts', 'mts', 'cts']) installed.write(`application.${kind}`, APPLICATION)
})
afterAll(() => installed.remove())

describe('the package of the hooks', () => {
  it('brings neither React nor the SDK along, and has the sources in its maps', () => {
    expect(installed.list('@sluice')).toEqual(['client', 'react', 'server'])
    expect(installed.list('@sluice/react/node_modules')).toEqual([])
    const maps = installed.list('@sluice/react/dist/esm').filter((name) => name.endsWith('.map'))
    expect(maps.length).toBeGreaterThan(5)
    for (const name of maps) {
      const map = installed.read('node_modules/@sluice/react/dist/esm', name)
      const { sourcesContent } = JSON.parse(map) as { readonly sourcesContent: readonly string[] }
      expect(sourcesContent.join('').length, name).toBeGreaterThan(0)
    }
  })

  it('is there by import and by require, without a page, and says of itself that it is for browsers', () => {
    const names = `['SluiceProvider', 'createHooks', 'useChannel', 'useClient', 'useConnection', 'useInbox', 'usePresence', 'useSync']`
    const check = `if (String(Object.keys(all).sort()) !== String(${names})) throw new Error(Object.keys(all))`
    const run = (type: string, code: string): string =>
      execFileSync(process.execPath, [`--input-type=${type}`, '-e', `${code}; ${check}`], {
        cwd: installed.folder,
        encoding: 'utf8',
      })
    expect(run('module', `import * as all from '@sluice/react'`)).toBe('')
    expect(run('commonjs', `const all = require('@sluice/react')`)).toBe('')
    for (const kind of ['esm', 'cjs'])
      expect(installed.read(`node_modules/@sluice/react/dist/${kind}/index.js`).slice(0, 40)).toContain(
        `'use client'`,
      )
  })

  it('is rendered by a server and runs in Chromium, with React 18', async () => {
    const site = await ReactPage.serve(installed.folder)
    const node = await startNode({ allowedOrigins: [site.origin] })
    const browser = await chromium.launch(CHROMIUM)
    try {
      const first = [{ kind: 'Room', id: 'a', channel: 'news', from: { last: 1 } }]
      const url = `ws://127.0.0.1:${node.port}/v1/ws`
      ;[site.html] = await renderedBy(installed.folder, { url }, first)
      const page = await newPage(browser)
      const problems: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text())
      })
      await node.publish({ channel: 'news', data: 'hello' })
      await page.goto(site.address({ url, token: await node.token('alice'), first }))
      await expect.poll(() => page.locator('#a li').allTextContents()).toEqual(['hello'])
      const frames = await page.evaluate<{ readonly type: string }[]>('app.frames')
      expect(frames.filter(({ type }) => type === 'subscribe')).toHaveLength(1)
      expect(problems).toEqual([])
    } finally {
      await browser.close()
      await node.close()
      site.close()
    }
  })
})

describe('the package for backends', () => {
  it('is there by import and by require, with nothing beside it, and signs a token', () => {
    expect(installed.list('@sluice/server/node_modules')).toEqual([])
    const code = `const token = new all.SluiceServer({ url: 'http://127.0.0.1:1', key: 'k', secret: 's'.repeat(32) }).token({ user: 'a' })
      console.log(token.split('.').length, Object.keys(all).sort().join())`
    const run = (type: string, taken: string): string =>
      execFileSync(process.execPath, [`--input-type=${type}`, '-e', `${taken}; ${code}`], {
        cwd: installed.folder,
        encoding: 'utf8',
      })
    expect(run('module', `import * as all from '@sluice/server'`)).toBe(
      '3 SluiceError,SluiceServer,readWebhook\n',
    )
    expect(run('commonjs', `const all = require('@sluice/server')`)).toBe(
      '3 SluiceError,SluiceServer,readWebhook\n',
    )
  })
})

describe('the types of both', () => {
  const settings = { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom'] }

  it.each([
    ['nodenext', 'nodenext'],
    // `bundler` finds the files that the former does; the types of React cost seconds each time.
    ['commonjs', 'node'],
  ])('are taken by TypeScript 5.0 with module %s and moduleResolution %s', (module, moduleResolution) => {
    // Those of `require` are what `node` finds.
    const file = installed.path(module === 'nodenext' ? 'application.mts' : 'application.ts')
    const program = programOf([file], { ...settings, module, moduleResolution })
    expect(faultsOf(program, ['@types', 'csstype'])).toEqual([])
  })

  it('are taken by the current one', () => {
    const compiler = createRequire(import.meta.url).resolve('typescript/package.json')
    const { stdout } = spawnSync(
      process.execPath,
      [
        compiler.replace('package.json', 'bin/tsc'),
        ...['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--module', 'nodenext'],
        ...['application.mts', 'application.cts'],
      ],
      { cwd: installed.folder, encoding: 'utf8' },
    )
    expect(stdout).toBe('')
  })
})
