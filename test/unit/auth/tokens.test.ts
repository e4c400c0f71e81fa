import { createHmac, webcrypto } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { createTokens, mintToken } from '../../../src/auth/tokens.ts'
import { asSluiceError, SluiceError } from '../../../src/errors.ts'
import {
  goodClaims,
  handmade,
  keyPair,
  type KeyPair,
  NOW_MS,
  NOW_SECONDS,
  noEvents,
  SECRET,
  secretSigner,
  sign,
  TestClock,
  tokensWith,
} from './issuer.ts'

const tokens = tokensWith({ jwtSecret: SECRET })

it('a token that comes in thousands is looked at in one turn, and so is any that is known', async () => {
  const plain = await sign(goodClaims)
  const pair = await keyPair('ES256')
  const other = await sign(goodClaims, pair)
  const both = tokensWith({ jwtSecret: SECRET, jwtPublicKey: pair.pem })
  expect(both.check(plain)).toMatchObject({ user: 'alice' })
  const first = both.check(other)
  expect(first).toBeInstanceOf(Promise)
  expect(both.check(other)).toBeInstanceOf(Promise)
  const identity = await first
  expect(both.check(other)).toBe(identity)
  expect(() => both.check('x'.repeat(20_000))).toThrow('longer than')
})

async function refusal(token: string, by = tokens): Promise<SluiceError> {
  const error: unknown = await by.verify(token).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof SluiceError))
    throw new Error('the token was not refused as it should be', { cause: error })
  return error
}

async function sentence(token: string, by = tokens): Promise<string> {
  const error = await refusal(token, by)
  expect(error.code).toBe('unauthorized')
  return error.message
}

describe('a good token', () => {
  it('becomes the identity of its user', async () => {
    const identity = await tokens.verify(await sign(goodClaims))
    expect(identity.user).toBe('alice')
    expect(identity.issuedAtMs).toBe(NOW_MS - 10_000)
    expect(identity.expiresAtMs).toBe(NOW_MS + 600_000)
    expect(identity.permissions.maySubscribe('news:sport')).toBe(true)
    expect(identity.permissions.maySubscribe('chat:42')).toBe(false)
    expect(identity.permissions.mayPublish('chat:42')).toBe(true)
    expect(identity.permissions.mayPublish('news:sport')).toBe(false)
  })

  it('without exp and iat has neither moment', async () => {
    const identity = await tokens.verify(await sign({ sub: 'alice' }))
    expect(identity.expiresAtMs).toBeUndefined()
    expect(identity.issuedAtMs).toBeUndefined()
  })

  it('without the claim sluice allows nothing', async () => {
    const { permissions } = await tokens.verify(await sign({ sub: 'alice' }))
    expect(permissions.maySubscribe('news')).toBe(false)
    expect(permissions.mayPublish('news')).toBe(false)
  })

  it.each(['HS384', 'HS512'])('of %s is good where that algorithm is listed', async (alg) => {
    const listing = tokensWith({ jwtSecret: SECRET, algorithms: [alg] })
    await expect(listing.verify(await sign(goodClaims, secretSigner(alg)))).resolves.toMatchObject({
      user: 'alice',
    })
  })
})

it.each([{}, { sub: '' }, { sub: null }])(
  'a token that names nobody is of whom its reader says, each time anew, and of nobody else: %j',
  async (claims) => {
    const token = handmadeSigned({ ...goodClaims, sub: undefined, ...claims })
    expect(await tokens.verify(token, 'guest-1')).toMatchObject({ user: 'guest-1' })
    expect(await tokens.verify(token, 'guest-2')).toMatchObject({ user: 'guest-2' })
    expect((await refusal(token)).code).toBe('unauthorized')
  },
)

it('a token that names somebody is his, whoever may read tokens of nobody', async () => {
  const token = await sign(goodClaims)
  for (let time = 0; time < 2; time++)
    expect(await tokens.verify(token, 'guest-1')).toMatchObject({ user: 'alice' })
})

