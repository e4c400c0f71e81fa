import { MemoryGrantStore } from '../../src/webhooks/memory-grants.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { describeGrantStore } from './grant-store.suite.ts'

describeGrantStore('MemoryGrantStore', () => {
  const clock = new ManualClock()
  const store = new MemoryGrantStore(clock)
  return Promise.resolve({
    one: store,
    other: store,
    advance: (ms) => Promise.resolve(clock.pass(ms)),
    close: () => Promise.resolve(),
  })
})
