import { request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The library writes its name into each answer where it is not told otherwise. */

let node: StartedNode

beforeAll(async () => {
  node = await startNode()
})
afterAll(() => node.close())

function headersOf(port: number, path: string, headers: Record<string, string> = {}): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers })
    sent.on('response', (response) => {
      resolve(response.rawHeaders)
      response.destroy()
    })
    sent.on('upgrade', (response, socket) => {
      resolve(response.rawHeaders)
      socket.destroy()
    })
    sent.on('error', reject)
    sent.end()
  })
}

const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

it.each([
  ['an answer of the public listener', 'port', '/v1/poll?channels=a&wait=0', {}],
  ['a stream', 'port', '/v1/sse?channels=a', { accept: 'text/event-stream' }],
  ['a handshake', 'port', '/v1/ws', HANDSHAKE],
  ['a refused handshake', 'port', '/v1/ws', { ...HANDSHAKE, 'sec-websocket-version': '8' }],
  ['an answer of the second listener', 'apiPort', '/livez', {}],
  ['a page of metrics', 'apiPort', '/metrics', {}],
] as const)('%s does not say which library made it', async (_, port, path, headers) => {
  const token = await node.token('ann')
  const sent = await headersOf(node[port], path, { authorization: `Bearer ${token}`, ...headers })
  expect(sent.join(' ').toLowerCase()).not.toContain('uwebsockets')
  expect(sent.map((name) => name.toLowerCase())).not.toContain('server')
})