describe('a token is refused, with a sentence that says why,', () => {
  it.each([
    ['empty', ''],
    ['a word', 'nonsense'],
    ['two parts', 'e30.e30'],
    ['four parts', 'e30.e30.e30.e30'],
    ['a header that is not base64url', '%%%.e30.e30'],
    ['a header that is not JSON', 'bm8.e30.e30'],
    ['a header without alg', handmade({ typ: 'JWT' }, goodClaims)],
  ])('where it is malformed: %s', async (_, token) => {
    expect(await sentence(token)).toBe(
      'the token is not a JWT: three parts in base64url with dots between them, a JSON header, and JSON claims',
    )
  })

  it('where its claims are signed well but are not a JSON object', async () => {
    const signedPart = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from('[]').toString('base64url')}`
    const signature = createHmac('sha256', SECRET).update(signedPart).digest('base64url')
    expect(await sentence(`${signedPart}.${signature}`)).toMatch(/^the token is not a JWT/)
  })

  it('where it is too long to be looked at', async () => {
    expect(await sentence('a'.repeat(16_385))).toBe('the token is longer than 16384 characters')
  })

  it('where it has expired, to the second', async () => {
    expect(await sentence(await sign({ ...goodClaims, exp: NOW_SECONDS }))).toBe(
      'the token has expired (exp)',
    )
    await expect(tokens.verify(await sign({ ...goodClaims, exp: NOW_SECONDS + 1 }))).resolves.toBeDefined()
  })

  it('where it is not valid yet', async () => {
    expect(await sentence(await sign({ ...goodClaims, nbf: NOW_SECONDS + 1 }))).toBe(
      'the token is not valid yet (nbf)',
    )
    await expect(tokens.verify(await sign({ ...goodClaims, nbf: NOW_SECONDS }))).resolves.toBeDefined()
  })

  it('where it is issued in the future', async () => {
    expect(await sentence(await sign({ ...goodClaims, iat: NOW_SECONDS + 1 }))).toMatch(
      /^the token is issued in the future \(iat\)/,
    )
  })

  it.each(['exp', 'nbf', 'iat'])('where %s is not a number', async (claim) => {
    const token = handmadeSigned({ ...goodClaims, [claim]: 'tomorrow' })
    expect(await sentence(token)).toBe(`the claim ${claim} must be a number of seconds since 1970`)
  })

  it('where exp is beyond all dates', async () => {
    expect(await sentence(handmadeSigned('{"sub":"alice","exp":1e999}'))).toBe(
      'the claim exp must be a number of seconds since 1970',
    )
  })

  it('where it is signed by another key', async () => {
    const token = await sign(
      goodClaims,
      secretSigner('HS256', 'another secret, which is just as long as it should be'),
    )
    expect(await sentence(token)).toBe(
      'the signature of the token does not fit: it is signed by another key, or was changed',
    )
  })

  it('where its claims were changed after it was signed', async () => {
    const [header, , signature] = (await sign(goodClaims)).split('.')
    const claims = Buffer.from(JSON.stringify({ ...goodClaims, sub: 'root' })).toString('base64url')
    expect(await sentence(`${header}.${claims}.${signature}`)).toMatch(
      /signed by another key, or was changed/,
    )
  })

  it.each(['', 'c2lnbmF0dXJl'])('where it is not signed (alg: none), signature "%s"', async (signature) => {
    expect(await sentence(handmade({ alg: 'none' }, goodClaims, signature))).toBe(
      'the token is not signed (alg: none); allowed: HS256',
    )
  })

  it('where its algorithm is good but not listed', async () => {
    expect(await sentence(await sign(goodClaims, secretSigner('HS512')))).toBe(
      'the token is signed with HS512; allowed: HS256',
    )
  })

  it('where its algorithm is unknown, without repeating what it says', async () => {
    expect(await sentence(handmade({ alg: 'attack at dawn' }, goodClaims))).toBe(
      'the token is signed with an unknown algorithm; allowed: HS256',
    )
  })

  it('where its header demands an extension', async () => {
    expect(await sentence(handmade({ alg: 'HS256', crit: ['exp'], exp: 1 }, goodClaims))).toBe(
      'the header of the token demands an extension (crit) that the gateway does not have',
    )
  })

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['a number', 7],
    ['of 257 characters', 'a'.repeat(257)],
    ['with a line break', 'ali\nce'],
    ['with a DEL', 'ali\u007fce'],
    ['with half a surrogate pair', 'ali\ud83dce'],
  ])('where sub is %s', async (_, sub) => {
    expect(await sentence(handmadeSigned({ ...goodClaims, sub }))).toBe(
      'the claim sub (the user) must be a text of 1 to 256 characters without control characters',
    )
  })

  it('not where sub is of 256 characters or in another script', async () => {
    await expect(tokens.verify(await sign({ sub: 'a'.repeat(256) }))).resolves.toBeDefined()
    await expect(tokens.verify(await sign({ sub: '아리스 👩‍🚀' }))).resolves.toMatchObject({
      user: '아리스 👩‍🚀',
    })
  })

  it.each([
    ['a text', 'news:*', /^the claim sluice must be an object: \{"subscribe"/],
    ['null', null, /^the claim sluice must be an object/],
    ['a list', ['news:*'], /^the claim sluice must be an object/],
    [
      'with a text for a list',
      { subscribe: 'news:*' },
      /^the claim sluice.subscribe must be a list of patterns$/,
    ],
    ['with a null for a list', { publish: null }, /^the claim sluice.publish must be a list of patterns$/],
    [
      'with a * in the middle',
      { publish: ['chat:1', 'chat:*:typing'] },
      /^the claim sluice.publish\[1\] is not a pattern: .*\* at its end/,
    ],
    ['with two *', { subscribe: ['news:**'] }, /^the claim sluice.subscribe\[0\] is not a pattern/],
    ['with a number', { subscribe: [42] }, /^the claim sluice.subscribe\[0\] is not a pattern/],
    ['with an inbox', { subscribe: ['@bob'] }, /^the claim sluice.subscribe\[0\] is not a pattern/],
    [
      'with 257 patterns',
      { subscribe: Array.from({ length: 257 }, (_, i) => `news:${i}`) },
      /^the claim sluice.subscribe has 257 patterns; at most 256 are allowed$/,
    ],
  ])('where the claim sluice is %s', async (_, sluice, expected) => {
    expect(await sentence(await sign({ ...goodClaims, sluice }))).toMatch(expected)
  })

  it('not where the claim sluice has a field of a later version', async () => {
    await expect(tokens.verify(await sign({ sub: 'alice', sluice: { later: 1 } }))).resolves.toBeDefined()
  })

  it('where it is for another audience', async () => {
    const strict = tokensWith({ jwtSecret: SECRET, audience: ['sluice', 'push'] })
    expect(await sentence(await sign({ ...goodClaims, aud: 'shop' }), strict)).toBe(
      'the audience of the token (aud) is another; expected: sluice or push',
    )
    expect(await sentence(await sign(goodClaims), strict)).toBe(
      'the audience of the token (aud) is missing; expected: sluice or push',
    )
    await expect(strict.verify(await sign({ ...goodClaims, aud: ['shop', 'push'] }))).resolves.toBeDefined()
  })

  it('where it is from another issuer', async () => {
    const strict = tokensWith({ jwtSecret: SECRET, issuer: 'https://id.example' })
    expect(await sentence(await sign({ ...goodClaims, iss: 'https://evil.example' }), strict)).toBe(
      'the issuer of the token (iss) is another; expected: https://id.example',
    )
    expect(await sentence(await sign(goodClaims), strict)).toMatch(/\(iss\) is missing/)
    await expect(
      strict.verify(await sign({ ...goodClaims, iss: 'https://id.example' })),
    ).resolves.toBeDefined()
  })

  it('never with a part of the token or of its claims in the error', async () => {
    const claims = { ...goodClaims, sub: 'a-very-private-name\n', sluice: { subscribe: ['private channel'] } }
    const bad = [
      await sign(claims),
      await sign({ ...claims, sub: 'a-very-private-name' }),
      await sign({ ...claims, exp: 1 }),
      await sign({ ...goodClaims, sub: 'a-very-private-name', nbf: NOW_SECONDS + 60 }),
      handmade({ alg: 'a-very-private-name' }, claims),
      handmade({ alg: 'HS256' }, claims),
    ]
    for (const token of bad) {
      const error = await refusal(token)
      const shown = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`
      expect(error.cause).toBeUndefined()
      expect(shown).not.toMatch(/private/)
      for (const part of token.split('.')) expect(shown).not.toContain(part)
    }
  })

  it('and never with anything but unauthorized, whatever the text is', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc
        .record({ alg: fc.constantFrom('HS256', 'none', 'RS256', 1), kid: fc.anything() })
        .map((header) => Buffer.from(JSON.stringify(header)).toString('base64url')),
    )
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { minLength: 1, maxLength: 5 }).map((p) => p.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        expect((await refusal(text)).code).toBe('unauthorized')
      }),
    )
  })

  it('with status 401', async () => {
    expect((await refusal('nonsense')).status).toBe(401)
  })
})

