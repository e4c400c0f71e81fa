import { describe, expect, it } from 'vitest'
import { StreamTrouble, type Trouble } from '../../../src/drivers/stream-trouble.ts'

const SILENT: Trouble = { lack: 'silent', reason: 'no answer' }
const FULL: Trouble = { lack: 'resources', reason: 'no space left on device' }

describe('what is wrong with a stream', () => {
  it('T1 is told after the second look in a row that fails, and until one succeeds', () => {
    const trouble = new StreamTrouble()
    expect(trouble.failed(SILENT)).toBe(false)
    trouble.answered()
    expect(trouble.failed(SILENT)).toBe(false)
    expect(trouble.now).toBeUndefined()
    expect(trouble.failed(SILENT)).toBe(true)
    expect(trouble.now).toBe(SILENT)
    trouble.answered()
    expect(trouble.now).toBeUndefined()
  })

  it('T2 is that it is full until it takes an entry as large as the least that it refused', () => {
    const trouble = new StreamTrouble()
    trouble.refused(FULL, 500)
    trouble.refused(FULL, 300)
    trouble.refused(FULL, 400)
    trouble.answered()
    trouble.stored(299)
    expect(trouble.now).toBe(FULL)
    trouble.stored(300)
    expect(trouble.now).toBeUndefined()
    trouble.refused(FULL, 900)
    trouble.stored(300)
    expect(trouble.now).toBe(FULL)
  })

  it('is its silence rather than that it was full, where both are so', () => {
    const trouble = new StreamTrouble()
    trouble.refused(FULL, 1)
    trouble.failed(SILENT)
    trouble.failed(SILENT)
    expect(trouble.now).toBe(SILENT)
    trouble.answered()
    expect(trouble.now).toBe(FULL)
  })
})
