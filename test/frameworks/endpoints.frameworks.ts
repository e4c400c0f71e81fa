/**
 * The token endpoints of docs/guides/authentication.md in their frameworks, as these are published: a page logs in, fetches a token, and its
 * client is connected with it. Where nobody is logged in, the client of the guide stops.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as sdk from '../../src/client/index.ts'
import { ROOT } from '../support/installed-packages.ts'
import { patientMs } from '../support/patience.ts'
import { freePorts, ServerProcess, temporaryDirectory } from '../support/server-process.ts'
import { because } from '../support/skip-reason.ts'
import { runScript, Snippets } from '../support/snippets.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { checkToken } from '../support/token-endpoint.ts'
import { APPS } from './apps.ts'

const PAGE = 'docs/guides/authentication.md'
/** What it takes beside a registry. */
const NEEDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  FastAPI: ['python3', '-c', 'import ensurepip, venv'],
  Laravel: ['php', '-r', 'exit(stream_resolve_include_path("Illuminate/autoload.php") ? 0 : 1);'],
  Go: ['go', 'version'],
}

let node: StartedNode
const folder = temporaryDirectory('frameworks')

beforeAll(async () => {
  vi.stubGlobal('WebSocket', WebSocket)
  node = await startNode()
})
afterAll(async () => {
  await node.close()
  folder.remove()
})

function missing(name: string): string | undefined {
  const [program, ...words] = NEEDS[name] ?? []
  try {
    if (program !== undefined) execFileSync(program, words, { stdio: 'pipe' })
    return undefined
  } catch {
    return name === 'Laravel' ? 'needs php-laravel-framework of Debian' : `needs ${String(program)}`
  }
}

/** The client as the guide has it, in a page of that server. */
async function client(server: string, headers: Record<string, string>): Promise<sdk.SluiceClient> {
  const code = new Snippets(PAGE, [['wss://rt.example.com', `ws://127.0.0.1:${node.port}`]]).take(
    'unauthorized',
  )
  const given = {
    fetch: (path: string) => fetch(`${server}${path}`, { headers }),
    showBanner: () => undefined,
  }
  const modules = { '@sluice/client': sdk }
  return (await runScript<{ client: sdk.SluiceClient }>(code, { modules, given, gives: ['client'] })).client
}

describe.each(APPS)('$name', ({ name, snippet, version, prepare }) => {
  const lack = missing(name)

  it.skipIf(lack !== undefined)(
    `${version ?? 'as it is on this machine'} answers tokens that a client connects with${because(lack)}`,
    async () => {
      const [port] = (await freePorts(1)) as [number]
      const place = `${folder.path}/${snippet}`
      execFileSync('mkdir', [place])
      const { command, ready } = await prepare(place, new Snippets(PAGE).take(snippet), port)
      const app = await ServerProcess.start({
        program: 'bash',
        args: ['-c', `cd ${place} && ${command}`],
        env: { SLUICE_JWT_SECRET: node.secret },
        install: 'apt-get install bash',
        ready,
      })
      try {
        const server = `http://127.0.0.1:${port}`
        const ask = (headers = {}): Promise<Response> => fetch(`${server}/realtime-token`, { headers })
        await expect.poll(async () => (await ask()).status).toBe(401)
        const answer = await ask({ cookie: 'user=17' })
        expect(answer.headers.get('cache-control')).toContain('no-store')
        await checkToken(node, await answer.json())

        const welcome = await client(server, { cookie: 'user=17' })
        await expect.poll(() => welcome.user).toBe('17')
        const seen: unknown[] = []
        await welcome.subscribe('team:red', ({ data }) => seen.push(data)).ready
        await node.publish({ channel: 'team:red', data: `by ${name}` })
        await expect.poll(() => seen).toEqual([`by ${name}`])
        welcome.close()

        const stranger = await client(server, {})
        await expect.poll(() => stranger.state).toBe('failed')
        console.log(name, version ?? /Laravel [\d.]+/.exec(app.output)?.[0] ?? '')
      } finally {
        await app.stop()
      }
    },
    patientMs(600_000),
  )
})

it('the guide says which versions these are', () => {
  const guide = readFileSync(`${ROOT}${PAGE}`, 'utf8')
  for (const { name, version } of APPS)
    if (version !== undefined) expect(guide).toContain(`${name} ${version}`)
})
