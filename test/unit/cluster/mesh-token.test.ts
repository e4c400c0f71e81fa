import { describe, expect, it } from 'vitest'
import { checkMeshToken, meshToken } from '../../../src/cluster/mesh-token.ts'

const SECRET = 'a secret of the cluster'
const NOW = 1_700_000_000_000

describe('the token of a link', () => {
  const token = meshToken(SECRET, 'one', 'two', NOW)

  it('names who links', () => {
    expect(checkMeshToken(SECRET, token, 'two', NOW)).toBe('one')
    expect(checkMeshToken(SECRET, token, 'two', NOW + 59_000)).toBe('one')
  })

  it('does not hold the secret', () => {
    expect(token).not.toContain(SECRET)
  })

  it.each([
    ['of another secret', () => checkMeshToken('another', token, 'two', NOW)],
    ['for another node', () => checkMeshToken(SECRET, token, 'three', NOW)],
    ['of long ago', () => checkMeshToken(SECRET, token, 'two', NOW + 61_000)],
    ['of the future', () => checkMeshToken(SECRET, token, 'two', NOW - 61_000)],
    ['with another sender', () => checkMeshToken(SECRET, token.replace('one', 'odd'), 'two', NOW)],
    [
      'with another time',
      () => checkMeshToken(SECRET, token.replace(String(NOW), String(NOW + 1)), 'two', NOW),
    ],
    ['cut short', () => checkMeshToken(SECRET, token.slice(0, -1), 'two', NOW)],
    ['of another scheme', () => checkMeshToken(SECRET, 'Bearer x', 'two', NOW)],
    ['that is missing', () => checkMeshToken(SECRET, undefined, 'two', NOW)],
  ])('%s opens nothing', (_what, check) => {
    expect(check()).toBeUndefined()
  })
})
