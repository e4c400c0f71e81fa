/**
 * The signatures of all algorithms, and how a token is signed. The only file that knows jose, and loaded when it is first needed:
 * a node whose tokens are all plain HS256 needs it never.
 */
import {
  CompactSign,
  compactVerify,
  decodeProtectedHeader,
  errors,
  type CompactJWSHeaderParameters,
} from 'jose'
import { NO_JWT } from './claims.ts'
import { type Algorithm, isAlgorithm } from './algorithms.ts'
import { SluiceError } from '../errors.ts'
import { importSecret, type CryptoKey } from './keys.ts'

export interface Signed {
  readonly payload: Uint8Array
  /** The type that the header names; a text, as a rule. */
  readonly typ: unknown
}

/** Asked only for one of the allowed algorithms. */
type FindKey = (algorithm: Algorithm, kid: string | undefined) => Promise<CryptoKey>

/** Fails with `unauthorized` and a sentence, or as `find` does. */
export async function checkSignature(
  token: string,
  algorithms: readonly Algorithm[],
  find: FindKey,
): Promise<Signed> {
  const keyOf = ({ alg, kid }: CompactJWSHeaderParameters): Promise<CryptoKey> =>
    find(alg as Algorithm, typeof kid === 'string' ? kid : undefined)
  try {
    const { payload, protectedHeader } = await compactVerify(token, keyOf, { algorithms: [...algorithms] })
    // RFC 7797: a payload that is not in base64url is none of a JWT (section 7).
    if (protectedHeader.b64 === false) throw refused(NO_JWT)
    return { payload, typ: protectedHeader.typ }
  } catch (error) {
    // The cause is left out on purpose: jose's errors may carry what the token says.
    if (error instanceof errors.JOSEError) throw refused(sentenceOf(error, token, algorithms))
    throw error
  }
}

/** With HS256. */
export async function signed(claims: object, secret: string): Promise<string> {
  const payload = Buffer.from(JSON.stringify(claims))
  const signer = new CompactSign(payload).setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  return signer.sign(await importSecret(secret, 'HS256'))
}

function sentenceOf(error: errors.JOSEError, token: string, algorithms: readonly Algorithm[]): string {
  if (error instanceof errors.JOSEAlgNotAllowed) {
    const { alg } = decodeProtectedHeader(token)
    const allowed = `allowed: ${algorithms.join(', ')}`
    if (alg === 'none') return `the token is not signed (alg: none); ${allowed}`
    // Any other name is a text of the peer's choice and is not repeated.
    return `the token is signed with ${isAlgorithm(alg) ? alg : 'an unknown algorithm'}; ${allowed}`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return 'the signature of the token does not fit: it is signed by another key, or was changed'
  }
  if (error instanceof errors.JOSENotSupported) {
    return 'the header of the token demands an extension (crit) that the gateway does not have'
  }
  return NO_JWT
}

function refused(message: string): SluiceError {
  return new SluiceError('unauthorized', message)
}
