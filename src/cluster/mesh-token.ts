/**
 * How a node that opens a link proves that it is of the cluster, without sending the secret: a MAC (RFC 2104) over who
 * links to whom and when. It opens nothing at another node, and nothing later.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** The clocks of two nodes may differ by this. */
const AGE_MAX_MS = 60_000
const TOKEN = /^Sluice-Mesh ([\w-]{1,64}) (\d{1,15}) ([0-9a-f]{64})$/

/** The value of the header `Authorization`. */
export function meshToken(secret: string, fromNode: string, toNode: string, nowMs: number): string {
  return `Sluice-Mesh ${fromNode} ${nowMs} ${macOf(secret, fromNode, toNode, String(nowMs))}`
}

/** The node that opens the link; `undefined`: the token is not good here and now. */
export function checkMeshToken(
  secret: string,
  authorization: string | undefined,
  toNode: string,
  nowMs: number,
): string | undefined {
  const [, fromNode, time, mac] = TOKEN.exec(authorization ?? '') ?? []
  if (fromNode === undefined || time === undefined || mac === undefined) return undefined
  const expected = Buffer.from(macOf(secret, fromNode, toNode, time))
  if (!timingSafeEqual(Buffer.from(mac), expected)) return undefined
  return Math.abs(nowMs - Number(time)) <= AGE_MAX_MS ? fromNode : undefined
}

function macOf(secret: string, fromNode: string, toNode: string, time: string): string {
  return createHmac('sha256', secret).update(`sluice mesh\n${fromNode}\n${toNode}\n${time}`).digest('hex')
}
