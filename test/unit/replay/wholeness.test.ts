import { describe, expect, it } from 'vitest'
import { losses, parseInfo, Wholeness, type ServerFacts } from '../../../src/replay/wholeness.ts'

const GOOD: Readonly<Record<string, string>> = {
  role: 'master',
  connected_slaves: '0',
  master_replid: 'a',
  aof_enabled: '1',
  aof_rewrite_in_progress: '0',
  aof_rewrite_scheduled: '0',
}

function facts(
  fields: Readonly<Record<string, string>> = {},
  appendfsync: string | undefined = 'always',
  noFsyncOnRewrite: string | undefined = 'no',
): ServerFacts {
  return { info: new Map(Object.entries({ ...GOOD, ...fields })), appendfsync, noFsyncOnRewrite }
}

describe('a restart', () => {
  it('loses nothing of a server that has each write on disk before it confirms it', () => {
    expect(losses(facts())).toBeUndefined()
  })

  it.each([
    ['a replica', facts({ role: 'slave' }), 'replica'],
    ['one with replicas', facts({ connected_slaves: '1' }), 'replicas'],
    ['one without a file', facts({ aof_enabled: '0' }), 'appendonly'],
    ['one that writes every second', facts({}, 'everysec'), 'everysec'],
    ['one that does not tell', { ...facts(), appendfsync: undefined }, 'CONFIG GET'],
    ['one that stops for a while', facts({}, 'always', 'yes'), 'no-appendfsync-on-rewrite'],
    ['one that writes its file anew', facts({ aof_rewrite_in_progress: '1' }), 'written anew'],
    ['one of which nothing is known', { ...facts(), info: new Map() }, 'replica'],
  ])('may lose something of %s', (_name, said, why) => {
    expect(losses(said)).toContain(why)
  })
})

describe('what a node knows', () => {
  it('is nothing until it has asked, and again once the connection was lost', () => {
    const wholeness = new Wholeness()
    expect(wholeness.keeps).toBe('unknown')
    wholeness.looked(facts(), 0)
    expect(wholeness.keeps).toBe('all:a')
    wholeness.lost()
    expect(wholeness.keeps).toBe('unknown')
    wholeness.looked(facts({ master_replid: 'b' }), 1)
    expect(wholeness.keeps).toBe('all:b')
  })

  it('is that a server lacks something that comes back with an older mark, for as long as it runs', () => {
    const wholeness = new Wholeness()
    wholeness.looked(facts(), 41)
    wholeness.lost()
    wholeness.looked(facts({ master_replid: 'b' }), 41)
    expect(wholeness.keeps).toBe('some')
    expect(wholeness.why).toContain('older files')
    wholeness.looked(facts({ master_replid: 'b' }), 60)
    expect(wholeness.keeps).toBe('some')
    wholeness.looked(facts({ master_replid: 'c' }), 61)
    expect(wholeness.keeps).toBe('all:c')
  })
})

it('the lines of INFO are read as they are', () => {
  const info = parseInfo('# Replication\r\nrole:master\r\nmaster_host:a:b\r\n\r\nx:\r\n')
  expect([...info]).toEqual([
    ['role', 'master'],
    ['master_host', 'a:b'],
    ['x', ''],
  ])
})
