/**
 * Whose tokens are believed.
 */
import { isCookieName, isUrl } from './forms.ts'
import { duration, list, option, optional, section, text } from './option.ts'

export const JWT_ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export function authSection() {
  return section('How tokens are checked. One of the first three is needed, except with `sluice dev`.', {
    ...keyOptions(),
    audience: optional(
      list('one text or a list of texts', (name) => name !== ''),
      { doc: 'The `aud` claim must name one of these. Absent: it is not looked at.' },
    ),
    issuer: optional(
      list('one text or a list of texts', (name) => name !== ''),
      { doc: 'The `iss` claim must be one of these. Absent: it is not looked at.' },
    ),
    types: optional(
      list('names such as at+jwt', (name) => name !== ''),
      {
        doc: 'The `typ` header must be one of these. Absent: it is `JWT`, `at+jwt` or not there, so that what a provider signs for other ends is refused.',
      },
    ),
    clockTolerance: option(duration('0ms', '5m'), '5s', {
      doc: "How far the clock of whoever signs may be from the node's.",
    }),
    cookie: option(
      text("the name of a cookie: letters, digits and ! # $ % & ' * + - . ^ _ ` | ~", isCookieName),
      'sluice_token',
      {
        doc: 'The cookie in which a browser may send its token.',
      },
    ),
    reauthInterval: option(duration('1s', '30d'), '45m', {
      doc: 'A connection is asked for a fresh token at least this often, each at its own random moment.',
    }),
    reauthDeadline: option(duration('1s', '1h'), '60s', {
      doc: 'How long a client has to send the fresh token before it is closed with 4401.',
    }),
    revocationTtl: option(duration('1m', '365d'), '1d', {
      doc: 'How long a revocation is remembered: at least as long as tokens live.',
    }),
  })
}

/** Whose tokens they are: the keys, and how they sign. */
function keyOptions() {
  return {
    jwtSecret: optional(text('a text that is not empty; at least 32 bytes for HS256, or it can be guessed'), {
      env: 'SLUICE_JWT_SECRET',
      secret: 'whole',
      doc: 'The secret that tokens are signed with (HS256 and the like).',
    }),
    jwtPublicKey: optional(text('a public key in PEM (SPKI), or the JSON text of a JWK'), {
      env: 'SLUICE_JWT_PUBLIC_KEY',
      doc: 'The public key of whoever signs the tokens.',
    }),
    jwksUrl: optional(
      text(
        'a URL with http or https, such as https://id.example.com/.well-known/jwks.json',
        isUrl('http', 'https'),
      ),
      {
        env: 'SLUICE_JWKS_URL',
        secret: 'credentials',
        doc: 'Where the public keys are published as a JWK set; it is fetched again when keys change.',
      },
    ),
    algorithms: optional(
      list(`names among ${JWT_ALGORITHMS.join(', ')}`, (name) =>
        (JWT_ALGORITHMS as readonly string[]).includes(name),
      ),
      { doc: 'The algorithms that are accepted. Absent: what fits the keys.' },
    ),
  }
}
