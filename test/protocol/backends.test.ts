import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import { ROOT } from '../support/installed-packages.ts'
import { freePorts, temporaryDirectory } from '../support/server-process.ts'
import { because } from '../support/skip-reason.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The files of examples/backends, each with a gateway: what it publishes arrives once, and its tokens are good. */

const folder = temporaryDirectory('backends')
const GO = join(folder.path, 'backend')

interface Language {
  readonly name: string
  readonly program: string
  readonly words: readonly string[]
  readonly serve: (port: number) => readonly string[]
  /** Why it cannot run here. */
  readonly missing: string | undefined
}

function missing(program: string, ...words: readonly string[]): string | undefined {
  try {
    execFileSync(program, words, { stdio: 'pipe' })
    return undefined
  } catch {
    return `${program} ${words.join(' ')} does not run on this machine`
  }
}

const at = (path: string): string => `${ROOT}examples/backends/${path}`
const PHP = at('php/backend.php')
const LANGUAGES: readonly Language[] = [
  {
    ...{ name: 'Python', program: 'python3', words: [at('python/backend.py')], serve: () => ['serve'] },
    missing: missing('python3', '--version'),
  },
  { ...{ name: 'Go', program: GO, words: [], serve: () => ['serve'] }, missing: missing('go', 'version') },
  {
    ...{ name: 'PHP', program: 'php', words: [PHP], serve: (port) => ['-S', `127.0.0.1:${port}`, PHP] },
    missing: missing('php', '-r', 'exit(function_exists("curl_init") ? 0 : 1);'),
  },
]

let node: StartedNode
const running: ChildProcess[] = []

beforeAll(async () => {
  node = await startNode()
  if (LANGUAGES[1]?.missing === undefined)
    execFileSync('go', ['build', '-o', GO, '.'], { cwd: at('go'), stdio: 'pipe' })
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
afterAll(async () => {
  await node.close()
  folder.remove()
})

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`,
  SLUICE_API_KEY: node.apiKey,
  SLUICE_JWT_SECRET: node.secret,
  ...more,
})

function run(
  { program, words }: Language,
  more: readonly string[],
  { input = '', env = {} }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<{ readonly lines: readonly string[]; readonly error: string }> {
  return new Promise((resolve) => {
    const child = execFile(program, [...words, ...more], { env: environment(env) }, (_, out, error) =>
      resolve({ lines: out.trim().split('\n'), error }),
    )
    // It may have ended before it reads.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

async function messagesOf(channel: string): Promise<readonly unknown[]> {
  const answer = await node.api('GET', `/v1/channels/${channel}/messages?last=10`)
  const { messages } = (await answer.json()) as { readonly messages: readonly { readonly data: unknown }[] }
  return messages.map(({ data }) => data)
}

describe.each(LANGUAGES)('the backend in $name', (language) => {
  const { name, program, words, serve } = language
  const reason = because(language.missing)
  const skip = language.missing !== undefined

  it.skipIf(skip)(`publishes a message, and a batch of which one is refused${reason}`, async () => {
    const channel = `news:${name}`
    const data = { title: 'Grüße', none: {}, list: [1.5, null] }
    const one = await run(language, ['publish', channel, JSON.stringify(data)])
    expect(JSON.parse(one.lines[0] ?? '')).toMatchObject({ offset: 1 })
    const input = [
      { channel, data: 2 },
      { channel: 'not a channel', data: 3 },
      { user: 'alice', data: {} },
    ]
    const batch = await run(language, ['batch'], {
      input: input.map((each) => JSON.stringify(each)).join('\n'),
    })
    expect(batch.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { offset: 2 },
      { error: { code: 'bad_request' } },
      { offset: expect.any(Number) as number },
    ])
    expect(await messagesOf(channel)).toEqual([data, 2])
  })

  it.skipIf(skip)(
    `tries again with the same id where the gateway is busy, and says what is refused${reason}`,
    async () => {
      const ids: unknown[] = []
      const busy = createServer((request, response) => {
        void text(request).then((body) => {
          ids.push((JSON.parse(body) as { readonly id: unknown }).id)
          if (ids.length === 1) response.writeHead(503, { 'retry-after': '0' }).end('{}')
          else response.end('{"offset":5,"epoch":"e"}')
        })
      })
      await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve))
      const { port } = busy.address() as AddressInfo
      const env = { SLUICE_API_URL: `http://127.0.0.1:${port}` }
      const { lines } = await run(language, ['publish', 'news', '1'], { env })
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ offset: 5 })
      expect(ids).toHaveLength(2)
      expect(ids).toEqual([expect.any(String), ids[0]])
      busy.close()
      const key = 'a-key-that-nobody-knows'
      const refused = await run(language, ['publish', 'news', '1'], { env: { SLUICE_API_KEY: key } })
      expect(refused.error).toContain('401')
      expect(refused.error).not.toContain(key)
    },
  )

  it.skipIf(skip)(`gives a token to who is logged in, which the gateway takes${reason}`, async () => {
    const [port = 0] = await freePorts(1)
    const serving = serve(port)
    // PHP's own server has its words before the file.
    const all = serving[0] === '-S' ? serving : [...words, ...serving]
    running.push(spawn(program, all, { env: environment({ PORT: String(port) }), stdio: 'ignore' }))
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/realtime-token`, { headers })
    await expect
      .poll(() =>
        ask({}).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(401)
    const answer = await ask({ cookie: 'user=carol' })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const { token } = (await answer.json()) as { readonly token: string }
    const client = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token })
    await client.connect()
    expect(client.user).toBe('carol')
    await client.subscribe('news:1', () => undefined).ready
    client.close()
    expect((await run(language, ['token', 'dave'])).lines[0]).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/)
  })
})
