import { expect, it, onTestFinished } from 'vitest'
import { Listener } from '../../../src/drivers/uws.ts'
import { freePorts } from '../../support/server-process.ts'

function caught(_wall: unknown, error: unknown): void {
  throw error
}

function listenerAt(port: number, shared = false): Listener {
  const listener = new Listener({
    host: '127.0.0.1',
    port,
    shared,
    setBy: 'host and port',
    goneMs: 40_000,
    caught,
  })
  onTestFinished(() => listener.close())
  return listener
}

it('a port that another listener has is refused, and the options that say where are named', async () => {
  const first = listenerAt(0)
  await first.listen()
  await expect(listenerAt(first.port).listen()).rejects.toThrow(
    `cannot listen on 127.0.0.1:${first.port}: the address is in use or not one of this machine's; host and port say where`,
  )
  // Both have to want it.
  await expect(listenerAt(first.port, true).listen()).rejects.toThrow('in use')
})

it('those that share a port listen side by side', async () => {
  const [port] = (await freePorts(1)) as [number]
  for (let i = 0; i < 2; i++) {
    const listener = listenerAt(port, true)
    await listener.listen()
    expect(listener.port).toBe(port)
  }
})
