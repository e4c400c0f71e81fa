/** Frames as bytes, on a WebSocket that is connected, and what has to come back. */
import { expect } from 'vitest'
import { connected, frameOf } from './wire-socket.ts'
import type { StartedNode } from '../support/start-node.ts'

export interface FrameCase {
  readonly name: string
  /** Each has been read before the next one is sent. */
  readonly send: readonly Uint8Array[]
  /** Opcode and payload of what comes back first. */
  readonly answers?: readonly (readonly [opcode: number, payload: RegExp])[]
  /** `open`: a ping of the protocol is answered. A number: closed with that code, `none`: by a close frame without one. `cut`: without any. */
  readonly after: 'open' | 'cut' | 'none' | number
}

export const PING = '{"type":"ping","ref":7}'
export const PONG = [1, /^\{"type":"pong","ref":7\}$/] as const

export function closeFrame(code: number, reason: string | Uint8Array = ''): Buffer {
  return frameOf(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]))
}

export async function runFrames(node: StartedNode, { send, answers = [], after }: FrameCase): Promise<void> {
  const socket = await connected(node.port, await node.token('wire'))
  try {
    await socket.pieces(send)
    for (const [opcode, payload] of answers) {
      const frame = await socket.frame()
      expect([frame.opcode, frame.payload.toString()]).toEqual([opcode, expect.stringMatching(payload)])
    }
    if (after === 'open') {
      socket.write(frameOf(1, PING))
      const { opcode, payload } = await socket.frame()
      expect([opcode, payload.toString()]).toEqual([1, expect.stringMatching(PONG[1])])
      return
    }
    if (after !== 'cut') {
      const { opcode, payload } = await socket.frame()
      expect([opcode, payload.length < 2 ? 'none' : payload.readUInt16BE(0)]).toEqual([8, after])
    }
    expect(await socket.ending()).toEqual({ end: 'fin', rest: '' })
  } finally {
    socket.close()
  }
}