describe('the tolerance for clocks', () => {
  const tolerant = tokensWith({ jwtSecret: SECRET, clockToleranceMs: 5000 })

  it('holds for exp, nbf and iat, and ends', async () => {
    await expect(tolerant.verify(await sign({ ...goodClaims, exp: NOW_SECONDS - 4 }))).resolves.toBeDefined()
    expect(await sentence(await sign({ ...goodClaims, exp: NOW_SECONDS - 5 }), tolerant)).toMatch(/expired/)
    await expect(tolerant.verify(await sign({ ...goodClaims, nbf: NOW_SECONDS + 5 }))).resolves.toBeDefined()
    expect(await sentence(await sign({ ...goodClaims, nbf: NOW_SECONDS + 6 }), tolerant)).toMatch(
      /not valid yet/,
    )
    await expect(tolerant.verify(await sign({ ...goodClaims, iat: NOW_SECONDS + 5 }))).resolves.toBeDefined()
    expect(await sentence(await sign({ ...goodClaims, iat: NOW_SECONDS + 6 }), tolerant)).toMatch(
      /in the future/,
    )
  })

  it('does not move the moment of expiry', async () => {
    const { expiresAtMs } = await tolerant.verify(await sign({ ...goodClaims, exp: NOW_SECONDS - 4 }))
    expect(expiresAtMs).toBe(NOW_MS - 4000)
  })
})

