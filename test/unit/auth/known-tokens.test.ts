import * as crypto from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import type { Identity } from '../../../src/auth/identity.ts'
import { KnownTokens } from '../../../src/auth/known-tokens.ts'
import { PatternPermissions } from '../../../src/auth/permissions.ts'
import { createTokens } from '../../../src/auth/tokens.ts'
import { goodClaims, keyPair, NOW_MS, noEvents, SECRET, sign, TestClock } from './issuer.ts'

function identity(expiresAtMs?: number): Identity {
  return { user: 'alice', permissions: new PatternPermissions([], []), expiresAtMs, issuedAtMs: undefined }
}

describe('a remembered token', () => {
  it('K1 is known with the keys with which it was found good, and not with others, or where they are not known', () => {
    for (const other of [2, undefined]) {
      const known = new KnownTokens(10)
      const alice = identity()
      known.remember(known.keyOf('a'), alice, 1, 0)
      expect(known.find(known.keyOf('a'), 1, 0)).toBe(alice)
      expect(known.find(known.keyOf('b'), 1, 0)).toBeUndefined()
      expect(known.find(known.keyOf('a'), other, 0)).toBeUndefined()
      // Forgotten for good, also where the edition comes back.
      expect(known.find(known.keyOf('a'), 1, 0)).toBeUndefined()
      expect(known.size).toBe(0)
    }
  })

  it('K1 is not remembered where the keys are not known', () => {
    const known = new KnownTokens(10)
    known.remember(known.keyOf('a'), identity(), undefined, 0)
    expect(known.size).toBe(0)
  })

  it('K2 is known until the moment of its expiry', () => {
    const known = new KnownTokens(10)
    known.remember(known.keyOf('a'), identity(1000), 1, 0)
    expect(known.find(known.keyOf('a'), 1, 999)).toBeDefined()
    expect(known.find(known.keyOf('a'), 1, 1000)).toBeUndefined()
  })

  it('K2 is checked anew where the clock has gone back', () => {
    const known = new KnownTokens(10)
    known.remember(known.keyOf('a'), identity(), 1, 1000)
    expect(known.find(known.keyOf('a'), 1, 999)).toBeUndefined()
  })

  it('K3 is forgotten when others fill the room, unless it is used', () => {
    const known = new KnownTokens(10)
    known.remember(known.keyOf('used'), identity(), 1, 0)
    known.remember(known.keyOf('unused'), identity(), 1, 0)
    for (let i = 0; i < 100; i++) {
      known.remember(known.keyOf(`other ${i}`), identity(), 1, 0)
      expect(known.find(known.keyOf('used'), 1, 0)).toBeDefined()
      expect(known.size).toBeLessThanOrEqual(10)
    }
    expect(known.find(known.keyOf('unused'), 1, 0)).toBeUndefined()
  })
})

describe('a token that comes again', () => {
  it('is not checked again until it has expired, and is refused from then on', async () => {
    const pair = await keyPair('ES256')
    const clock = new TestClock()
    const tokens = createTokens({ jwtPublicKey: pair.pem, clockToleranceMs: 0 }, { clock, events: noEvents })
    const token = await sign(goodClaims, pair)
    const checking = vi.spyOn(crypto.webcrypto.subtle, 'verify')
    try {
      const first = await tokens.verify(token)
      expect(await tokens.verify(token)).toBe(first)
      expect(checking).toHaveBeenCalledOnce()
      clock.pass((first.expiresAtMs as number) - NOW_MS)
      await expect(tokens.verify(token)).rejects.toThrow('the token has expired (exp)')
    } finally {
      checking.mockRestore()
    }
  })

  it('is refused with any other character, however good the one before was', async () => {
    const tokens = createTokens(
      { jwtSecret: SECRET, clockToleranceMs: 0 },
      { clock: new TestClock(), events: noEvents },
    )
    const token = await sign(goodClaims)
    await tokens.verify(token)
    await expect(tokens.verify(`${token.slice(0, -2)}AA`)).rejects.toThrow(
      'the signature of the token does not fit',
    )
  })
})
