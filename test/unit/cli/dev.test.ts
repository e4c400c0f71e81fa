import { createServer, type AddressInfo } from 'node:net'
import { expect, it, vi } from 'vitest'
import { FakeTerminal, run } from './fake-terminal.ts'
import { main } from '../../../src/cli/main.ts'
import { systemClock } from '../../../src/clock.ts'

const QUIET = ['--port', '0', '--api-port', '0', '--log-level', 'silent']

async function startDev(...words: readonly string[]) {
  const terminal = new FakeTerminal()
  const code = main(['dev', ...QUIET, ...words], terminal)
  await terminal.until(() => terminal.printed.length > 0)
  const banner = terminal.printed.join('\n')
  const find = (pattern: RegExp): string =>
    pattern.exec(banner)?.[1] ?? expect.fail(`the banner has no ${pattern}`)
  return { terminal, code, banner, find }
}

it('prints addresses, a token and commands that work, and ends well at a signal', async () => {
  const { terminal, code, banner, find } = await startDev()
  const apiUrl = find(/^ {2}API +(http:\S+)$/m)
  const url = find(/^ {2}workbench +(http:\S+)\/$/m)
  expect(find(/^ {2}WebSocket +(ws:\S+)$/m)).toBe(`${url.replace('http', 'ws')}/v1/ws`)
  const token = find(/^ {2}(eyJ[\w.-]+)$/m)

  const published = await run(['publish', 'news', '{"hello":"world"}', '--url', apiUrl])
  expect(published).toMatchObject({ code: 0, err: '' })
  const tailed = await run(['tail', 'news', '--last', '1', '--count', '1', '--url', url, '--token', token])
  expect(tailed).toEqual({ code: 0, out: '{"hello":"world"}', err: '' })
  expect(banner).toContain(`npx @sluice/gateway publish news '{"hello":"world"}' --url ${apiUrl}`)

  const [, headers, body, target] =
    /curl ((?:-H '[^']+' )+)-d '([^']+)' (\S+)/.exec(banner) ?? expect.fail('the banner has no curl')
  const named = [...(headers ?? '').matchAll(/-H '([^:]+): ([^']+)'/g)].map(
    ([, name, value]) => [name, value] as [string, string],
  )
  const answer = await fetch(target ?? '', { method: 'POST', headers: named, body: body ?? '' })
  expect(answer.status).toBe(200)

  terminal.raise('SIGTERM')
  expect(await code).toBe(0)
  expect(terminal.told).toEqual([])
})

it('makes tokens for sluice token, which tail uses on its own', async () => {
  const { terminal, code, find } = await startDev()
  const env = { SLUICE_API_URL: find(/^ {2}API +(\S+)$/m), SLUICE_URL: find(/^ {2}workbench +(\S+)$/m) }
  await run(['publish', 'news', '1'], env)
  expect(await run(['tail', 'news', '--last', '1', '--count', '1'], env)).toEqual({
    code: 0,
    out: '1',
    err: '',
  })
  const { out } = await run(['token', '--sub', 'alice', '--subscribe', '*'], env)
  expect(out).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
  terminal.raise('SIGINT')
  expect(await code).toBe(0)
})

it('shows no key that somebody has set', async () => {
  const terminal = new FakeTerminal({ SLUICE_API_KEYS: 'shop:publish+admin:hunter2' })
  const code = main(['dev', ...QUIET], terminal)
  await terminal.until(() => terminal.printed.length > 0)
  expect(terminal.printed.join('\n')).not.toContain('hunter2')
  expect(terminal.printed.join('\n')).toContain('<your API key>')
  terminal.raise('SIGTERM')
  expect(await code).toBe(0)
})

it('does not share a port with something else', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const { code, out, err } = await run(['dev', ...QUIET, '--port', String(port)])
  other.close()
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toBe(
    `sluice: cannot listen on 127.0.0.1:${port} (something listens there already): choose another port with --port`,
  )
})

it('a second SIGINT ends the process at once', async () => {
  const { terminal, code } = await startDev()
  const now = vi.spyOn(systemClock, 'monotonicMs')
  const pressedAtMs = systemClock.monotonicMs()
  terminal.raise('SIGINT')
  now.mockReturnValueOnce(pressedAtMs + 60_000)
  terminal.raise('SIGINT')
  now.mockRestore()
  expect(terminal.exits).toEqual([130])
  expect(await code).toBe(0)
})
