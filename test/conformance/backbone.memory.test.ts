import { MemoryBackbone, MemoryBus } from '../../src/backbone/memory.ts'
import { describeBackbone } from './backbone.suite.ts'

describeBackbone('MemoryBackbone', () => {
  const bus = new MemoryBus()
  return Promise.resolve({
    join: (node, sink) => Promise.resolve(new MemoryBackbone(node, bus, sink)),
    close: () => Promise.resolve(),
  })
})
