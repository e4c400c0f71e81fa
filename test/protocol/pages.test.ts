/** The examples of the pages of docs that are no guides, run as they stand there: commands, configurations, and code against a node. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import PusherModule, { type Options } from 'pusher-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withSluice } from '../../src/client/pusher.ts'
import { loadConfig } from '../../src/config/load.ts'
import { written } from '../../src/webhooks/words.ts'
import { SECRETS } from '../support/config-check.ts'
import { ROOT } from '../support/installed-packages.ts'
import { backendOf, SHOP, type PusherJs } from '../support/pusher.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { shell, type Typed } from '../support/shell.ts'
import { because } from '../support/skip-reason.ts'
import { runScript, Snippets } from '../support/snippets.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** By which test a whole page is taken. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/client.md': 'test/browser/client-doc.test.ts',
  'docs/protocol.md': 'test/structure/docs.test.ts',
  'docs/quickstart.md': 'test/package/first-minute.test.ts',
  'docs/react.md': 'test/browser/react.test.ts',
  'docs/runbook.md': 'test/cluster/runbook.test.ts',
  'docs/server.md': 'test/protocol/server-package.test.ts',
}
/** What runs nowhere in these tests, and why; a name as in the page. */
const NOT_HERE: Readonly<Record<string, string>> = {
  'author-binary': 'it installs from GitHub',
  image: 'npm run test:image does, with buildah',
  torture: 'it takes ten minutes',
}
const PYTHON = spawnSync('python3', ['-c', 'import jwt']).status === 0 ? undefined : 'python3 without PyJWT'

const APP = `dialects: { pusher: { apps: ['${SHOP.id}:shop:${SHOP.key}:${SHOP.secret}'] } }\n`

let node: StartedNode
let environment: Readonly<Record<string, string>>
const folder = temporaryDirectory('pages')
const clients: PusherJs[] = []
const pages = new Map<string, Snippets>()
const page = (name: string): Snippets => pages.get(`docs/${name}.md`) as Snippets

beforeAll(async () => {
  node = await startNode({
    dialects: { pusher: { apps: [`${SHOP.id}:shop:${SHOP.key}:${SHOP.secret}`], tokens: true } },
  })
  environment = {
    SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`,
    SLUICE_API_KEY: node.apiKey,
    ADMIN_KEY: node.apiKey,
  }
  const here = [
    ['http://127.0.0.1:8081', `http://127.0.0.1:${node.apiPort}`],
    ['Bearer dev', `Bearer ${node.apiKey}`],
  ] as const
  for (const name of readdirSync(`${ROOT}docs`)) {
    const path = `docs/${name}`
    if (name.endsWith('.md') && !(path in ELSEWHERE)) pages.set(path, new Snippets(path, here))
  }
})
afterAll(async () => {
  for (const client of clients) client.disconnect()
  await node.close()
  folder.remove()
})

/** Typed into a shell of this clone. */
function type(code: string, more: Readonly<Record<string, string>> = {}): Promise<Typed> {
  const command = code.replaceAll(
    /^(?:npx @sluice\/gateway|sluice) /gm,
    `${process.execPath} ${ROOT}bin/sluice.js `,
  )
  return shell(command, { ...environment, ...more }, folder.path)
}

it('the configurations are ones that a node takes', () => {
  const found = [...pages].flatMap(([path, snippets]) =>
    // The page of the configuration is made from the schema, and names nothing.
    [...snippets.takeAll('config'), ...(path === 'docs/configuration.md' ? snippets.takeAll('') : [])].map(
      (text) => [path, text] as const,
    ),
  )
  expect(found.length).toBeGreaterThan(8)
  for (const [index, [path, text]] of found.entries()) {
    const file = join(folder.path, `${index}.yaml`)
    // What is told of an app needs the app, which the page has further up.
    writeFileSync(file, text.includes("app: '3'") ? `${APP}${text}` : text)
    const nats = { SLUICE_NATS_URL: 'nats://127.0.0.1:4222', SLUICE_REDIS_URL: 'redis://127.0.0.1:6379' }
    expect(() => loadConfig({ file, env: { ...SECRETS, ...nats } }), `${path}\n${text}`).not.toThrow()
  }
})

describe('docs/http-api.md', () => {
  it('publishes', async () => {
    expect((await type(page('http-api').take('publish'))).out).toMatch(/^\{"epoch":"\w+","offset":1\}$/)
  })

  it('puts a user on channels, over HTTP and by the command', async () => {
    // The third way needs NATS: test/cluster/standing.test.ts.
    const [curl, command] = page('http-api')
      .take('subscribe')
      .split(/^(?=sluice |nats )/m)
    const standing = async (): Promise<unknown> => (await node.api('GET', '/v1/users/alice/channels')).json()
    await type(curl as string)
    const named = await standing()
    expect(JSON.stringify(named)).toContain('orders:alice')
    await node.api('POST', '/v1/users/alice/unsubscribe', { channels: ['orders:alice', 'news'] })
    expect(await type(command as string)).toMatchObject({ code: 0 })
    expect(JSON.stringify(await standing())).toContain('orders:alice')
  })
})

