import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** `curl -N`, the client that everybody has. */

let node: StartedNode

beforeAll(async () => {
  node = await startNode()
})
afterAll(() => node.close())

it('curl -N shows an event stream line by line, while it runs', async () => {
  const token = await node.token('carl')
  const curl = spawn('curl', [
    ...['--silent', '--show-error', '--no-buffer', '--header', `Authorization: Bearer ${token}`],
    `http://127.0.0.1:${node.port}/v1/sse?channels=logs`,
  ])
  const lines: string[] = []
  createInterface({ input: curl.stdout }).on('line', (line) => lines.push(line))
  await expect.poll(() => lines).toContain('event: welcome')
  await node.publish({ channel: 'logs', data: 'first' })
  await expect.poll(() => lines.filter((line) => line.includes('"data":"first"')).length).toBe(1)
  await node.publish({ channel: 'logs', data: { n: 2 } })
  await expect.poll(() => lines.filter((line) => line.includes('"data":{"n":2}')).length).toBe(1)
  expect(lines.filter((line) => line === 'event: message').length).toBe(2)
  curl.kill()
  await once(curl, 'close')
})

it('curl alone is a poller', async () => {
  const token = await node.token('carl')
  const poll = async (query: string): Promise<Record<string, unknown>> => {
    const curl = spawn('curl', [
      ...['--silent', '--show-error', '--fail'],
      `http://127.0.0.1:${node.port}/v1/poll?channels=poll:1&token=${token}${query}`,
    ])
    let answer = ''
    curl.stdout.on('data', (text: Buffer) => (answer += text.toString()))
    await once(curl, 'close')
    return JSON.parse(answer) as Record<string, unknown>
  }
  const { cursor } = await poll('&wait=0')
  await node.publish({ channel: 'poll:1', data: 'hello' })
  const { messages } = await poll(`&wait=10&cursor=${encodeURIComponent(cursor as string)}`)
  expect(messages).toMatchObject([{ channel: 'poll:1', data: 'hello' }])
})
