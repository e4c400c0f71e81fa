/**
 * Clients whose network swallows everything from one moment on: no FIN, no reset, no acknowledgement. What is written to
 * them waits in the kernel, so only the kernel can tell.
 */
import { describe, expect, it, onTestFinished } from 'vitest'
import { Namespace } from '../support/network-namespace.ts'
import { because } from '../support/skip-reason.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const hindrance = Namespace.hindrance()

/** The least that the options allow. */
const SETTINGS = {
  heartbeat: { idleTimeout: '8s', ping: '4s', sse: '2s' },
  namespaces: { room: { presence: true } },
} as const

type Transport = 'sse' | 'poll' | 'websocket'

function requestOf(transport: Transport, token: string): string {
  const target = {
    sse: `/v1/sse?channels=room:1&token=${token}`,
    poll: `/v1/poll?channels=room:1&wait=120&token=${token}`,
    websocket: '/v1/ws',
  }[transport]
  const upgrade =
    transport === 'websocket'
      ? 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
      : ''
  return `GET ${target} HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`
}

/** Connects by TCP, says what it has to, and keeps the connection. A poll is answered that its user is there, and asks again. */
function clientScript(
  host: string,
  port: number,
  { request, frames, again }: { request: string; frames: readonly object[]; again: boolean },
): string {
  return `
    const socket = require('node:net').connect(${port}, ${JSON.stringify(host)}, () => socket.write(${JSON.stringify(request)}))
    socket.once('data', () => { for (const frame of ${JSON.stringify(frames)}) socket.write(masked(JSON.stringify(frame)))
      if (${again}) socket.write(${JSON.stringify(request)}) })
    socket.on('data', () => undefined).on('error', () => undefined)
    function masked(text) {
      const head = text.length < 126 ? [text.length | 128] : [126 | 128, text.length >> 8, text.length & 255]
      return Buffer.concat([Buffer.from([129, ...head, 0, 0, 0, 0]), Buffer.from(text)])
    }
    console.log('ready')`
}

async function members(node: StartedNode): Promise<readonly string[]> {
  const response = await node.api('GET', '/v1/channels/room:1')
  return ((await response.json()) as { presence?: string[] }).presence ?? []
}

describe.skipIf(hindrance !== undefined)(`a client that vanishes${because(hindrance)}`, () => {
  it.each([
    ['sse', 'an idle'],
    ['poll', 'an idle'],
    ['websocket', 'an idle'],
    ['sse', 'a busy'],
    ['websocket', 'a busy'],
  ] as const)('over %s is gone from %s channel within the idle timeout', async (transport, channel) => {
    const namespace = Namespace.create()
    onTestFinished(() => namespace.close())
    const node = await startNode({ ...SETTINGS, host: namespace.address })
    onTestFinished(() => node.close())
    const token = await node.token('vanishing')
    const frames = [
      { type: 'connect', token },
      { type: 'subscribe', ref: 1, channel: 'room:1' },
    ]
    await namespace.script(
      clientScript(namespace.address, node.port, {
        request: requestOf(transport, token),
        frames: transport === 'websocket' ? frames : [],
        again: transport === 'poll',
      }),
    )
    const connections = `sluice_connections{transport="${transport}"}`
    await expect.poll(() => members(node)).toEqual(['vanishing'])
    await expect.poll(() => node.metric(connections)).toBe(1)
    namespace.vanish()
    const left = async (): Promise<readonly string[]> => {
      if (channel === 'a busy') await node.publish({ channel: 'room:1', data: 'is anybody there?' })
      return members(node)
    }
    // Without the limit of the kernel it would take a quarter of an hour, or as long as a poll waits.
    await expect.poll(left).toEqual([])
    expect(await node.metric(connections)).toBe(0)
  })
})
