import { describe, expect, it } from 'vitest'
import { MeshFaults } from '../../../src/cluster/mesh-faults.ts'
import { Seal } from '../../../src/seal.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const SECRET = 'a secret of the cluster'

type Other = { readonly id: string; readonly peer?: { readonly beat: number; readonly proof?: string } }

function strangers(
  others: Other[],
  secret: string = SECRET,
): {
  clock: ManualClock
  subject: MeshFaults
  lines: string[]
  counts: Record<string, number>
} {
  const clock = new ManualClock()
  const lines: string[] = []
  const counts: Record<string, number> = {}
  const cell = (name: string): { inc: () => void } => ({
    inc: () => (counts[name] = (counts[name] ?? 0) + 1),
  })
  const subject = new MeshFaults(new Seal(secret, 'node proof'), {
    clock,
    log: { warn: (fields, message) => lines.push(`${message} ${JSON.stringify(fields)}`) },
    refusals: {
      in: { secret: cell('in secret'), clock: cell('in clock'), replayed: cell('in replayed') },
      out: { secret: cell('out secret'), clock: cell('out clock'), replayed: cell('out replayed') },
    },
    others: () => others,
  })
  return { clock, subject, lines, counts }
}

const node = (id: string, secret?: string): Other => ({
  id,
  peer: { beat: 1, ...(secret === undefined ? {} : { proof: new Seal(secret, 'node proof').sign(id) }) },
})

describe('nodes that no link can be opened with', () => {
  it('are told of at once where their entry in the table was made with another secret, and not again soon', () => {
    const { clock, subject, lines } = strangers([node('good', SECRET), node('bad', 'another')])
    for (let i = 0; i < 100; i++) {
      subject.look()
      clock.pass(3000)
    }
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('node.clusterSecret')
    expect(lines[0]).toContain('"other":"bad"')
    expect(subject.finding()).toBe('no link can be opened to nodes with another node.clusterSecret: bad')
    clock.pass(600_000)
    subject.look()
    expect(lines).toHaveLength(2)
  })

  it('are none where all know the same secret, or are of a version that does not say', () => {
    const { subject, lines } = strangers([node('good', SECRET), node('older'), { id: 'oldest' }])
    subject.look()
    expect([subject.finding(), lines]).toEqual([undefined, []])
  })

  it('are counted each time that a link is refused, told once, and found for as long as it goes on', () => {
    const { clock, subject, lines, counts } = strangers([node('one'), node('two')])
    for (let i = 0; i < 5; i++) {
      subject.refused('in', 'one', 'secret')
      subject.refused('out', 'one', 'secret')
      subject.refused('out', 'two', 'clock')
    }
    expect(counts).toEqual({ 'in secret': 5, 'out secret': 5, 'out clock': 5 })
    expect(lines).toHaveLength(2)
    expect(subject.finding()).toBe(
      'no link can be opened to nodes with another node.clusterSecret: one; a clock that differs: two',
    )
    clock.pass(60_000)
    expect(subject.finding()).toBeUndefined()
  })

  it('are not those whose token somebody else has shown again', () => {
    const { subject, lines, counts } = strangers([node('one')])
    for (let i = 0; i < 5; i++) subject.refused('in', 'one', 'replayed')
    expect([counts, lines.length, subject.finding()]).toEqual([{ 'in replayed': 5 }, 1, undefined])
  })

  it('are of the table: names that somebody makes up fill neither the log nor the report', () => {
    const { subject, lines } = strangers([node('one')])
    for (let i = 0; i < 1000; i++) subject.refused('in', `made-up-${i}`, 'secret')
    expect(lines.length).toBeLessThanOrEqual(100)
    expect(subject.finding()).toBeUndefined()
  })
})
