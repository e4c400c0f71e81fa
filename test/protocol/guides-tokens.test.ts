/** The endpoints of docs/guides/authentication.md: what each of them answers is a token that a node takes, for what it says and no more. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import * as jose from 'jose'
import { WebSocket } from 'ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as sdk from '../../src/client/index.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { shell } from '../support/shell.ts'
import { runScript, Snippets } from '../support/snippets.ts'
import { checkToken } from '../support/token-endpoint.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const USER = { id: 17, team: 'red' }

/** What the frameworks have for us, and nothing more: a path, a request, an answer. */
type Handler = (request: object, response: Answer) => unknown

class Answer {
  said = 200
  body: unknown
  readonly headers: Record<string, string> = {}
  readonly cookies: Record<string, string> = {}

  status = (status: number): this => Object.assign(this, { said: status })
  code = this.status
  set = (name: string, value: string): this => {
    this.headers[name] = value
    return this
  }
  header = this.set
  json = (body: unknown): this => Object.assign(this, { body })
  send = this.json
  cookie = (name: string, value: string): void => void (this.cookies[name] = value)
  redirect = (): void => undefined
}

class App {
  readonly #routes = new Map<string, Handler>()
  get = (path: string, handler: Handler): unknown => this.#routes.set(path, handler)
  post = this.get
  listen = (): void => undefined

  /** What a handler gives back is the body as well: so it is in Fastify. */
  async ask(path: string, request: object): Promise<Answer> {
    const answer = new Answer()
    const given = await this.#routes.get(path)?.(request, answer)
    if (given !== undefined && given !== answer) answer.body = given
    return answer
  }
}

let node: StartedNode
let snippets: Snippets
const folder = temporaryDirectory('guides-tokens')

beforeAll(async () => {
  vi.stubGlobal('WebSocket', WebSocket)
  node = await startNode()
  const here = [
    ['wss://rt.example.com', `ws://127.0.0.1:${node.port}`],
    ['https://rt.example.com', `http://127.0.0.1:${node.port}`],
  ] as const
  snippets = new Snippets('docs/guides/authentication.md', here)
})
afterAll(async () => {
  await node.close()
  folder.remove()
})

const isThere = (program: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
    return true
  } catch {
    return false
  }
}
const environment = (): Record<string, string> => ({ SLUICE_JWT_SECRET: node.secret })

describe('the token endpoint', () => {
  it.each(['express', 'fastify'])('in %s', async (framework) => {
    const app = new App()
    const modules = { jose, [framework]: { default: () => app } }
    await runScript(snippets.take(framework), { modules, given: { process: { env: environment() } } })
    const answer = await app.ask('/realtime-token', { session: { user: USER } })
    expect(answer.headers).toMatchObject({ 'Cache-Control': 'no-store' })
    await checkToken(node, answer.body)
    expect(await app.ask('/realtime-token', {})).toMatchObject({ said: 401, body: { error: 'log in first' } })
  })

  it('in Next.js', async () => {
    let user: typeof USER | undefined = USER
    const modules = { jose, '@/lib/session': { currentUser: () => Promise.resolve(user) } }
    const given = { process: { env: environment() } }
    type Get = (request: object) => Promise<Response>
    const { GET: ask } = await runScript<{ GET: Get }>(snippets.take('next'), {
      modules,
      given,
      gives: ['GET'],
    })
    const answer = await ask({})
    expect(answer.headers.get('cache-control')).toBe('no-store')
    await checkToken(node, await answer.json())
    user = undefined
    expect((await ask({})).status).toBe(401)
  })

  it.skipIf(!isThere('python3'))('in FastAPI (needs python3)', async () => {
    writeFileSync(
      join(folder.path, 'fastapi.py'),
      `class FastAPI:
    def get(self, path):
        return lambda handler: handler
class Response:
    def __init__(self):
        self.headers = {}
def Depends(wanted):
    return wanted
class HTTPException(Exception):
    def __init__(self, status_code, detail):
        self.status_code = status_code
`,
    )
    writeFileSync(
      join(folder.path, 'endpoint.py'),
      `${snippets.take('fastapi')}
class User:
    id, team = 17, "red"
try:
    realtime_token(Response(), user=None)
except HTTPException as refused:
    assert refused.status_code == 401
response = Response()
print(json.dumps(realtime_token(response, user=User())))
assert response.headers == {"Cache-Control": "no-store"}
`,
    )
    const { out, err } = await shell('python3 endpoint.py', environment(), folder.path)
    expect(err).toBe('')
    await checkToken(node, JSON.parse(out))
  })

  it.skipIf(!isThere('php'))('in Laravel (needs php)', async () => {
    const code = snippets
      .take('laravel')
      .replace('<?php', '<?php namespace App;')
      .replaceAll(/^use .*$/gm, '')
    writeFileSync(
      join(folder.path, 'endpoint.php'),
      `${code}
class Request { public $who; function user() { return $this->who; } }
class Route { static $handler; static function get($path, $handler) { self::$handler = $handler; } }
class Answer {
  function json($body) { $this->body = $body; return $this; }
  function header($name, $value) { $this->headers[$name] = $value; return $this; }
  public $body; public $headers = [];
}
function response() { return new Answer(); }
function config($name) { return $name === 'services.sluice.secret' ? getenv('SLUICE_JWT_SECRET') : null; }
class Refused extends \\Exception {}
function abort($status) { throw new Refused((string) $status); }
$request = new Request();
try { (Route::$handler)($request); exit(1); } catch (Refused $refused) { if ($refused->getMessage() !== '401') exit(2); }
$request->who = (object) ['id' => 17, 'team' => 'red'];
$answer = (Route::$handler)($request);
if ($answer->headers !== ['Cache-Control' => 'no-store']) exit(3);
echo json_encode($answer->body);
`,
    )
    const { code: exit, out, err } = await shell('php endpoint.php', environment(), folder.path)
    expect({ exit, err }, out).toEqual({ exit: 0, err: '' })
    await checkToken(node, JSON.parse(out))
  })
})

