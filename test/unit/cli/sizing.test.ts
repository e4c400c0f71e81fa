import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { run } from './fake-terminal.ts'
import { FACTORS, type Factor } from '../../../src/cli/size/factors.ts'
import { sizeOf, type Load } from '../../../src/cli/size/sizing.ts'

const LOAD: Load = {
  ...{ connections: 1_000_000, channels: 100_000, publishes: 500, fanout: 100, payloadBytes: 256 },
  ...{ subscriptions: 3, perNode: 50_000, pricePerHour: 0.1 },
}

describe('a size', () => {
  it('has nodes for all connections, and two at least', () => {
    expect(sizeOf(LOAD)).toMatchObject({ nodes: 20, by: 'connections', connectionsPerNode: 50_000 })
    expect(sizeOf({ ...LOAD, connections: 10 }).nodes).toBe(2)
  })

  it('has more nodes where the traffic asks for them, so that no loop is over its share', () => {
    const size = sizeOf({ ...LOAD, publishes: 20_000, fanout: 1000 })
    expect(size.by).toBe('processor')
    expect(size.nodes).toBeGreaterThan(20)
    expect(size.busy).toBeLessThanOrEqual(0.6)
  })

  it('grows with each of what it is asked for', () => {
    const before = sizeOf(LOAD)
    expect(sizeOf({ ...LOAD, connections: 2_000_000 }).perMonth).toBeGreaterThan(before.perMonth)
    expect(sizeOf({ ...LOAD, publishes: 1000 }).redisCores).toBeCloseTo(2 * before.redisCores)
    expect(sizeOf({ ...LOAD, payloadBytes: 1000 }).redisBytes).toBeGreaterThan(before.redisBytes)
    expect(sizeOf({ ...LOAD, pricePerHour: 0.2 }).perMonth).toBeCloseTo(2 * before.perMonth)
  })
})

describe('the command', () => {
  it('takes numbers as people write them', async () => {
    const { code, out } = await run(['size', '--connections', '1e6', '--per-node', '50000'])
    expect(code).toBe(0)
    expect(out).toMatch(/^nodes +20 \(by connections\), 50,000 connections each$/m)
  })

  it('refuses what is none', async () => {
    const { code, err } = await run(['size', '--connections', 'many'])
    expect(code).toBe(2)
    expect(err).toContain('--connections is "many"; allowed: a number')
  })
})

describe('a factor', () => {
  const benchmarks = readFileSync('docs/benchmarks.md', 'utf8')

  it.each(Object.entries(FACTORS) as [string, Factor][])(
    '%s names a command of ours, or that it is a guess',
    (_name, { by }) => {
      if (by === undefined) return
      const [command = ''] = by.split(': ')
      expect(command).toMatch(/^(?:npm run (?:bench|storm) -- |node --import tsx bench\/)/)
      // The page says with how many rounds.
      if (command.startsWith('npm run bench')) expect(benchmarks).toMatch(new RegExp(`\`${command}[ \`]`))
    },
  )
})