describe('docs/tokens.md', () => {
  const verify = async (token: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${node.port}/v1/poll?channels=chat:42&wait=0&token=${token.trim()}`))
      .status

  it('makes tokens by the command', async () => {
    const minted = await type(
      page('tokens')
        .take('mint')
        .replace(/^export .*\n/, ''),
      {
        SLUICE_JWT_SECRET: node.secret,
      },
    )
    expect(minted).toMatchObject({ code: 0 })
    // It may publish to chat:42 and not listen there.
    expect(await verify(minted.out)).toBe(403)
  })

  it.skipIf(PYTHON !== undefined)(`makes tokens in Python${because(PYTHON)}`, async () => {
    const out = execFileSync('python3', ['-c', page('tokens').take('pyjwt')], {
      encoding: 'utf8',
      env: { ...process.env, SLUICE_JWT_SECRET: node.secret },
    })
    expect(await verify(out)).toBe(200)
  })

  it('has keys that the configuration takes', async () => {
    const checked = await type(`${page('tokens').take('keys')}sluice config check`, {
      SLUICE_JWT_SECRET: node.secret,
    })
    expect(checked).toMatchObject({ code: 0 })
  })

  it('revokes tokens', async () => {
    expect((await type(page('tokens').take('revoke'))).out).toContain('"before":')
  })
})

describe('docs/webhooks.md', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const check = async (rawBody: string, headers: object): Promise<boolean> => {
    const given = { secret, rawBody, headers, createHmac, timingSafeEqual }
    const { good } = await runScript<{ good: boolean }>(signature, { given, gives: ['good'] })
    return good
  }
  let signature = ''

  it('checks what the gateway has signed, and nothing else', async () => {
    signature = page('webhooks').take('signature')
    const { headers, body } = written([{ id: 'e1', kind: 'user_connected', atMs: 5, user: 'a' }], secret, 9)
    expect(await check(body, headers)).toBe(true)
    expect(await check(`${body} `, headers)).toBe(false)
    expect(await check(body, { ...headers, 'webhook-signature': 'v1,' })).toBe(false)
  })

  it('looks after letters that nobody took', async () => {
    const [list = '', resend = '', drop = ''] = page('webhooks').take('letters').trim().split('\n')
    expect(await type(list)).toMatchObject({ code: 0 })
    expect(await type(resend)).toMatchObject({ code: 0 })
    expect((await type(drop)).err).toContain('there is no dead letter with this id')
  })
})

describe('docs/pusher.md', () => {
  class Pusher extends (PusherModule as unknown as typeof PusherModule.default) {
    constructor(_key: string, options: Options) {
      super(SHOP.key, {
        ...options,
        ...{
          cluster: '',
          wsHost: '127.0.0.1',
          wsPort: node.port,
          forceTLS: false,
          enabledTransports: ['ws'],
        },
      })
      clients.push(this)
    }
  }
  const told = async (pusher: PusherJs, name: string): Promise<void> => {
    const channel = pusher.subscribe(name)
    await new Promise((resolve, reject) => {
      channel.bind('pusher:subscription_succeeded', resolve)
      channel.bind('pusher:subscription_error', reject)
    })
    const event = new Promise((resolve) => channel.bind('sold', resolve))
    await backendOf(node).trigger(name, 'sold', { of: name })
    expect(await event).toEqual({ of: name })
  }

  it.each([
    ['client', 'news'],
    ['tokens', 'private-news'],
    ['places', 'news'],
  ])('%s', async (name, channel) => {
    const given = {
      ...{ Pusher, key: SHOP.key, options: {}, loadAnew: () => undefined },
      fetchToken: () => node.token('ann', { subscribe: ['shop:private-*'] }),
    }
    const modules = { '@sluice/client/pusher': { withSluice } }
    const code = page('pusher').take(name)
    const { pusher } = await runScript<{ pusher: PusherJs }>(code, { given, modules, gives: ['pusher'] })
    await told(pusher, channel)
  })
})

describe('docs/operations.md', () => {
  it.each(['serve', 'spans'])('%s: starts with a command that is there', async (name) => {
    const [, words = ''] = /(?:sluice|gateway) (serve.*)/.exec(page('operations').take(name)) ?? []
    expect((await type(`sluice ${words} --help`)).out).toMatch(/^Usage: sluice serve/)
  })

  it('drains with flags that are there', async () => {
    const lines = page('operations').take('drains').trim().split('\n')
    expect(lines.length).toBeGreaterThan(8)
    const helps = new Map<string, string>()
    for (const line of lines) {
      const [, command = '', rest = ''] = /^sluice (\S+)([^#]*)/.exec(line) ?? []
      if (!helps.has(command)) helps.set(command, (await type(`sluice ${command} --help`)).out)
      expect(helps.get(command), line).toMatch(new RegExp(`^Usage: sluice ${command}`))
      const flags = [...(rest + line.replace(/^.*#/, '')).matchAll(/--[\w-]+/g)].map(([flag]) => flag)
      for (const flag of flags) expect(helps.get(command), line).toMatch(new RegExp(` ${flag}\\b`))
    }
  })

  it('names overlays that are there', () => {
    const named = [
      ...page('operations')
        .take('kubernetes')
        .matchAll(/deploy\/\S+/g),
    ].map(([path]) => path)
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((path) => !existsSync(`${ROOT}${path}`))).toEqual([])
  })
})

it('docs/sizing.md reckons', async () => {
  // The page is made by a program, and names nothing.
  expect(await type(page('sizing').takeAll('').join('\n'))).toMatchObject({ code: 0 })
})

it('has no other example that nothing runs', () => {
  // Taken by test/unit/auth/tokens-doc.test.ts.
  page('tokens').takeAll('jose')
  if (PYTHON !== undefined) page('tokens').takeAll('pyjwt')
  const left = [...pages].flatMap(([path, snippets]) =>
    snippets.left
      // A body of a request or a frame, and no code.
      .filter(({ name, text }) => !(name in NOT_HERE) && !/^\s*[[{]/.test(text))
      .map(({ name, text }) => `${path}: ${name || text}`),
  )
  expect(left).toEqual([])
})
