/**
 * What is around a packet that goes through the backbone: who sent it and when, and a MAC over all of that and the packet.
 * Numbers are big-endian; those up to 2^53 - 1 are exact in an f64.
 *
 *    0  u8   format
 *    1  u8   length of the sender's id
 *    2  f64  time
 *   10  f64  number
 *   18  sender's id, packet, MAC of 16 bytes
 */

/** Of the formats in `packet.ts` none is the same. */
const SEALED = 0x15
const HEADER = 18
export const MAC_BYTES = 16

/** A packet as it came, before anybody has looked whether the MAC holds. */
export interface Sealed {
  readonly sender: string
  /** When it was sent, milliseconds since 1970 by the sender's clock. */
  readonly time: number
  /** Of all that the sender has sent. */
  readonly number: number
  readonly packet: Buffer
  /** What the MAC is of. */
  readonly covered: Buffer
  readonly mac: Buffer
}

/** What a seal adds to a packet of this sender. */
export function sealBytes(sender: string): number {
  return HEADER + Buffer.byteLength(sender) + MAC_BYTES
}

/** With room for a packet of so many bytes from `packetAt` on, and for the MAC in its last bytes, which is of all the others. */
export function encodeSealed(sender: Uint8Array, time: number, number: number, packetBytes: number): Buffer {
  const sealed = Buffer.allocUnsafe(packetAt(sender) + packetBytes + MAC_BYTES)
  sealed[0] = SEALED
  sealed.writeUInt8(sender.length, 1)
  sealed.writeDoubleBE(time, 2)
  sealed.writeDoubleBE(number, 10)
  sealed.set(sender, HEADER)
  return sealed
}

export function packetAt(sender: Uint8Array): number {
  return HEADER + sender.length
}

/** The number of a packet that says to be of this sender; 0: it is of another, or none at all. Nobody has looked whether the MAC holds. */
export function numberOf(sealed: Buffer, sender: Uint8Array): number {
  if (sealed[0] !== SEALED || sealed[1] !== sender.length) return 0
  if (sealed.length < HEADER + sender.length + MAC_BYTES) return 0
  for (let at = 0; at < sender.length; at++) if (sealed[HEADER + at] !== sender[at]) return 0
  return sealed.readDoubleBE(10)
}

/** All of it views. `undefined`: these bytes are not a sealed packet of this version. */
export function decodeSealed(sealed: Buffer): Sealed | undefined {
  const senderEnd = HEADER + (sealed[1] ?? 0)
  const macAt = sealed.length - MAC_BYTES
  if (sealed[0] !== SEALED || senderEnd > macAt) return undefined
  return {
    sender: sealed.toString('utf8', HEADER, senderEnd),
    time: sealed.readDoubleBE(2),
    number: sealed.readDoubleBE(10),
    packet: sealed.subarray(senderEnd, macAt),
    covered: sealed.subarray(0, macAt),
    mac: sealed.subarray(macAt),
  }
}