it('tells the page that nobody is logged in, and the page stops asking', async () => {
  const banners: unknown[] = []
  const given = {
    fetch: () => Promise.resolve(new Response('', { status: 401 })),
    showBanner: (state: string, message: string) => banners.push([state, message]),
  }
  const { client } = await runScript<{ client: sdk.SluiceClient }>(snippets.take('unauthorized'), {
    ...{ modules: { '@sluice/client': sdk }, given },
    gives: ['client'],
  })
  await expect.poll(() => client.state).toBe('failed')
  expect(banners.at(-1)).toEqual(['failed', expect.stringContaining('logged out')])
})

it('a cookie of the login opens a stream', async () => {
  const app = new App()
  const tokenFor = (): Promise<string> => node.token('alice', { subscribe: ['news:*'] })
  const logIn = (): Promise<object> => Promise.resolve(USER)
  await runScript(snippets.take('cookie'), { given: { app, tokenFor, logIn } })
  const { cookies } = await app.ask('/login', {})
  const cookie = Object.entries(cookies)
    .map((pair) => pair.join('='))
    .join()
  /** As a browser sends it, which is told to. */
  class Browsers extends EventSource {
    constructor(url: string, { withCredentials = false }: EventSourceInit) {
      super(url, {
        fetch: (address, init) =>
          fetch(address, { ...init, headers: { ...init.headers, ...(withCredentials && { cookie }) } }),
      })
    }
  }
  const seen: unknown[] = []
  const given = { EventSource: Browsers, show: (data: unknown) => seen.push(data) }
  const { stream } = await runScript<{ stream: EventSource }>(snippets.take('cookie-page'), {
    ...{ given, gives: ['stream'] },
  })
  await new Promise((resolve) => stream.addEventListener('welcome', resolve))
  await node.publish({ channel: 'news:sport', data: 'won' })
  await expect.poll(() => seen).toEqual(['won'])
  stream.close()
})

it('a program sends it as a header', async () => {
  const [, command] = snippets.takeAll('') as [string, string]
  const begins = `grep --max-count=1 welcome < <(${command.trim()}); kill $!`
  const { out } = await shell(begins, { TOKEN: await node.token('alice') })
  expect(out).toContain('event: welcome')
})

it('has no other example that nothing runs', () => {
  // Its compiler needs a minute where it has compiled nothing before: test/frameworks runs it, and the others as servers.
  expect(snippets.left.map(({ name }) => name)).toEqual(['go'])
})
