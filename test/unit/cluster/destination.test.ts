import { expect, it } from 'vitest'
import { destinationIn } from '../../../src/cluster/destination.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'

function node(region: string, publicUrl?: string, role: NodeInfo['role'] = 'all'): NodeInfo {
  const rates = { connects: 0, published: 0, delivered: 0 }
  const id = `${region}-${publicUrl}`
  const fixed = { version: '1', state: 'active', startedAt: 0, connections: 0, pressure: 0 } as const
  return {
    ...fixed,
    id,
    region,
    role,
    address: 'a:1',
    rates,
    degraded: [],
    ...(publicUrl === undefined ? {} : { publicUrl }),
  }
}

it('clients go to where most nodes of the region say that it is', () => {
  const others = [
    node('eu', 'wss://wrong'),
    node('eu', 'wss://eu'),
    node('eu', 'wss://eu'),
    node('us', 'wss://us'),
  ]
  expect(destinationIn('eu', others)).toEqual({ region: 'eu', url: 'wss://eu' })
})

it('a node that takes no clients says nothing about them', () => {
  expect(() => destinationIn('eu', [node('eu', 'wss://eu', 'api')])).toThrow('there is no other node in it')
})
