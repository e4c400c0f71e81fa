import { expect, it, vi } from 'vitest'
import { MemoryBackbone, MemoryBus } from '../../src/backbone/memory.ts'
import type { Message } from '../../src/protocol/message.ts'
import { describeBackbone } from './backbone.suite.ts'

describeBackbone('MemoryBackbone', () => {
  const bus = new MemoryBus()
  return Promise.resolve({
    join: (node, sink) => Promise.resolve(new MemoryBackbone(node, bus, sink)),
    close: () => Promise.resolve(),
  })
})

it('what a sink throws is a fault that shows, and the messages behind it are delivered', async () => {
  const taken: string[] = []
  const faults: unknown[] = []
  const fault = new Error('thrown by the sink')
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => faults.push(error))
  try {
    const backbone = new MemoryBackbone('a', new MemoryBus(), {
      message({ channel }) {
        if (channel === 'one') throw fault
        taken.push(channel)
      },
      control: () => undefined,
      connected: () => undefined,
      disconnected: () => undefined,
    })
    for (const channel of ['one', 'two', 'three']) backbone.unicast('a', message(channel))
    await vi.waitFor(() => expect(taken).toEqual(['two', 'three']))
    await vi.waitFor(() => expect(faults).toEqual([fault]))
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
})

function message(channel: string): Message {
  const data = Buffer.from('1')
  return { kind: 'ephemeral', channel, data, binary: false, id: undefined, time: 0 }
}
