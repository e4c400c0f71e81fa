/**
 * The JWS algorithms that can be allowed (RFC 7518, section 3.1; RFC 8037 for EdDSA; RFC 9864 for the name Ed25519).
 *
 * Which of them are allowed is configured, never read from a token. `secret` and public keys are kept apart here, in one
 * place: an HMAC algorithm checked with a public key would let everybody who knows the public key sign.
 */

interface Kind {
  readonly secret: boolean
  /** The JWK key type and curve that it takes (RFC 7518, section 6). */
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP'
  readonly crv: string | undefined
  /** How WebCrypto names it at import. */
  readonly webcrypto: { readonly name: string; readonly hash?: string; readonly namedCurve?: string }
  /** RFC 7518, section 3.2: a secret is at least as long as the hash. */
  readonly secretBytesMin: number
}

export const ALGORITHMS = {
  HS256: hmac(256),
  HS384: hmac(384),
  HS512: hmac(512),
  RS256: rsa('RSASSA-PKCS1-v1_5', 256),
  RS384: rsa('RSASSA-PKCS1-v1_5', 384),
  RS512: rsa('RSASSA-PKCS1-v1_5', 512),
  PS256: rsa('RSA-PSS', 256),
  PS384: rsa('RSA-PSS', 384),
  PS512: rsa('RSA-PSS', 512),
  ES256: ec('P-256'),
  ES384: ec('P-384'),
  ES512: ec('P-521'),
  EdDSA: ed25519(),
  Ed25519: ed25519(),
} as const satisfies Record<string, Kind>

export type Algorithm = keyof typeof ALGORITHMS

export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as readonly Algorithm[]

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name)
}

export function kindOf(algorithm: Algorithm): Kind {
  return ALGORITHMS[algorithm]
}

/** EdDSA with an Ed25519 key has two names; a key made for one is made for the other. */
export function isSameAlgorithm(one: string, other: Algorithm): boolean {
  return (
    one === other || (isAlgorithm(one) && kindOf(one).crv === 'Ed25519' && kindOf(other).crv === 'Ed25519')
  )
}

function hmac(bits: 256 | 384 | 512): Kind {
  return {
    secret: true,
    kty: 'oct',
    crv: undefined,
    webcrypto: { name: 'HMAC', hash: `SHA-${bits}` },
    secretBytesMin: bits / 8,
  }
}

function rsa(name: 'RSASSA-PKCS1-v1_5' | 'RSA-PSS', bits: 256 | 384 | 512): Kind {
  return {
    secret: false,
    kty: 'RSA',
    crv: undefined,
    webcrypto: { name, hash: `SHA-${bits}` },
    secretBytesMin: 0,
  }
}

function ec(crv: 'P-256' | 'P-384' | 'P-521'): Kind {
  return { secret: false, kty: 'EC', crv, webcrypto: { name: 'ECDSA', namedCurve: crv }, secretBytesMin: 0 }
}

function ed25519(): Kind {
  return { secret: false, kty: 'OKP', crv: 'Ed25519', webcrypto: { name: 'Ed25519' }, secretBytesMin: 0 }
}
