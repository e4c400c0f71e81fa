import { describe, expect, it } from 'vitest'
import { MalformedNodes } from '../../../src/cluster/malformed-nodes.ts'
import { nodeInfoIn } from '../../../src/registry/node-info.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

const NODE: NodeInfo = {
  id: 'a1b2',
  version: '1.4',
  region: 'local',
  role: 'all',
  state: 'active',
  startedAt: 1,
  connections: 0,
  pressure: 0.5,
  address: 'gateway-1.internal:8081',
  rates: { connects: 0, published: 1.5, delivered: 2 },
  degraded: ['backbone'],
  peer: { beat: 1, proof: 'x', several: true },
}

describe('an entry of the table', () => {
  it.each([
    ['as nodes make it', NODE],
    ['with an IPv4 address', { ...NODE, address: '10.0.0.7:8081' }],
    ['with an IPv6 address', { ...NODE, address: '[fd00::7]:8081' }],
    ['of an older version', { ...NODE, peer: undefined }],
    ['of a later version', { ...NODE, later: { more: true } }],
  ])('%s is one', (_, node) => {
    expect(nodeInfoIn('a1b2', JSON.stringify(node))).toEqual(JSON.parse(JSON.stringify(node)))
  })

  it.each([
    ['not JSON', '{'],
    ['no object', '[1]'],
    ['null', 'null'],
    ['of another id', JSON.stringify({ ...NODE, id: 'other' })],
    ['without an address', JSON.stringify({ ...NODE, address: undefined })],
    ['with a path in its address', JSON.stringify({ ...NODE, address: 'evil.example/x?:8081' })],
    ['with a user in its address', JSON.stringify({ ...NODE, address: 'a@evil.example:8081' })],
    ['with a line break in its address', JSON.stringify({ ...NODE, address: 'evil.example\n:8081' })],
    ['without a port', JSON.stringify({ ...NODE, address: 'evil.example' })],
    ['with an unknown role', JSON.stringify({ ...NODE, role: 'king' })],
    ['with an unknown state', JSON.stringify({ ...NODE, state: 1 })],
    ['with a text for a number', JSON.stringify({ ...NODE, connections: 'many' })],
    ['with a number below 0', JSON.stringify({ ...NODE, pressure: -1 })],
    ['without rates', JSON.stringify({ ...NODE, rates: null })],
    ['with parts that are no list', JSON.stringify({ ...NODE, degraded: 'backbone' })],
    ['with parts that are no texts', JSON.stringify({ ...NODE, degraded: [{}] })],
    ['with an ability that is none', JSON.stringify({ ...NODE, peer: { beat: 1, several: 'yes' } })],
    ['with a peer that is none', JSON.stringify({ ...NODE, peer: { beat: 'x' } })],
    ['nested too deep', `{"id":"a1b2","x":${'['.repeat(9000)}${']'.repeat(9000)}}`],
  ])('%s is none', (_, text) => {
    expect(nodeInfoIn('a1b2', text)).toBeUndefined()
  })

  it('under a name that no node has is none', () => {
    expect(nodeInfoIn('a b', JSON.stringify({ ...NODE, id: 'a b' }))).toBeUndefined()
  })
})

describe('entries that are none', () => {
  it('are counted each time, and told once each, however many there are', () => {
    const lines: object[] = []
    const counts: number[] = []
    const malformed = new MalformedNodes({
      log: { warn: (fields) => lines.push(fields) },
      count: { set: (value) => counts.push(value) },
    })
    malformed.found(['a', 'b'])
    malformed.found(['a', 'b', 'x'.repeat(500)])
    malformed.found([])
    expect(counts).toEqual([2, 3, 0])
    expect(lines).toEqual([{ entry: 'a' }, { entry: 'b' }, { entry: 'x'.repeat(64) }])
    malformed.found(Array.from({ length: 1000 }, (_, i) => `name-${i}`))
    expect(lines).toHaveLength(100)
  })
})
