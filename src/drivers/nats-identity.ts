/**
 * The files by which a node says to NATS who it is.
 */
import { nkeys } from '@nats-io/transport-node'

/** Whether a file holds a user JWT and its seed. Says nothing of whether a server knows them. */
export function isCreds(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString('latin1')
  const blocks = [...text.matchAll(/-{3,}[^\n]*-{3,}\r?\n([\w.=-]+)\r?\n-{3,}[^\n]*-{3,}/g)]
  const seed = blocks[1]?.[1]
  return blocks[0]?.[1]?.split('.').length === 3 && seed !== undefined && isNkeySeed(Buffer.from(seed))
}

/** Whether a file holds the seed of a user. */
export function isNkeySeed(bytes: Uint8Array): boolean {
  try {
    return nkeys.fromSeed(trimmed(bytes)).getPublicKey().startsWith('U')
  } catch (error) {
    // Its checksum is wrong, or it is something else.
    if (error instanceof Error) return false
    throw error
  }
}

/** Editors end a file with a line break. */
export function trimmed(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString('latin1').trim(), 'latin1')
}