describe('keys of several kinds', () => {
  let rsa: KeyPair
  beforeAll(async () => {
    rsa = await keyPair('RS256')
  })

  it.each(['RS256', 'ES256', 'ES384', 'EdDSA'])(
    'a public key in PEM checks %s, by its type alone',
    async (alg) => {
      const pair = await keyPair(alg)
      const byPem = tokensWith({ jwtPublicKey: pair.pem })
      await expect(byPem.verify(await sign(goodClaims, pair))).resolves.toMatchObject({ user: 'alice' })
      const stranger = await keyPair(alg)
      expect(await sentence(await sign(goodClaims, stranger), byPem)).toMatch(/signed by another key/)
    },
  )

  it.each(['RS256', 'ES256', 'EdDSA'])('a public key as a JWK checks %s', async (alg) => {
    const pair = await keyPair(alg, 'one')
    const byJwk = tokensWith({ jwtPublicKey: JSON.stringify(pair.jwk) })
    await expect(byJwk.verify(await sign(goodClaims, pair))).resolves.toMatchObject({ user: 'alice' })
  })

  it('a JWK made for another algorithm than the usual one of its type is used with that', async () => {
    const pair = await keyPair('PS256')
    const byJwk = tokensWith({ jwtPublicKey: JSON.stringify({ ...pair.jwk, alg: 'PS256' }) })
    await expect(byJwk.verify(await sign(goodClaims, pair))).resolves.toMatchObject({ user: 'alice' })
    expect(await sentence(await sign(goodClaims, rsa), byJwk)).toBe(
      'the token is signed with RS256; allowed: PS256',
    )
  })

  it('a PEM text with escaped line breaks, as environments carry it, is read', async () => {
    const byPem = tokensWith({ jwtPublicKey: rsa.pem.replaceAll('\n', String.raw`\n`) })
    await expect(byPem.verify(await sign(goodClaims, rsa))).resolves.toMatchObject({ user: 'alice' })
  })

  it('a public key is never taken for a secret', async () => {
    const token = handmadeSigned(goodClaims, rsa.pem)
    expect(await sentence(token, tokensWith({ jwtPublicKey: rsa.pem }))).toMatch(
      /^the token is signed with HS256; allowed: RS256/,
    )
    // With a secret beside it HS256 is allowed, and still only the secret is asked.
    expect(await sentence(token, tokensWith({ jwtPublicKey: rsa.pem, jwtSecret: SECRET }))).toMatch(
      /signed by another key/,
    )
  })

  it('a secret and a public key work side by side, each with its own algorithms', async () => {
    const both = tokensWith({ jwtSecret: SECRET, jwtPublicKey: rsa.pem })
    await expect(both.verify(await sign(goodClaims))).resolves.toBeDefined()
    await expect(both.verify(await sign(goodClaims, rsa))).resolves.toBeDefined()
    expect(
      await sentence(
        await sign(goodClaims, { ...rsa, alg: 'RS256', key: (await keyPair('RS256')).key }),
        both,
      ),
    ).toMatch(/signed by another key/)
  })
})

