import { describe, expect, it } from 'vitest'
import { Lineage, type ServerInfo } from '../../../src/replay/lineage.ts'

/** What is proven of a master that another one has followed; test/cluster/planned-failover.test.ts asks real ones. */

const NONE = '0'.repeat(40)

function server(
  process: string,
  role: 'master' | 'slave',
  [own, before = NONE, upTo = -1]: History,
): ServerInfo {
  return new Map([
    ['run_id', process],
    ['role', role],
    ['master_replid', own],
    ['master_replid2', before],
    ['second_repl_offset', String(upTo)],
  ])
}

type History = readonly [own: string, before?: string, upTo?: number]

const HEIR = server('p2', 'master', ['g2', 'g1', 100])
const FORMER = server('p1', 'slave', ['g2', 'g1', 100])

function lineage(...seen: readonly ServerInfo[]): Lineage {
  const found = new Lineage()
  found.saw(seen.length > 0 ? seen : [server('p1', 'master', ['g1'])])
  return found
}

describe('a master that has followed another one', () => {
  it('has all where the process that was the master follows it, and had written no more than it has', () => {
    expect(lineage().inheritance('g1', 'g2', [FORMER, HEIR])).toBe('whole')
    const less = server('p2', 'master', ['g2', 'g1', 99])
    expect(lineage().inheritance('g1', 'g2', [FORMER, less])).toBe('lost')
  })

  it('has perhaps not all where that process was not seen as the master, was started again, or two have said that they are it', () => {
    expect(lineage(server('p1', 'slave', ['g1'])).inheritance('g1', 'g2', [FORMER, HEIR])).toBe('lost')
    const again = server('p1b', 'slave', ['g2', 'g1', 100])
    expect(lineage().inheritance('g1', 'g2', [again, HEIR])).toBe('unknown')
    const two = lineage(server('p1', 'master', ['g1']), server('p9', 'master', ['g1']))
    two.saw([server('p1', 'master', ['g1'])])
    expect(two.inheritance('g1', 'g2', [FORMER, HEIR])).not.toBe('whole')
  })

  it('is not known yet while the former one does not follow it, or either does not answer', () => {
    const still = server('p1', 'master', ['g1'])
    const joining = server('p1', 'slave', ['g1'])
    for (const former of [still, joining])
      expect(lineage().inheritance('g1', 'g2', [former, HEIR])).toBe('unknown')
    expect(lineage().inheritance('g1', 'g2', [HEIR])).toBe('unknown')
    expect(lineage().inheritance('g1', 'g2', [FORMER])).toBe('unknown')
    expect(lineage().inheritance('g1', 'g2', [FORMER, server('p2', 'slave', ['g2', 'g1', 100])])).toBe(
      'unknown',
    )
  })

  it('has not all where it comes after another one, or the former one had to be given all data anew', () => {
    expect(lineage().inheritance('g1', 'g3', [FORMER, server('p3', 'master', ['g3', 'g2', 200])])).toBe(
      'lost',
    )
    expect(lineage().inheritance('g1', 'g2', [server('p1', 'slave', ['g2']), HEIR])).toBe('lost')
    expect(lineage().inheritance('g1', 'g2', [server('p1', 'slave', ['g7', 'g1', 100]), HEIR])).toBe('lost')
    const mute = server('p1', 'slave', ['g2', 'g1', -1])
    expect(lineage().inheritance('g1', 'g2', [mute, HEIR])).toBe('lost')
  })
})
