import { describe, expect, it } from 'vitest'
import { Membership } from '../../../src/cluster/membership.ts'
import { SluiceError } from '../../../src/errors.ts'
import { MemoryRegistry } from '../../../src/registry/memory.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function pair(): {
  clock: ManualClock
  self: Membership
  other: Membership
  degrade: (...parts: string[]) => void
  registry: MemoryRegistry
} {
  const clock = new ManualClock()
  const registry = new MemoryRegistry({ nodeTtlMs: 10_000, sessionTtlMs: 10_000 }, clock)
  let degraded: readonly string[] = []
  const member = (id: string): Membership =>
    new Membership(60_000, {
      registry,
      clock,
      proof: undefined,
      read: () => undefined,
      failed: (_what, error) => {
        throw error
      },
      info: (): NodeInfo => ({
        id,
        version: '1',
        region: 'here',
        role: 'all',
        state: 'active',
        startedAt: 0,
        connections: 0,
        pressure: 0,
        address: '127.0.0.1:1',
        rates: { connects: 0, published: 0, delivered: 0 },
        degraded,
      }),
    })
  return {
    clock,
    self: member('self'),
    other: member('other'),
    registry,
    degrade: (...parts) => (degraded = parts),
  }
}

const ids = (nodes: readonly NodeInfo[]): string[] => nodes.map(({ id }) => id)

describe('the table of nodes', () => {
  it('is shown as it was last, with this node as it is, while the registry is away', async () => {
    const { self, other, registry, degrade } = pair()
    await other.beat()
    await self.beat()
    expect(await self.table()).toMatchObject({ stale: false, nodes: [{ id: 'other' }, { id: 'self' }] })
    registry.nodes = () => Promise.reject(new SluiceError('unavailable', 'Redis cannot be reached now'))
    degrade('registry')
    expect(await self.table()).toMatchObject({
      stale: true,
      nodes: [{ id: 'self', degraded: ['registry'] }, { id: 'other' }],
    })
  })

  it('tells which nodes have said something after a moment for sure', async () => {
    const { clock, self, other } = pair()
    await other.beat()
    await self.refresh()
    clock.pass(100)
    const lostMs = clock.monotonicMs()
    await self.refresh()
    expect([ids(self.others), ids(self.saidSince(lostMs))]).toEqual([['other'], []])
    clock.pass(100)
    await other.beat()
    await self.refresh()
    expect(ids(self.saidSince(lostMs))).toEqual(['other'])
    // Between the last two times that the table was read, so no later than this moment for sure.
    expect(ids(self.saidSince(clock.monotonicMs()))).toEqual([])
  })

  it('tells who reads packets of several messages, and whether all do: a node of an older version does not', async () => {
    const { self, other, registry } = pair()
    expect([self.readsSeveral(undefined), self.readsSeveral('self')]).toEqual([false, false])
    await other.beat()
    expect(self.readsSeveral('other')).toBe(false)
    await self.beat()
    expect([self.readsSeveral(undefined), self.readsSeveral('other')]).toEqual([true, true])
    const [info] = self.others
    await registry.heartbeat({ ...(info as NodeInfo), id: 'older', peer: { beat: 1 } })
    await self.refresh()
    expect(self.readsSeveral(undefined)).toBe(false)
    expect(['self', 'other', 'older', 'unknown'].map((id) => self.readsSeveral(id))).toEqual([
      ...[true, true, false, false],
    ])
    await registry.leave('older')
    await self.refresh()
    expect(self.readsSeveral(undefined)).toBe(true)
  })

  it('is told at once where something has changed, and is not where nothing has', async () => {
    const { self, other, degrade } = pair()
    await other.start()
    degrade('backbone')
    await other.update()
    await other.update()
    await self.refresh()
    expect(self.others).toMatchObject([{ degraded: ['backbone'], peer: { beat: 2 } }])
  })
})
