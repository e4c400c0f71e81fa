import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { deadUrl, fakeGateway } from './fake-gateway.ts'
import { FakeTerminal, run } from './fake-terminal.ts'
import { mintToken } from '../../../src/auth/tokens.ts'
import { main } from '../../../src/cli/main.ts'
import { systemClock } from '../../../src/clock.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Node } from '../../../src/node/contract.ts'
import { createNode } from '../../../src/node/node.ts'
import { patientMs } from '../../support/patience.ts'

const SECRET = 'a secret of thirty-two characters'

async function startNode(port = 0, apiPort = 0): Promise<Node> {
  const node = await createNode(
    loadConfig({
      dev: true,
      settings: { port, api: { port: apiPort }, auth: { jwtSecret: SECRET }, log: { level: 'silent' } },
    }),
  )
  await node.start()
  return node
}

let node: Node
let env: NodeJS.ProcessEnv

beforeEach(async () => {
  node = await startNode()
  env = { SLUICE_URL: node.url, SLUICE_API_URL: node.apiUrl, SLUICE_JWT_SECRET: SECRET }
})

afterEach(() => node.close())

async function publish(...words: readonly string[]): Promise<void> {
  const { code, err } = await run(['publish', ...words], env)
  expect({ code, err }).toEqual({ code: 0, err: '' })
}

function tail(...words: readonly string[]) {
  const terminal = new FakeTerminal(env)
  return { terminal, code: main(['tail', ...words], terminal) }
}

it('says on a terminal that it listens, and where', async () => {
  const { terminal, code } = tail('news')
  terminal.interactive = true
  await terminal.until(() => terminal.told.length > 0)
  expect(terminal.told).toEqual([
    `sluice: listening on news at ${node.url.replace('http', 'ws')}/v1/ws (Ctrl-C ends this)`,
  ])
  terminal.raise('SIGINT')
  expect(await code).toBe(0)
})

describe('what is printed', () => {
  it('the last messages, one line each, until there were as many as asked for', async () => {
    await publish('news', '{"n": 1}')
    await publish('news', '2')
    await publish('news', '--text', 'three')
    expect(await run(['tail', 'news', '--last', '2', '--count', '2'], env)).toEqual({
      code: 0,
      out: '2\n"three"',
      err: '',
    })
  })

  it('no more than asked for, although more is there', async () => {
    for (const message of ['1', '2', '3']) await publish('news', message)
    expect((await run(['tail', 'news', '--last', '3', '--count', '2'], env)).out).toBe('1\n2')
  })

  it('texts without quotes with --text', async () => {
    await publish('news', '--text', 'a "text"')
    await publish('news', '{"a":1}')
    expect((await run(['tail', 'news', '--last', '2', '--count', '2', '--text'], env)).out).toBe(
      'a "text"\n{"a":1}',
    )
  })

  it('whole messages with --json', async () => {
    await publish('news', '{"a":1}', '--id', 'm-1')
    const { out } = await run(['tail', 'news', '--last', '1', '--count', '1', '--json'], env)
    expect(JSON.parse(out)).toEqual({
      type: 'message',
      channel: 'news',
      epoch: expect.any(String) as string,
      offset: 1,
      data: { a: 1 },
      id: 'm-1',
      time: expect.any(Number) as number,
    })
  })

  it('without --last what comes from now on', async () => {
    await publish('news', '"old"')
    const { terminal, code } = tail('news', '--count', '1')
    // Published again and again, since nothing tells from outside when the subscription stands.
    await expect
      .poll(async () => {
        await publish('news', '"new"')
        return terminal.printed
      })
      .toContain('"new"')
    expect(await code).toBe(0)
    expect(terminal.printed).toEqual(['"new"'])
  })

  it('the inbox of a user', async () => {
    const { terminal, code } = tail('@inbox', '--user', 'alice', '--count', '1')
    await expect
      .poll(async () => {
        await publish('--user', 'alice', '"mail"')
        return terminal.printed
      })
      .toEqual(['"mail"'])
    expect(await code).toBe(0)
  })
})