describe('a plain HS256 token, which is checked without WebCrypto,', () => {
  /** One outcome of `verify`, in a form that two ways can be compared in. */
  const outcome = async (token: string, by = tokens): Promise<unknown> => {
    try {
      const { user, issuedAtMs, expiresAtMs, permissions } = await by.verify(token)
      return [
        user,
        issuedAtMs,
        expiresAtMs,
        permissions.maySubscribe('news:x'),
        permissions.mayPublish('chat:42'),
      ]
    } catch (error) {
      return asSluiceError(error).message
    }
  }

  it('takes that way, and one with a kid takes the way of all algorithms', async () => {
    const checking = vi.spyOn(webcrypto.subtle, 'verify')
    try {
      await tokens.verify(await sign(goodClaims))
      expect(checking).not.toHaveBeenCalled()
      await tokens.verify(await sign(goodClaims, { ...secretSigner(), kid: 'k' }))
      expect(checking).toHaveBeenCalledOnce()
    } finally {
      checking.mockRestore()
    }
  })

  it('has the same outcome as on the way of all algorithms, whatever its claims are', async () => {
    const strict = tokensWith({ jwtSecret: SECRET, audience: 'web', issuer: 'us', clockToleranceMs: 5000 })
    const moment = fc.oneof(
      fc.integer({ min: NOW_SECONDS - 20, max: NOW_SECONDS + 20 }),
      fc.constantFrom(0, -1, 1e300, '1', null, true),
    )
    const claims = fc.oneof(
      fc.json().map((text) => JSON.parse(text) as unknown),
      fc.record(
        {
          sub: fc.oneof(fc.constant('alice'), fc.constantFrom('', 7, null)),
          exp: moment,
          nbf: moment,
          iat: moment,
          aud: fc.constantFrom('web', ['app', 'web'], 'app', [], 3),
          iss: fc.constantFrom('us', 'them', null),
          sluice: fc.constantFrom(
            { subscribe: ['news:*'] },
            { publish: ['chat:42'] },
            { publish: 'all' },
            null,
          ),
        },
        { requiredKeys: [] },
      ),
    )
    await fc.assert(
      fc.asyncProperty(claims, fc.boolean(), async (value, asked) => {
        const by = asked ? strict : tokens
        const plain = handmadeSigned(value)
        const longWay = handmadeSigned(value, SECRET, { alg: 'HS256', kid: 'k' })
        expect(await outcome(plain, by)).toEqual(await outcome(longWay, by))
      }),
      { numRuns: 300 },
    )
  })

  it('is refused with any one character changed', async () => {
    const good = handmadeSigned(goodClaims)
    // The last character of 32 bytes in base64url has two bits that mean nothing: jose takes another spelling of them.
    const places = fc.integer({ min: 0, max: good.length - 2 })
    await fc.assert(
      fc.asyncProperty(
        places,
        fc.constantFrom('A', 'z', '.', '=', '_', '\u{1F511}'),
        async (place, other) => {
          fc.pre(good[place] !== other)
          expect((await refusal(good.slice(0, place) + other + good.slice(place + 1))).code).toBe(
            'unauthorized',
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('is refused where only other algorithms are allowed', async () => {
    const listing = tokensWith({ jwtSecret: SECRET, algorithms: ['HS512'] })
    expect(await sentence(handmadeSigned(goodClaims), listing)).toBe(
      'the token is signed with HS256; allowed: HS512',
    )
  })
})

describe('mintToken', () => {
  const clock = new TestClock()
  const wanted = { secret: SECRET, sub: 'alice', subscribe: ['news:*'], publish: ['chat:42'] }

  it('makes a token that verify takes', async () => {
    const identity = await tokens.verify(await mintToken({ ...wanted, ttlSeconds: 60 }, clock))
    expect(identity).toMatchObject({ user: 'alice', issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 })
    expect(identity.permissions.maySubscribe('news:sport')).toBe(true)
    expect(identity.permissions.mayPublish('chat:42')).toBe(true)
  })

  it('makes a token that does not expire where no time is given', async () => {
    expect((await tokens.verify(await mintToken(wanted, clock))).expiresAtMs).toBeUndefined()
  })

  it('names audience and issuer where they are given', async () => {
    const strict = tokensWith({ jwtSecret: SECRET, audience: 'push', issuer: 'cli' })
    await expect(
      strict.verify(await mintToken({ ...wanted, audience: 'push', issuer: 'cli' }, clock)),
    ).resolves.toBeDefined()
  })

  it.each([
    [{ sub: '' }, 'sub (the user) must be 1 to 256 characters without control characters'],
    [{ subscribe: ['a*b'] }, /^subscribe\[0\] is not a pattern/],
    [{ publish: [''] }, /^publish\[0\] is not a pattern/],
    [{ ttlSeconds: 0 }, 'ttlSeconds must be a number above 0'],
    [{ ttlSeconds: Number.POSITIVE_INFINITY }, 'ttlSeconds must be a number above 0'],
    [{ ttlSeconds: Number.NaN }, 'ttlSeconds must be a number above 0'],
  ])('refuses what verify would refuse: %j', async (change, message) => {
    const minting = mintToken({ ...wanted, ...change }, clock)
    await expect(minting).rejects.toThrow(message)
    await expect(minting.catch((error: unknown) => asSluiceError(error).code)).resolves.toBe('bad_request')
  })
})

describe('the type of a token', () => {
  const secret = secretSigner()
  const kinds = [undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt', 'AT+JWT']

  it.each(kinds)('%j is one to connect with', async (typ) => {
    const signer = { ...secret, ...(typ === undefined ? {} : { typ }) }
    expect((await tokensWith({ jwtSecret: SECRET }).verify(await sign(goodClaims, signer))).user).toBe(
      'alice',
    )
  })

  it.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'application/x/at+jwt', ''])(
    '%j is refused, and not repeated',
    async (typ) => {
      await expect(
        tokensWith({ jwtSecret: SECRET }).verify(await sign(goodClaims, { ...secret, typ })),
      ).rejects.toMatchObject({
        code: 'unauthorized',
        message: 'the token is of another kind (typ); expected: none, jwt, at+jwt',
      })
    },
  )

  it.each([undefined, 'JWT'])(
    '%j is refused where another one is configured, also on the short way',
    async (typ) => {
      const strict = tokensWith({ jwtSecret: SECRET, types: ['Sluice+JWT'] })
      const marked = await sign(goodClaims, { ...secret, typ: 'application/sluice+jwt' })
      expect((await strict.verify(marked)).user).toBe('alice')
      const signer = { ...secret, ...(typ === undefined ? {} : { typ }) }
      await expect(strict.verify(await sign(goodClaims, signer))).rejects.toMatchObject({
        message: 'the token is of another kind (typ); expected: sluice+jwt',
      })
    },
  )
})

it('a node without a key set is always healthy', () => {
  expect(
    createTokens(
      { jwtSecret: SECRET, clockToleranceMs: 0 },
      { clock: new TestClock(), events: noEvents },
    ).healthy(),
  ).toBe(true)
})

/** Signed well, whatever the claims are. */
function handmadeSigned(claims: unknown, secret = SECRET, header: unknown = { alg: 'HS256' }): string {
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims)
  const signedPart = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from(text).toString('base64url')}`
  return `${signedPart}.${createHmac('sha256', secret).update(signedPart).digest('base64url')}`
}
