import { MemoryAckStore } from '../../src/acks/memory.ts'
import { describeAckStore } from './acks.suite.ts'

describeAckStore('MemoryAckStore', () => {
  const store = new MemoryAckStore()
  return Promise.resolve({ one: store, other: store, close: () => store.close() })
})