describe('the end', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('a %s is a good one', async (signal) => {
    const { terminal, code } = tail('news')
    await terminal.until(() => terminal.listens)
    terminal.raise(signal)
    expect(await code).toBe(0)
    expect(terminal.told).toEqual([])
  })

  it('a channel that the token does not allow', async () => {
    const token = await mintToken(
      { secret: SECRET, sub: 'alice', subscribe: ['chat:*'], publish: [] },
      systemClock,
    )
    const { code, out, err } = await run(['tail', 'news', '--token', token], env)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^sluice: [^\n]+$/)
    expect(err).not.toContain(token)
  })

  it('a token that the node refuses', async () => {
    const { code, err } = await run(['tail', 'news', '--token', 'hunter2'], env)
    expect(code).toBe(1)
    expect(err).toMatch(/^sluice: .*4401[^\n]+$/)
    expect(err).not.toContain('hunter2')
  })

  it('no token to be had', async () => {
    const url = await deadUrl()
    const { code, err } = await run(['tail', 'news'], { SLUICE_URL: node.url, SLUICE_API_URL: url })
    expect(code).toBe(1)
    expect(err).toMatch(/^sluice: no node answers [^\n]+$/)
  })

  it.each([
    [['a b'], /^sluice: "a b" is not a channel: /],
    [['news', '--last', 'x'], /^sluice: --last is "x"; allowed: a whole number from 0$/],
    [['news', '--count', '0'], /^sluice: --count is "0"; allowed: a whole number from 1$/],
    [
      ['news', '--url', 'ftp://a'],
      /^sluice: "ftp:\/\/a" is not the URL of a node; allowed: ws, wss, http or https/,
    ],
  ])('%j is a misuse, with exit code 2', async (words, complaint) => {
    const { code, err } = await run(['tail', ...words], env)
    expect(code).toBe(2)
    expect(err).toMatch(complaint)
  })
})

describe('a wrong address', () => {
  /** As the terminal shows it: what the command says, and what comes to the console of the process. */
  function watched(url: string) {
    const console_ = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    onTestFinished(() => console_.mockRestore())
    const { terminal, code } = tail('news', '--url', url)
    return { terminal, code, onConsole: () => console_.mock.calls.map(([line]) => String(line)) }
  }

  it(
    'is told with its reason, once, while it is tried again',
    async () => {
      let attempts = 0
      const gone = createServer((socket) => {
        attempts++
        socket.destroy()
      })
      await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void gone.close())
      const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`
      const { terminal, code, onConsole } = watched(url)
      await expect.poll(() => attempts, { timeout: patientMs(30_000) }).toBeGreaterThan(3)
      const ours = console.warn
      console.warn('of somebody else')
      terminal.raise('SIGINT')
      expect(await code).toBe(0)
      expect(terminal.told).toEqual([expect.stringMatching(/^sluice: the connection to .+; trying again \(/)])
      expect(onConsole()).toEqual(['of somebody else'])
      expect(console.warn).not.toBe(ours)
    },
    patientMs(60_000),
  )

  it(
    'that is no gateway ends it, with the reason once',
    async () => {
      const { url } = await fakeGateway(() => ({ status: 404, body: 'nothing' }))
      const { terminal, code, onConsole } = watched(url)
      expect(await code).toBe(1)
      expect(terminal.told.filter((line) => !line.includes('trying again'))).toEqual([
        expect.stringMatching(/^sluice: the connection to .+404/),
      ])
      expect(onConsole()).toEqual([])
    },
    patientMs(60_000),
  )
})

it('a node that is replaced is waited for, and what may be missing is told', async () => {
  // Ports that were given, not drawn: a listener on a drawn port leaves it occupied for a while.
  const [port, apiPort] = [await deadUrl(), await deadUrl()].map((url) => Number(new URL(url).port))
  await node.close()
  node = await startNode(port, apiPort)
  env = { ...env, SLUICE_URL: node.url, SLUICE_API_URL: node.apiUrl }
  const { terminal, code } = tail('news', '--json')
  await expect
    .poll(async () => {
      await publish('news', '"before"')
      return terminal.printed.length
    })
    .toBeGreaterThan(0)
  await node.close()
  await terminal.until(() => terminal.told.length > 0)
  expect(terminal.told).toEqual([
    expect.stringMatching(/^sluice: .+; trying again \(npx @sluice\/gateway dev starts a node, /),
  ])
  node = await startNode(port, apiPort)
  await terminal.until(() => terminal.told.length > 1)
  expect(terminal.told[1]).toBe('sluice: connected again')
  await publish('news', '"after"')
  await terminal.until(() => terminal.printed.some((line) => line.includes('"after"')))
  const types = terminal.printed.map((line) => (JSON.parse(line) as { type: string }).type)
  // The log was in the memory of the first node.
  expect(types.slice(-2)).toEqual(['reset', 'message'])
  terminal.raise('SIGINT')
  expect(await code).toBe(0)
})
