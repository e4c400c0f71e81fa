import { describe, expect, it } from 'vitest'
import { PendingAcks } from '../../../src/acks/pending.ts'

describe('acknowledgements that are to be written', () => {
  it('A1 are the furthest of each key', () => {
    const pending = new PendingAcks(10)
    for (const offset of [2, 5, 3]) pending.add('a', { epoch: 'e', offset })
    pending.add('b', { epoch: 'e', offset: 1 })
    expect(pending.all()).toEqual([
      ['a', { epoch: 'e', offset: 5 }],
      ['b', { epoch: 'e', offset: 1 }],
    ])
  })

  it('stay until they are written, and a further one stays then', () => {
    const pending = new PendingAcks(10)
    const first = { epoch: 'e', offset: 1 }
    const further = { epoch: 'e', offset: 2 }
    pending.add('a', first)
    pending.add('a', further)
    pending.written('a', first)
    expect(pending.get('a')).toEqual(further)
    pending.written('a', further)
    expect(pending.size).toBe(0)
  })

  it('are as many as fit: the one that has waited longest goes', () => {
    const pending = new PendingAcks(2)
    const position = { epoch: 'e', offset: 1 }
    expect(['a', 'b', 'a', 'c'].map((key) => pending.add(key, position))).toEqual([true, true, true, false])
    expect(pending.all().map(([key]) => key)).toEqual(['b', 'c'])
  })
})
