import { MemoryReplayLog } from '../../src/replay/memory.ts'
import type { OpenReplayLog } from './replay-log-subject.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { describeReplayLog, LEAVES_EPOCHS } from './replay-log.suite.ts'

const SKIPS = { [LEAVES_EPOCHS]: 'no other process has this log' }

function open(): ReturnType<OpenReplayLog> {
  const clock = new ManualClock()
  let log = new MemoryReplayLog({ clock })
  return Promise.resolve({
    get one() {
      return log
    },
    get other() {
      return log
    },
    advance(ms) {
      clock.pass(ms)
      return Promise.resolve()
    },
    // It is lost with its process.
    async lose() {
      await log.close()
      log = new MemoryReplayLog({ clock })
    },
    close: () => log.close(),
  })
}

describeReplayLog('MemoryReplayLog', open, SKIPS)
