/** A request arrives in whatever pieces the network makes of it; on loopback the pieces have to be sent by hand. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode

beforeAll(async () => {
  node = await startNode()
})
afterAll(() => node.close())

/** Sends the pieces so that each is read alone: the next one leaves when the kernel has handed over what is on its way. */
async function answerTo(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  for (const piece of pieces) {
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
    // The node runs in this process: after two turns its loop has read what was sent.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString().split('\r\n', 1)[0] as string
}

describe.each([
  ['the public listener', () => node.port, 'GET /v1/poll?channels=a&wait=0 HTTP/1.1', '401'],
  ['the second listener', () => node.apiPort, 'GET /v1/nodes?verbose=1 HTTP/1.1', '401'],
])('%s', (_, port, line, status) => {
  const request = `${line}\r\nHost: gateway\r\nX-Request-Id: abc\r\n\r\n`

  it('answers a request that was split in two, wherever that is', async () => {
    const answers = []
    for (let at = 1; at < request.length; at++) {
      answers.push(await answerTo(port(), [request.slice(0, at), request.slice(at)]))
    }
    const statuses = answers.map((answer) => answer.split(' ')[1])
    expect(statuses).toEqual(Array.from({ length: request.length - 1 }, () => status))
  })

  it('answers a request that comes byte by byte', async () => {
    expect(await answerTo(port(), request.split(''))).toContain(` ${status} `)
  })
})
