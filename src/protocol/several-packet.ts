/**
 * Several packets of `packet.ts` as one. Numbers are big-endian.
 *
 *    0  u8   format
 *    …  for each: u32 length, packet
 *
 * A node that does not know the format takes it for one of another version: so it is sent only where everybody is known to read it.
 */

/** Of the formats in `packet.ts` and `sealed-packet.ts` none is the same. */
const SEVERAL = 0x16
const HEADER = 1
const LENGTH = 4

/** Of one packet of several: what each takes beside its bytes, and what all take together. */
export const EACH_BYTES = LENGTH
export const ALL_BYTES = HEADER

/** To where there is room for it; answers where it ends. `write`: one of them, and answers the same. */
export function writeSeveral<Packet>(
  into: Buffer,
  from: number,
  packets: readonly Packet[],
  write: (into: Buffer, from: number, packet: Packet) => number,
): number {
  into[from] = SEVERAL
  let at = from + HEADER
  for (const packet of packets) {
    const end = write(into, at + LENGTH, packet)
    into.writeUInt32BE(end - at - LENGTH, at)
    at = end
  }
  return at
}

/** Views, in their order. `undefined`: these bytes are not several packets, or not all of them are there. */
export function decodeSeveral(several: Buffer): Buffer[] | undefined {
  if (several[0] !== SEVERAL) return undefined
  const packets: Buffer[] = []
  let at = HEADER
  while (at < several.length) {
    if (at + LENGTH > several.length) return undefined
    const end = at + LENGTH + several.readUInt32BE(at)
    if (end > several.length) return undefined
    packets.push(several.subarray(at + LENGTH, end))
    at = end
  }
  return packets
}
