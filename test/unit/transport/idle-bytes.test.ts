import { describe, expect, it } from 'vitest'
import { idleBytes } from '../../support/idle-connections.ts'

const CONNECTIONS = 2000

describe('an idle connection', () => {
  /**
   * With a session, an inbox and one channel. Found are some 1,050 bytes, 250 of them this world's: a table, a closure, an array or an
   * object more for each connection is found here, a field more is not. The least of three: V8 compiles meanwhile.
   */
  it('holds no more than it has to', async () => {
    const found = []
    for (let i = 0; i < 3; i++) {
      const { heap, buffers } = await idleBytes(CONNECTIONS)
      found.push(heap + buffers)
    }
    expect(Math.min(...found)).toBeLessThan(1180)
  })
})
