/** Requests as bytes, and what has to come back. Filled in: `{key}`, `{token}`, and `{message}`, a publish of 24 bytes. */
import { expect } from 'vitest'
import { frameOf, WireSocket, type End } from './wire-socket.ts'
import type { StartedNode } from '../support/start-node.ts'

export interface HttpCase {
  readonly name: string
  readonly to: 'public' | 'api'
  /** Each piece has been read before the next one is sent. */
  readonly send: string | readonly string[]
  /** The end of our side is right behind the last byte. */
  readonly fin?: true
  readonly answers: readonly Expected[]
  /** `open`: another request on the same connection is answered, so nothing of this one was left over. */
  /** `upgraded`: a WebSocket, whose close frame is answered. */
  readonly after: 'open' | 'closed' | 'upgraded'
}

export interface Expected {
  readonly status: number
  readonly body?: RegExp
  readonly headers?: Readonly<Record<string, RegExp | undefined>>
  /** It answers HEAD: its length is that of a body which does not come. */
  readonly head?: true
}

export const MESSAGE = '{"channel":"c","data":1}'
/** For the message, with its length in a header, or without. */
export const PUBLISH = 'POST /v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n'
export const PUBLISHED: Expected = { status: 200, body: /^\{"epoch":"\w+","offset":\d+\}$/ }

/** How the connection ended, where the node ended it. */
export async function runCase(node: StartedNode, one: HttpCase): Promise<End | undefined> {
  const token = await node.token('wire')
  const filled = (text: string): string =>
    text.replaceAll('{key}', node.apiKey).replaceAll('{token}', token).replaceAll('{message}', MESSAGE)
  const socket = await WireSocket.open(one.to === 'public' ? node.port : node.apiPort)
  try {
    const pieces = (typeof one.send === 'string' ? [one.send] : one.send).map(filled)
    if (one.fin === undefined) await socket.pieces(pieces)
    else {
      socket.write(pieces.join(''))
      socket.fin()
    }
    for (const expected of one.answers) {
      const { status, headers, body } = await socket.answer(expected.head)
      expect({ status, body }).toEqual({
        status: expected.status,
        body: expected.body === undefined ? body : expect.stringMatching(expected.body),
      })
      for (const [name, value] of Object.entries(expected.headers ?? {})) {
        expect([name, headers.get(name)]).toEqual([
          name,
          value === undefined ? undefined : expect.stringMatching(value),
        ])
      }
    }
    if (one.after === 'closed') {
      const { end, rest } = await socket.ending()
      expect(rest).toBe('')
      return end
    }
    if (one.after === 'upgraded') {
      socket.write(frameOf(8, Buffer.from([3, 232])))
      expect(await socket.frame()).toEqual({ opcode: 8, payload: Buffer.from([3, 232]) })
      return undefined
    }
    socket.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')
    expect((await socket.answer()).status).toBe(404)
    return undefined
  } finally {
    socket.close()
  }
}
