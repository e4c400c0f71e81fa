import { expect, it } from 'vitest'
import { knownChannels } from '../../../src/node/policies.ts'

function known(names: readonly string[], unknownNamespaces: boolean | 'auto', channel: string): boolean {
  const namespaces = Object.fromEntries(['*', '@', ...names].map((name) => [name, {}]))
  return knownChannels({ namespaces, dialects: { centrifuge: { unknownNamespaces } } } as never)(channel)
}

it('where namespaces are named, a channel of any other is unknown; one without a namespace never is', () => {
  expect(known(['room'], 'auto', 'room:1')).toBe(true)
  expect(known(['room'], 'auto', 'rooms:1')).toBe(false)
  expect(known(['room'], 'auto', 'news')).toBe(true)
  expect(known(['room'], 'auto', '@alice:b')).toBe(true)
  expect(known([], 'auto', 'rooms:1')).toBe(true)
})

it('the configuration may say so either way', () => {
  expect(known(['room'], true, 'rooms:1')).toBe(true)
  expect(known([], false, 'rooms:1')).toBe(false)
})
