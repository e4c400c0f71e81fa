import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CHROMIUM, newPage } from '../browser/chromium.ts'
import { InstalledPackages, ownEnvironment, ROOT } from '../support/installed-packages.ts'
import { freePorts } from '../support/server-process.ts'
import { Stages } from '../support/stages.ts'

/** The README and the quick start as somebody follows them who has nothing but Node: each snippet, from an empty folder. */

interface Fence {
  readonly language: string
  readonly text: string
}

/** What other tests run, or what this one is part of. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm test': 'this is it',
  'npm run cluster': 'test/cluster/on-this-machine.test.ts',
  'npm ci && npm run dev': 'test/package/build.test.ts and test/unit/cli/dev.test.ts, in a clone',
}

let installed: InstalledPackages
let browser: Browser
let page: Page
let gateway: ChildProcess
let ports: readonly number[]
/** From `npm install` on, as somebody waits for it. */
let stages: Stages
const running: ChildProcess[] = []

class Snippets {
  readonly #document: string
  readonly #left: Fence[]

  constructor(document: string) {
    this.#document = document
    const markdown = readFileSync(`${ROOT}${document}`, 'utf8')
    this.#left = [...markdown.matchAll(/^```(sh|html|js)\n([\s\S]*?)^```$/gm)].map(
      ([, language = '', text = '']): Fence => ({ language, text: text.trim() }),
    )
  }

  /** The one with this in it, for the ports of this test; each is asked for once. */
  take(part: string): string {
    const [found, another] = this.#left.filter(({ text }) => text.includes(part))
    if (found === undefined || another !== undefined)
      throw new Error(`${this.#document} has not one snippet with ${part}`)
    this.#left.splice(this.#left.indexOf(found), 1)
    return found.text
      .replaceAll('127.0.0.1:8081', `127.0.0.1:${ports[1]}`)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${ports[0]}`)
  }

  /** What nothing runs. */
  get left(): string[] {
    return this.#left.map(({ text }) => text).filter((text) => !(text in ELSEWHERE))
  }
}

const readme = new Snippets('README.md')
const notifications = new Snippets('docs/guides/notifications.md')
const quickstart = new Snippets('docs/quickstart.md')

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
    execFile(
      'bash',
      ['--norc', '-c', command],
      { cwd: installed.folder, env: environment() },
      (error, out, err) => resolve({ code: error?.code ?? 0, out, err }),
    ),
  )
}

function start(command: string, more: NodeJS.ProcessEnv = {}): { child: ChildProcess; output: () => string } {
  const child = spawn('bash', ['--norc', '-c', command], {
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
  installed = new InstalledPackages(true, { packed: () => (stages = new Stages()) })
  stages.done('npm install of the packages')
  browser = await launched
  page = await newPage(browser)
  stages.done('Chromium starts')
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
  const [, ...names] = /^npm install (\S+) (\S+)$/.exec(readme.take('npm install')) ?? []
  for (const name of names) {
    const manifest = JSON.parse(installed.read('node_modules', name, 'package.json')) as object
    expect(manifest).toMatchObject({ name })
    // What a registry gets may be published.
    expect(manifest).not.toHaveProperty('private')
  }
})

it('shows in a page what a terminal publishes, by a gateway that serves the page', async () => {
  installed.write('public/index.html', readme.take('<script type="module">'))
  const { child, output } = start(readme.take(' dev --static'), {
    SLUICE_PORT: String(ports[0]),
    SLUICE_API_PORT: String(ports[1]),
  })
  gateway = child
  await expect.poll(output).toContain('Sluice is running')
  stages.done('`npx @sluice/gateway dev` starts')
  await page.goto(`http://127.0.0.1:${ports[0]}/`)
  stages.done('the page loads')
  const published = await type(readme.take('publish news Hello'))
  expect(published).toMatchObject({ code: 0, err: '' })
  await expect.poll(shown).toEqual(['"Hello"'])
  stages.done('`npx @sluice/gateway publish`, and the message is shown')
  console.log(`from npm install to the first message in Chromium:\n${stages.table()}`)
})

