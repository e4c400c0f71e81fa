import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fakeGateway } from './fake-gateway.ts'
import { FakeTerminal, run } from './fake-terminal.ts'
import { main } from '../../../src/cli/main.ts'
import { traceLine } from '../../../src/cli/trace.ts'

/** A second listener that streams these pieces, as the network may cut them. */
async function streaming(pieces: readonly string[], end = true): Promise<{ url: string; paths: string[] }> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const piece of pieces) response.write(piece)
    if (end) response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths }
}

const DELIVERED = {
  ...{
    type: 'delivered',
    at: 1_795_000_000_000,
    node: 'aaaa4f1c0a',
    session: 'sess01',
    channel: 'news',
    offset: 7,
  },
  ...{ published: 1000, written: 1003, live: true },
}

describe('sluice trace', () => {
  it('shows each event, however it was cut on its way, and ends well when it is over', async () => {
    const text = `data: ${JSON.stringify(DELIVERED)}\n\n:\n\ndata: {"type":"over","why":"time"}\n\n`
    const { url, paths } = await streaming([text.slice(0, 20), text.slice(20, 61), text.slice(61)])
    const { code, out } = await run(['trace', '--user', 'ann b', '--for', '5m', '--url', url])
    expect(code).toBe(0)
    expect(out.split('\n')[0]).toMatch(/4f1c0a +sess01 +delivered +news 7, 3 ms after its publish$/)
    expect(out).toMatch(/over +why=time$/)
    expect(paths).toEqual(['/v1/users/ann%20b/trace?for=5m&events=10000&payloads=false'])
  })

  it('as JSON is what the node has said', async () => {
    const { url } = await streaming([`data: ${JSON.stringify(DELIVERED)}\n\ndata: {"type":"over"}\n\n`])
    const { out } = await run(['trace', '--user', 'ann', '--json', '--url', url])
    expect(out).toBe(`${JSON.stringify(DELIVERED)}\n{"type":"over"}`)
  })

  it('says that it was cut short where the node has gone', async () => {
    const { url } = await streaming([`data: ${JSON.stringify(DELIVERED)}\n\n`])
    const { code, err } = await run(['trace', '--user', 'ann', '--url', url])
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('has gone') as string })
  })

  it('ends well when it is interrupted', async () => {
    const { url } = await streaming([`data: ${JSON.stringify(DELIVERED)}\n\n`], false)
    const terminal = new FakeTerminal()
    const done = main(['trace', '--user', 'ann', '--url', url], terminal)
    await expect.poll(() => terminal.printed.length).toBe(1)
    terminal.raise('SIGINT')
    expect(await done).toBe(0)
  })

  it('says why it may not, and whom it needs', async () => {
    const error = { code: 'forbidden', message: 'the API key ops has the scope publish; this needs admin' }
    const { url } = await fakeGateway(() => ({ status: 403, body: { error } }))
    const refused = await run(['trace', '--user', 'ann', '--url', url])
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('this needs admin') as string })
    expect((await run(['trace', '--url', url])).code).toBe(2)
  })

  it.each([
    [
      { type: 'delivered', channel: 'a', offset: 1, published: 5, written: 9, live: false },
      'a 1, 4 ms after its publish, from the log',
    ],
    [
      { type: 'acknowledged', channel: 'a', offset: 1, published: 5, acknowledged: 25 },
      'a 1, 20 ms after its publish',
    ],
    [{ type: 'closed', why: 'too_slow', code: 4508 }, 'too_slow 4508'],
    [{ type: 'left out', events: 12 }, '12 events: more than can be told'],
  ])('%j is %s', (event, says) => {
    expect(traceLine(event).endsWith(says)).toBe(true)
  })
})

describe('sluice log-level', () => {
  it('changes what all nodes log, or those that are named', async () => {
    const { url, requests } = await fakeGateway(({ method, path, body }) => {
      if (path === '/v1/nodes') return { status: 200, body: { nodes: [{ id: 'n1' }, { id: 'n2' }] } }
      const { level = 'info' } = (body === '' ? {} : JSON.parse(body)) as { level?: string }
      const until = method === 'PUT' ? { until: 0 } : {}
      return { status: 200, body: { node: path.split('/')[3], level, configured: 'info', ...until } }
    })
    expect((await run(['log-level', 'debug', '--for', '10m', '--url', url])).out).toBe(
      'n1 logs debug until 1970-01-01T00:00:00.000Z, configured is info\nn2 logs debug until 1970-01-01T00:00:00.000Z, configured is info',
    )
    expect(requests.at(-1)).toMatchObject({ method: 'PUT', body: '{"level":"debug","for":"10m"}' })
    expect((await run(['log-level', '--url', url])).out).toBe('n1 logs info\nn2 logs info')
    expect((await run(['log-level', 'warn', 'n2', '--url', url])).out).toMatch(/^n2 logs warn/)
    expect(requests.at(-1)).toMatchObject({ path: '/v1/nodes/n2/log-level' })
  })
})
