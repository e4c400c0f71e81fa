import { generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { AuthConfigError } from '../../../src/auth/config-error.ts'
import { KeyRing, type KeyRingOptions } from '../../../src/auth/key-ring.ts'
import { keyPair, type KeyPair, noEvents, SECRET, TestClock } from './issuer.ts'

const URL_OF_SET = 'https://id.example/keys.json'

function ring(options: KeyRingOptions): KeyRing {
  return new KeyRing(options, new TestClock(), noEvents)
}

function startError(options: KeyRingOptions): string {
  try {
    ring(options)
  } catch (error) {
    if (error instanceof AuthConfigError) return error.message
    throw error
  }
  throw new Error('the options were taken')
}

let rsa: KeyPair
let ec: KeyPair
beforeAll(async () => {
  rsa = await keyPair('RS256')
  ec = await keyPair('ES256')
})

describe('the allowed algorithms', () => {
  it('come from the kinds of keys where none are listed', async () => {
    expect(ring({ jwtSecret: SECRET }).algorithms).toEqual(['HS256'])
    expect(ring({ jwtPublicKey: rsa.pem }).algorithms).toEqual(['RS256'])
    expect(ring({ jwtPublicKey: ec.pem }).algorithms).toEqual(['ES256'])
    expect(ring({ jwtPublicKey: (await keyPair('EdDSA')).pem }).algorithms).toEqual(['EdDSA', 'Ed25519'])
    expect(ring({ jwksUrl: URL_OF_SET }).algorithms).toEqual(['RS256', 'ES256', 'EdDSA', 'Ed25519'])
    expect(ring({ jwtSecret: SECRET, jwtPublicKey: ec.pem }).algorithms).toEqual(['HS256', 'ES256'])
  })

  it('are the listed ones, each for the keys that it suits', () => {
    const algorithms = ['HS512', 'PS256', 'ES256']
    expect(ring({ jwtSecret: SECRET, jwksUrl: URL_OF_SET, algorithms }).algorithms).toEqual(algorithms)
    expect(ring({ jwtPublicKey: rsa.pem, algorithms: ['RS256', 'PS256'] }).algorithms).toEqual([
      'RS256',
      'PS256',
    ])
  })
})

describe('a start is refused', () => {
  it('without any key', () => {
    expect(startError({})).toBe(
      'nothing is configured to check tokens with: set auth.jwtSecret, auth.jwtPublicKey or auth.jwksUrl',
    )
  })

  it.each([
    [31, undefined, /^auth.jwtSecret has 31 bytes; HS256 needs at least 32 \(RFC 7518, section 3.2\)/],
    [47, ['HS384'], /^auth.jwtSecret has 47 bytes; HS384 needs at least 48/],
    [63, ['HS256', 'HS512'], /^auth.jwtSecret has 63 bytes; HS512 needs at least 64/],
    [0, undefined, /^auth.jwtSecret is empty$/],
  ])('with a secret of %i bytes for %j', (bytes, algorithms, expected) => {
    const jwtSecret = 'x'.repeat(bytes)
    const options = algorithms === undefined ? { jwtSecret } : { jwtSecret, algorithms }
    expect(startError(options)).toMatch(expected)
    expect(() => ring({ ...options, jwtSecret: `${jwtSecret}x`, allowWeakSecret: bytes === 0 })).not.toThrow()
  })

  it('never with a part of the secret in the error', () => {
    expect(startError({ jwtSecret: 'hunter2' })).not.toContain('hunter2')
  })

  it('not with a weak secret where that is allowed, unless it is empty', () => {
    expect(() => ring({ jwtSecret: 'dev', allowWeakSecret: true })).not.toThrow()
    expect(startError({ jwtSecret: '', allowWeakSecret: true })).toBe('auth.jwtSecret is empty')
  })

  it('with an algorithm that does not exist, or none', () => {
    expect(startError({ jwtSecret: SECRET, algorithms: ['HS256', 'none'] })).toMatch(
      /^auth.algorithms\[1\] must be one of HS256, HS384, /,
    )
  })

  it('with an algorithm that no key can be used with', () => {
    expect(startError({ jwtSecret: SECRET, algorithms: ['HS256', 'RS256'] })).toBe(
      'auth.algorithms lists RS256, but no configured key can be used with it',
    )
  })

  it('with a key that no algorithm can be used with', () => {
    expect(startError({ jwtSecret: SECRET, jwksUrl: URL_OF_SET, algorithms: ['RS256'] })).toBe(
      'auth.jwtSecret cannot be used with any of auth.algorithms (RS256)',
    )
    expect(startError({ jwtPublicKey: ec.pem, algorithms: ['RS256'] })).toMatch(
      /^auth.jwtPublicKey cannot be used/,
    )
    expect(startError({ jwksUrl: URL_OF_SET, algorithms: ['HS256'] })).toMatch(/^auth.jwksUrl cannot be used/)
    expect(startError({ jwtSecret: SECRET, algorithms: [] })).toMatch(/^auth.jwtSecret cannot be used/)
  })

  it.each([
    ['a word', () => 'nonsense', /must be a PEM text that begins with -----BEGIN PUBLIC KEY-----/],
    [
      'a broken PEM text',
      () => rsa.pem.replace('MII', 'AAA'),
      /is a PEM text that holds no readable public key/,
    ],
    ['broken JSON', () => '{"kty":', /is not JSON/],
    ['a broken JWK', () => '{"kty":"RSA","e":"AQAB"}', /is not a valid public JWK/],
    ['a JWK without a type', () => '{}', /is not a valid public JWK/],
    [
      'a secret as a JWK',
      () => '{"kty":"oct","k":"c2VjcmV0"}',
      /is a shared secret; a secret belongs in auth.jwtSecret/,
    ],
    ['a private JWK', () => JSON.stringify(rsa.privateJwk), /is a private key/],
    ['a private PEM text', () => pemOf('rsa', 2048, 'private'), /is a private key/],
    ['a short RSA key', () => pemOf('rsa', 1024, 'public'), /is an RSA key of 1024 bits; at least 2048/],
    ['a curve of coins', () => curve('secp256k1'), /is of a type or for an algorithm that is not supported/],
    ['a key for exchanging keys', () => x25519(), /is of a type or for an algorithm that is not supported/],
    ['a key for encryption', () => JSON.stringify({ ...rsa.jwk, use: 'enc' }), /is not for signatures/],
    [
      'a key for signing only',
      () => JSON.stringify({ ...rsa.jwk, key_ops: ['sign'] }),
      /is not for checking signatures/,
    ],
    [
      'a key for another purpose',
      () => JSON.stringify({ ...rsa.jwk, alg: 'RSA-OAEP' }),
      /is of a type or for an algorithm/,
    ],
  ])('with a public key that is %s', (_, text, expected) => {
    const message = startError({ jwtPublicKey: text() })
    expect(message).toMatch(/^auth.jwtPublicKey /)
    expect(message).toMatch(expected)
  })

  it.each(['keys.json', 'ftp://id.example/keys', 'https://user:hunter2@id.example/keys'])(
    'with the key set URL %s',
    (jwksUrl) => {
      expect(startError({ jwksUrl })).toBe(
        'auth.jwksUrl must be an http or https URL without a user name and a password',
      )
    },
  )
})

it('a key is imported once per algorithm', async () => {
  const keys = ring({ jwtSecret: SECRET, jwtPublicKey: rsa.pem, algorithms: ['HS256', 'RS256', 'PS256'] })
  expect(await keys.find('HS256', undefined)).toBe(await keys.find('HS256', 'any'))
  expect(await keys.find('RS256', undefined)).toBe(await keys.find('RS256', undefined))
  expect(await keys.find('RS256', undefined)).not.toBe(await keys.find('PS256', undefined))
})

function pemOf(type: 'rsa', modulusLength: number, side: 'public' | 'private'): string {
  const { publicKey, privateKey } = generateKeyPairSync(type, { modulusLength })
  return side === 'public'
    ? publicKey.export({ type: 'spki', format: 'pem' }).toString()
    : privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function curve(namedCurve: string): string {
  return generateKeyPairSync('ec', { namedCurve })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString()
}

function x25519(): string {
  return generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()
}
