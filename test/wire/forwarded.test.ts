import { afterAll, beforeAll, expect, it } from 'vitest'
import { WireSocket } from './wire-socket.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
beforeAll(async () => {
  node = await startNode({
    trustedProxies: ['127.0.0.1'],
    admission: { perAddressPerSecond: 1, perAddressBurst: 1 },
  })
})
afterAll(() => node.close())

it('X-Forwarded-For in several lines is one list: what the client wrote above it does not give it another address', async () => {
  const token = await node.token('wire')
  const statuses = []
  for (const lie of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) {
    const socket = await WireSocket.open(node.port)
    socket.write(
      `GET /v1/poll?channels=c&wait=0&token=${token} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${lie}\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n`,
    )
    statuses.push((await socket.answer()).status)
    socket.close()
  }
  expect(statuses).toContain(429)
})
