import { describe, expect, it } from 'vitest'
import { checkMeshToken, meshToken, secretProof } from '../../../src/cluster/mesh-token.ts'

const SECRET = 'a secret of the cluster'
const NOW = 1_700_000_000_000

describe('the token of a link', () => {
  const token = meshToken(SECRET, 'one', 'two', NOW)

  it('names who links', () => {
    expect(checkMeshToken(SECRET, token, 'two', NOW)).toEqual({ from: 'one', verdict: 'good' })
    expect(checkMeshToken(SECRET, token, 'two', NOW + 59_000)).toEqual({ from: 'one', verdict: 'good' })
  })

  it('does not hold the secret', () => {
    expect(token).not.toContain(SECRET)
  })

  it.each([
    ['of another secret', 'secret', () => checkMeshToken('another', token, 'two', NOW)],
    ['for another node', 'secret', () => checkMeshToken(SECRET, token, 'three', NOW)],
    ['of long ago', 'clock', () => checkMeshToken(SECRET, token, 'two', NOW + 61_000)],
    ['of the future', 'clock', () => checkMeshToken(SECRET, token, 'two', NOW - 61_000)],
    ['with another sender', 'secret', () => checkMeshToken(SECRET, token.replace('one', 'odd'), 'two', NOW)],
    [
      'with another time',
      'secret',
      () => checkMeshToken(SECRET, token.replace(String(NOW), String(NOW + 1)), 'two', NOW),
    ],
    ['cut short', 'none', () => checkMeshToken(SECRET, token.slice(0, -1), 'two', NOW)],
    ['of another scheme', 'none', () => checkMeshToken(SECRET, 'Bearer x', 'two', NOW)],
    ['that is missing', 'none', () => checkMeshToken(SECRET, undefined, 'two', NOW)],
  ])('%s opens nothing, for the reason %s', (_what, verdict, check) => {
    expect(check()).toMatchObject({ verdict })
  })
})

describe('the proof of the secret', () => {
  it('is the same for who knows the same secret, and another for each node', () => {
    const proof = secretProof(SECRET, 'one')
    expect(secretProof(SECRET, 'one')).toBe(proof)
    expect(secretProof(SECRET, 'two')).not.toBe(proof)
    expect(secretProof('another', 'one')).not.toBe(proof)
    expect(proof).toMatch(/^[0-9a-f]{32}$/)
  })
})
