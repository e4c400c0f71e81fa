import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CHROMIUM, newPage } from '../browser/chromium.ts'
import { InstalledPackages, ownEnvironment, ROOT } from '../support/installed-packages.ts'
import { freePorts } from '../support/server-process.ts'

/** The README as somebody follows it who has nothing but Node: each of its snippets, from an empty folder, in the order it has them. */

interface Fence {
  readonly language: string
  readonly text: string
}

const markdown = readFileSync(`${ROOT}README.md`, 'utf8')
const fences = [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']): Fence => ({ language, text: text.trim() }),
)

/** What other tests run, or what this one is part of. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm test': 'this is it',
  'npm run cluster': 'test/cluster/on-this-machine.test.ts',
}

let installed: InstalledPackages
let browser: Browser
let page: Page
let gateway: ChildProcess
let ports: readonly number[]
const began = performance.now()
const running: ChildProcess[] = []

/** The one snippet with this in it, for the ports of this test; each is asked for once. */
const left = [...fences]
function snippet(part: string): string {
  const [found, another] = left.filter(({ text }) => text.includes(part))
  if (found === undefined || another !== undefined)
    throw new Error(`the README has not one snippet with ${part}`)
  left.splice(left.indexOf(found), 1)
  return found.text.replaceAll('127.0.0.1:8081', `127.0.0.1:${ports[1]}`)
}

const environment = (): NodeJS.ProcessEnv => ({
  ...ownEnvironment(),
  XDG_CACHE_HOME: installed.path('cache'),
  SLUICE_URL: `http://127.0.0.1:${ports[0]}`,
  SLUICE_API_URL: `http://127.0.0.1:${ports[1]}`,
})

/** As typed into a shell. */
function type(
  command: string,
): Promise<{ readonly code: unknown; readonly out: string; readonly err: string }> {
  return new Promise((resolve) =>
    execFile('bash', ['-c', command], { cwd: installed.folder, env: environment() }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    ),
  )
}

function start(command: string, more: NodeJS.ProcessEnv = {}): { child: ChildProcess; output: () => string } {
  const child = spawn('bash', ['-c', command], {
    cwd: installed.folder,
    env: { ...environment(), ...more },
    stdio: 'pipe',
    detached: true,
  })
  running.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (output += text))
  return { child, output: () => output }
}

const shown = (): Promise<string[]> => page.locator('#news li').allTextContents()

beforeAll(async () => {
  ports = await freePorts(2)
  const launched = chromium.launch(CHROMIUM)
  installed = new InstalledPackages(true)
  browser = await launched
  page = await newPage(browser)
})
afterAll(async () => {
  for (const child of running) {
    if (child.exitCode !== null || child.pid === undefined) continue
    // The shell, and what it has started.
    process.kill(-child.pid, 'SIGKILL')
    await once(child, 'exit')
  }
  await browser.close()
  installed.remove()
})

it('installs both packages by the names that it has', () => {
  const [, ...names] = /^npm install (\S+) (\S+)$/.exec(snippet('npm install')) ?? []
  for (const name of names)
    expect(JSON.parse(installed.read('node_modules', name, 'package.json'))).toMatchObject({ name })
})

it('shows in a page what a terminal publishes, by a gateway that serves the page', async () => {
  installed.write('public/index.html', snippet('<script type="module">'))
  const { child, output } = start(snippet(' dev --static'), {
    SLUICE_PORT: String(ports[0]),
    SLUICE_API_PORT: String(ports[1]),
  })
  gateway = child
  await expect.poll(output).toContain('Sluice is running')
  await page.goto(`http://127.0.0.1:${ports[0]}/`)
  const published = await type(snippet('publish news Hello'))
  expect(published).toMatchObject({ code: 0, err: '' })
  await expect.poll(shown).toEqual(['"Hello"'])
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`from npm pack and npm install to the first message in Chromium: ${seconds} s`)
})

it('reaches a user from a backend', async () => {
  expect(await type(snippet('"user":"alice"'))).toMatchObject({ code: 0 })
  await expect.poll(shown).toEqual(['"Hello"', '{"order":42,"state":"shipped"}'])
})

it('shows in a terminal what is published, and publishes the lines of a file', async () => {
  const tail = start(snippet(' tail news'))
  await expect.poll(tail.output).toContain('"Hello"')
  writeFileSync(installed.path('access.log'), 'GET /\n')
  const logs = start(`${snippet('publish logs -')}`)
  const looked = await type('npx @sluice/gateway tail logs --last 1 --count 1')
  expect(looked.out, logs.output()).toContain('"GET /"')
})

it('has no other snippet that nothing runs', () => {
  expect(left.map(({ text }) => text).filter((text) => !(text in ELSEWHERE))).toEqual([])
  expect(gateway.exitCode).toBeNull()
})
