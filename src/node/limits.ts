/**
 * Whether what this node allows fits what the servers take. Part of the composition.
 */
import { sizeText } from '../config/units.ts'

/** What stands around a payload on its way between nodes: a packet's header, names, ids, a seal, and headers of NATS. */
export const PACKET_BYTES_AROUND = 4096

/** A sentence for the operator where payloads that `limits.payload` allows do not fit into a message of NATS. */
export function payloadMisfit(payloadBytesMax: number, natsBytesMax: number): string | undefined {
  const room = natsBytesMax - PACKET_BYTES_AROUND
  if (payloadBytesMax <= room) return undefined
  return `limits.payload is ${sizeText(payloadBytesMax)}, but the NATS servers take ${sizeText(natsBytesMax)} (max_payload), of which ${sizeText(PACKET_BYTES_AROUND)} stand around a payload: what is over ${sizeText(Math.max(room, 0))} is refused; raise max_payload, or lower limits.payload`
}
