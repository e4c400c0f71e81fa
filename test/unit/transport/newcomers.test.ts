import { describe, expect, it } from 'vitest'
import type { NativeSocket } from '../../../src/drivers/uws.ts'
import { EarlyFrames } from '../../../src/dialect/early-frames.ts'
import { Newcomers } from '../../../src/transport/newcomers.ts'
import type { EdgeOptions, EdgePorts } from '../../../src/edge/ports.ts'
import { sluiceSocket } from '../../support/sluice-v1.ts'

const MIB = 1_048_576

describe('newcomers', () => {
  it('what their unfinished frames may hold together is bounded, whatever a frame may hold', () => {
    for (const frameBytes of [80 * 1024, 256 * 1024]) {
      expect(new Newcomers(frameBytes).max * frameBytes).toBeLessThanOrEqual(128 * MIB)
    }
    expect(new Newcomers(64 * MIB).max).toBe(256)
  })

  it('over the bound the one that has waited longest has to go', () => {
    const newcomers = new Newcomers<number>(64 * MIB)
    for (let i = 0; i < 256; i++) expect(newcomers.enter(i)).toBeUndefined()
    expect(newcomers.enter(256)).toBe(0)
    expect(newcomers.enter(257)).toBe(1)
    expect(newcomers.size).toBe(256)
  })

  it('who has said connect counts no more and does not have to go', () => {
    const newcomers = new Newcomers<number>(64 * MIB)
    for (let i = 0; i < 256; i++) newcomers.enter(i)
    newcomers.leave(0)
    expect(newcomers.enter(256)).toBeUndefined()
    expect(newcomers.enter(257)).toBe(1)
  })
})

describe('frames behind connect', () => {
  it('are kept up to so many bytes together', () => {
    const early = new EarlyFrames<string>(100)
    expect(early.add('a', 60)).toBe(true)
    expect(early.add('b', 40)).toBe(true)
    expect(early.add('c', 1)).toBe(false)
    expect(early.frames).toEqual(['a', 'b'])
  })

  it('are kept up to a number, however small they are', () => {
    const early = new EarlyFrames<number>(MIB)
    for (let i = 0; i < 1024; i++) expect(early.add(i, 1)).toBe(true)
    expect(early.add(1024, 1)).toBe(false)
  })

  it('of a stranger whose token is still being checked, the node holds no more than one frame may have', () => {
    const ends: number[] = []
    const socket = {
      send: () => 1,
      end: (code: number) => ends.push(code),
      getBufferedAmount: () => 0,
    } as unknown as NativeSocket
    const nothing = (): void => undefined
    const ports = {
      admission: { connected: nothing, charge: nothing, take: () => true },
      wheel: { schedule: nothing, cancel: nothing },
      metrics: { bytesIn: nothing, bytesOut: nothing, frameIn: nothing, protocolError: nothing },
      sessions: { identify: () => new Promise(nothing) },
    } as unknown as EdgePorts
    const options = { frameBytesMax: 1000, connectTimeoutMs: 1000 } as EdgeOptions
    const connection = sluiceSocket(ports, options, new Newcomers(1000))
    connection.opened(socket)
    const say = (frame: object): void =>
      connection.received(new TextEncoder().encode(JSON.stringify(frame)).buffer, false)
    say({ type: 'connect', token: 'a token' })
    const publish = { type: 'publish', ref: 1, channel: 'a', data: 'x'.repeat(400) }
    say(publish)
    say(publish)
    expect(ends).toEqual([])
    say(publish)
    expect(ends).toEqual([4429])
  })
})
