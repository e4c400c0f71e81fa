import { expect, it } from 'vitest'
import { isRevoked } from '../../../src/auth/revocation.ts'

const SECOND_MS = 1_800_000_000_000

it('nothing is revoked where no moment is known', () => {
  expect(isRevoked({ issuedAtMs: SECOND_MS }, undefined)).toBe(false)
  expect(isRevoked({ issuedAtMs: undefined }, undefined)).toBe(false)
})

it.each([
  ['an earlier second', SECOND_MS - 1000, true],
  ['the same second', SECOND_MS, true],
  ['the same second, with a fraction after the revocation', SECOND_MS + 999, true],
  ['the next second', SECOND_MS + 1000, false],
])('a token issued in %s is revoked: see the last column', (_, issuedAtMs, revoked) => {
  for (const withinSecondMs of [0, 1, 500, 998, 999]) {
    expect(isRevoked({ issuedAtMs }, SECOND_MS + withinSecondMs)).toBe(revoked)
  }
})

it('a token that does not say when it was issued is revoked', () => {
  expect(isRevoked({ issuedAtMs: undefined }, SECOND_MS)).toBe(true)
})
