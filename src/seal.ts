/**
 * Proof that something was made by who knows the cluster's secret: a MAC (HMAC-SHA256, RFC 2104) with a key of its own for each
 * purpose (HKDF, RFC 5869), so that what proves one thing never proves another, and the secret itself is never shown.
 *
 *   S1 what was sealed with a secret and for a purpose holds with the same two, and with no other
 *   S2 no change of the bytes, or of any field or its place, holds
 *   S3 nothing that a stranger sends makes it fail: what is no seal does not hold
 *
 * A seal says nothing about when, and not that it is shown for the first time: `freshness.ts` tells that.
 */
import { hkdfSync, timingSafeEqual } from 'node:crypto'
import { Hmac } from './hmac.ts'

/** What keys are made for. A new purpose gets a name of its own. */
export type SealPurpose =
  /** The claim of a client that it was here before; see `admission`. */
  | 'ticket'
  /** What nodes tell one another through the backbone. */
  | 'packet'
  /** A link, or a request, of one node to another. */
  | 'node request'
  /** That a node has heard such a request, or lets the link in, and what it answers. */
  | 'node answer'
  /**
   * By which nodes know of each other in the table that they know the same secret. Another one for each node and each start,
   * and nothing that a link can be opened with.
   */
  | 'node proof'
  /** The credential of a link; see `edge/links.ts`. */
  | 'link'

const SALT = 'sluice 1'
const KEY_BYTES = 32
/** 128 bits: RFC 2104, section 5, wants at least half of the hash. */
const MAC_BYTES = 16

export class Seal {
  readonly macBytes: number
  readonly #hmac: Hmac
  /** Reused: nothing here waits. */
  readonly #expected: Buffer

  /** `macBytes`: fewer, where a text has to be short and a guess can be tried only against a running node. */
  constructor(secret: string, purpose: SealPurpose, macBytes = MAC_BYTES) {
    const key = new Uint8Array(hkdfSync('sha256', secret, SALT, purpose, KEY_BYTES))
    this.macBytes = macBytes
    this.#hmac = new Hmac(key)
    this.#expected = Buffer.alloc(macBytes)
  }

  /** `context`: what else has to be the same for it to hold, such as where the bytes were sent to. */
  macOf(bytes: Uint8Array, context?: string): Buffer {
    return Buffer.from(this.#hmac.of(bytes, 'binary', context).slice(0, this.macBytes), 'latin1')
  }

  /** The same of a text in ASCII, as hexadecimal digits. */
  digitsOf(text: string): string {
    return this.#hmac.of(text, 'hex').slice(0, 2 * this.macBytes)
  }

  /** Whether the MAC is that of the bytes. Takes equally long wherever they differ. */
  holds(mac: Uint8Array, bytes: Uint8Array, context?: string): boolean {
    if (mac.length !== this.macBytes) return false
    this.#expected.write(this.#hmac.of(bytes, 'binary', context), 'latin1')
    return timingSafeEqual(mac, this.#expected)
  }

  /** Over texts, each of them in its place: base64url. */
  sign(...fields: readonly string[]): string {
    return this.macOf(framed(fields)).toString('base64url')
  }

  signed(mac: string, ...fields: readonly string[]): boolean {
    const bytes = Buffer.from(mac, 'base64url')
    // One MAC has one text: Node.js reads over what is no base64url.
    return bytes.toString('base64url') === mac && this.holds(bytes, framed(fields))
  }
}

/** A list as JSON: no two different lists have the same text, whatever is in them. */
function framed(fields: readonly string[]): Uint8Array {
  return Buffer.from(JSON.stringify(fields))
}