it('installs the binaries of this machine and of no other, and what sends spans only where it is wanted', () => {
  const { platform, arch } = process
  expect(installed.list('@sluice').toSorted()).toEqual(['client', 'gateway', `uws-${platform}-${arch}`])
  const natives = readdirSync(installed.path('node_modules'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => /(?:^|\/)uws_\w+\.node$/.test(path),
  )
  expect(natives.length).toBeGreaterThan(0)
  expect(natives.filter((path) => !path.includes(`uws_${platform}_${arch}_`))).toEqual([])
  expect(installed.list('@opentelemetry')).toEqual(['api'])
})

it('says what to install where spans are asked for and what sends them is not there', async () => {
  const { code, err } = await type(
    'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npx @sluice/gateway dev --port 0 --api-port 0',
  )
  expect(code).toBe(1)
  expect(err.trim()).toMatch(
    /^sluice: spans are asked for .*: npm install(?: @opentelemetry\/[\w-]+@\d+\.\d+\.\d+){4}; OTEL_SDK_DISABLED=true starts without$/,
  )
})

it('is a library, too: a node in a process of its own', async () => {
  installed.write(
    'library.mjs',
    `import { createNode, loadConfig } from '@sluice/gateway'
const node = await createNode(loadConfig({ settings: { port: 0, api: { port: 0, keys: ['app:publish:a-key-for-tests-only'] }, auth: { jwtSecret: '${'s'.repeat(40)}' }, log: { level: 'error' } } }))
await node.start()
console.log(node.url)
await node.drain()`,
  )
  expect(await type('node library.mjs')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^http:\/\/.*:\d+\n$/) as unknown,
  })
  // It is in what is published, and so are its types.
  expect(installed.list('zod')).toEqual([])
  const files = readdirSync(installed.path('node_modules/@sluice/gateway/dist'), {
    recursive: true,
    encoding: 'utf8',
  }).filter((path) => /\.(?:js|d\.ts)$/.test(path))
  const asking = files.filter((path) =>
    /(?:from |import\()['"]zod/.test(installed.read('node_modules/@sluice/gateway/dist', path)),
  )
  expect(files.length).toBeGreaterThan(50)
  expect(asking).toEqual([])
})

it('has the types of a node in a process of its own', async () => {
  const code = `import { createNode, loadConfig, type Node } from '@sluice/gateway'
export const node: Promise<Node> = createNode(loadConfig({ settings: { port: 0 } }))
// @ts-expect-error It is a node.
export const none: Promise<number> = node`
  installed.write('library.ts', code)
  const options = '--noEmit --strict --module nodenext --target es2023 --types node'
  const compiler = `${ROOT}node_modules/.bin/tsc ${options} --typeRoots ${ROOT}node_modules/@types`
  expect(await type(`${compiler} library.ts`)).toEqual({ code: 0, out: '', err: '' })
})

it('reaches a user from a backend', async () => {
  expect(await type(readme.take('"user":"alice"'))).toMatchObject({ code: 0 })
  await expect.poll(shown).toEqual(['"Hello"', '{"order":42,"state":"shipped"}'])
})

it('shows in the bell of the guide what a backend sends to the user', async () => {
  installed.write('public/bell.html', notifications.take('id="bell"'))
  const bell = await newPage(browser)
  await bell.goto(`http://127.0.0.1:${ports[0]}/bell.html`)
  // The page's own: of the one before there is one already.
  await expect
    .poll(
      async () =>
        (await type(`curl -s -H 'Authorization: Bearer dev' 127.0.0.1:${ports[1]}/v1/users/alice`)).out,
    )
    .toMatch(/"session":.*"session":/)
  expect(await type(`API_KEY=dev; ${notifications.take('Your order was shipped')}`)).toMatchObject({
    code: 0,
  })
  await expect.poll(() => bell.locator('#notes li').allTextContents()).toEqual(['Your order was shipped'])
  expect(await bell.locator('#bell').textContent()).toBe('1')
  await bell.close()
})

it('shows in a terminal what is published, and publishes the lines of a file', async () => {
  const tail = start(readme.take(' tail news'))
  await expect.poll(tail.output).toContain('"Hello"')
  writeFileSync(installed.path('access.log'), 'GET /\n')
  const logs = start(readme.take('publish logs -'))
  const looked = await type('npx @sluice/gateway tail logs --last 1 --count 1')
  expect(looked.out, logs.output()).toContain('"GET /"')
})

it('listens and publishes as the quick start says, from a terminal, a backend and a page without a library', async () => {
  const tail = start(quickstart.take(' tail news'))
  const stream = start(quickstart.take('TOKEN='))
  await expect.poll(stream.output).toContain('event: welcome')
  const code = quickstart.take('new EventSource')
  const seen: unknown[] = []
  await page.exposeFunction('show', (data: unknown) => void seen.push(data))
  await page.evaluate(`(async () => { const loadEverythingAnew = () => show('reset'); ${code}
    await new Promise((resolve) => stream.addEventListener('welcome', resolve)) })()`)
  const publish = quickstart.take(' publish news')
  // Nobody can see when `tail` has begun to listen: what was published before that, it does not show.
  await expect
    .poll(async () => {
      expect(await type(publish)).toMatchObject({ code: 0, err: '' })
      return tail.output()
    })
    .toContain('{"title":"Hello"}')
  await expect.poll(stream.output).toContain('{"title":"Hello"}')
  await expect.poll(() => seen).toContainEqual({ title: 'Hello' })
  const again = quickstart.take('"id":"news-1"')
  expect(JSON.parse((await type(again)).out)).toMatchObject({ offset: expect.any(Number) as number })
  expect(JSON.parse((await type(again)).out)).toMatchObject({ duplicate: true })
})

it('uses the client as the quick start says, by its package', async () => {
  const code = quickstart
    .take("from '@sluice/client'")
    .replace('wss://rt.example.com', `ws://127.0.0.1:${ports[0]}`)
    .replace("'/realtime-token'", `'http://127.0.0.1:${ports[0]}/dev/token?sub=alice'`)
  // Node 20 has no WebSocket of its own; the gateway has brought `ws` along.
  installed.write(
    'client.mjs',
    `import { WebSocket } from 'ws'
globalThis.WebSocket ??= WebSocket
const loadEverythingAnew = () => console.log('reset')
const notify = (data) => console.log('inbox', JSON.stringify(data))
const show = (data) => console.log('shown', JSON.stringify(data))
${code}`,
  )
  const client = start('node client.mjs')
  await expect.poll(client.output).toContain('shown {"title":"Hello"}')
})

it('finds the configuration good that the quick start sets up for others', async () => {
  const { code, out, err } = await type(
    quickstart.take('SLUICE_ALLOWED_ORIGINS').replace(/ && npx \S+ serve$/, ''),
  )
  expect({ code, err }, out).toEqual({ code: 0, err: '' })
})

it('has no other snippet that nothing runs', () => {
  expect([...readme.left, ...quickstart.left, ...notifications.left]).toEqual([])
  expect(gateway.exitCode).toBeNull()
})
