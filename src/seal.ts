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
import { hash, hkdfSync, timingSafeEqual } from 'node:crypto'

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
const BLOCK_BYTES = 64
const HASH_BYTES = 32
/** Of what is before the context, so that it is known where the bytes begin. */
const LENGTH_BYTES = 4
/** 128 bits: RFC 2104, section 5, wants at least half of the hash. */
const MAC_BYTES = 16
/** The scratch grows to the largest that was sealed, up to this. */
const SCRATCH_BYTES_MAX = 131_072

export class Seal {
  readonly macBytes: number
  /** The key's block and what is sealed; the key's other block and the hash of that. Reused: nothing here waits. */
  #inner: Buffer
  readonly #outer: Buffer
  readonly #expected: Buffer

  /** `macBytes`: fewer, where a text has to be short and a guess can be tried only against a running node. */
  constructor(secret: string, purpose: SealPurpose, macBytes = MAC_BYTES) {
    const key = new Uint8Array(hkdfSync('sha256', secret, SALT, purpose, KEY_BYTES))
    this.macBytes = macBytes
    this.#inner = Buffer.alloc(BLOCK_BYTES + 1024)
    this.#outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES)
    this.#expected = Buffer.alloc(macBytes)
    for (let i = 0; i < BLOCK_BYTES; i++) {
      this.#inner[i] = (key[i] ?? 0) ^ 0x36
      this.#outer[i] = (key[i] ?? 0) ^ 0x5c
    }
  }

  /** `context`: what else has to be the same for it to hold, such as where the bytes were sent to. */
  macOf(bytes: Uint8Array, context?: string): Buffer {
    return Buffer.from(this.#hmac(bytes, context).slice(0, this.macBytes), 'latin1')
  }

  /** Whether the MAC is that of the bytes. Takes equally long wherever they differ. */
  holds(mac: Uint8Array, bytes: Uint8Array, context?: string): boolean {
    if (mac.length !== this.macBytes) return false
    this.#expected.write(this.#hmac(bytes, context), 'latin1')
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

  /** Two one-shot hashes: `createHmac` makes objects, which costs more than all the hashing. */
  #hmac(bytes: Uint8Array, context: string | undefined): string {
    const contextBytes = context === undefined ? 0 : LENGTH_BYTES + Buffer.byteLength(context)
    const bytesAt = BLOCK_BYTES + contextBytes
    const length = bytesAt + bytes.length
    const inner = length <= this.#inner.length ? this.#inner : this.#grown(length)
    if (context !== undefined) {
      inner.writeUInt32BE(contextBytes - LENGTH_BYTES, BLOCK_BYTES)
      inner.write(context, BLOCK_BYTES + LENGTH_BYTES)
    }
    inner.set(bytes, bytesAt)
    this.#outer.write(hash('sha256', inner.subarray(0, length), 'binary'), BLOCK_BYTES, 'latin1')
    return hash('sha256', this.#outer, 'binary')
  }

  #grown(length: number): Buffer {
    const grown = Buffer.alloc(length)
    grown.set(this.#inner.subarray(0, BLOCK_BYTES))
    if (length <= SCRATCH_BYTES_MAX) this.#inner = grown
    return grown
  }
}

/** A list as JSON: no two different lists have the same text, whatever is in them. */
function framed(fields: readonly string[]): Uint8Array {
  return Buffer.from(JSON.stringify(fields))
}
