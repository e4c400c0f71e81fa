/**
 * HMAC-SHA256 (RFC 2104) with one key, as two one-shot hashes: `createHmac` makes objects, which costs more than all the hashing, and
 * most of all in a process that has just started.
 */
import { hash } from 'node:crypto'

const BLOCK_BYTES = 64
const HASH_BYTES = 32
/** Of what is before the context. */
const LENGTH_BYTES = 4
/** The scratch grows to the largest that was asked for, up to this. */
const SCRATCH_BYTES_MAX = 131_072

export class Hmac {
  /** The key's block, and what comes behind it; the key's other block and the hash of that. Reused: nothing here waits. */
  #inner: Buffer
  readonly #outer: Buffer
  /** As much of the inner block as was hashed last: what is made with one key is mostly as long as the last one. */
  #hashed: Buffer

  constructor(key: Uint8Array) {
    this.#inner = Buffer.alloc(BLOCK_BYTES + 1024)
    this.#outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES)
    this.#hashed = this.#inner
    // RFC 2104, section 2: one that is longer than a block stands for its hash.
    const short = key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key
    for (let i = 0; i < BLOCK_BYTES; i++) {
      this.#inner[i] = (short[i] ?? 0) ^ 0x36
      this.#outer[i] = (short[i] ?? 0) ^ 0x5c
    }
  }

  /** `context`: what else it is of, with its length before it, so that it is known where the bytes begin. */
  of(bytes: Uint8Array | string, encoding: 'binary' | 'base64url' | 'hex', context?: string): string {
    const contextBytes = context === undefined ? 0 : LENGTH_BYTES + Buffer.byteLength(context)
    const bytesAt = BLOCK_BYTES + contextBytes
    const length = bytesAt + (typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length)
    const inner = length <= this.#inner.length ? this.#inner : this.#grown(length)
    if (context !== undefined) {
      inner.writeUInt32BE(contextBytes - LENGTH_BYTES, BLOCK_BYTES)
      inner.write(context, BLOCK_BYTES + LENGTH_BYTES)
    }
    if (typeof bytes === 'string') inner.write(bytes, bytesAt)
    else inner.set(bytes, bytesAt)
    this.#outer.write(hash('sha256', this.#first(length, inner), 'binary'), BLOCK_BYTES, 'latin1')
    return hash('sha256', this.#outer, encoding)
  }

  #first(length: number, inner: Buffer): Buffer {
    if (inner.length === length) return inner
    if (this.#hashed.length !== length || this.#hashed.buffer !== inner.buffer)
      this.#hashed = inner.subarray(0, length)
    return this.#hashed
  }

  #grown(length: number): Buffer {
    const grown = Buffer.alloc(length)
    grown.set(this.#inner.subarray(0, BLOCK_BYTES))
    if (length <= SCRATCH_BYTES_MAX) this.#inner = grown
    return grown
  }
}
