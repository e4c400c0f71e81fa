/**
 * How a node that opens a link proves that it is of the cluster, without sending the secret: a MAC (RFC 2104) over who
 * links to whom and when. It opens nothing at another node, and nothing later.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** The clocks of two nodes may differ by this. */
const AGE_MAX_MS = 60_000
/** More would prove no more, and is in the table for each node. */
const PROOF_LENGTH = 32
const TOKEN = /^Sluice-Mesh ([\w-]{1,64}) (\d{1,15}) ([0-9a-f]{64})$/

/** The value of the header `Authorization`. */
export function meshToken(secret: string, fromNode: string, toNode: string, nowMs: number): string {
  return `Sluice-Mesh ${fromNode} ${nowMs} ${macOf(secret, fromNode, toNode, String(nowMs))}`
}

export interface MeshTokenCheck {
  /** As the token says. Absent: it is no token. */
  readonly from?: string
  /** `secret`: it was not made with this secret, for this node. `clock`: it was, but not now. */
  readonly verdict: 'good' | 'secret' | 'clock' | 'none'
}

/** Whether the token is good here and now, for the node that it names to open a link. */
export function checkMeshToken(
  secret: string,
  authorization: string | undefined,
  toNode: string,
  nowMs: number,
): MeshTokenCheck {
  const [, fromNode, time, mac] = TOKEN.exec(authorization ?? '') ?? []
  if (fromNode === undefined || time === undefined || mac === undefined) return { verdict: 'none' }
  const expected = Buffer.from(macOf(secret, fromNode, toNode, time))
  if (!timingSafeEqual(Buffer.from(mac), expected)) return { from: fromNode, verdict: 'secret' }
  return { from: fromNode, verdict: Math.abs(nowMs - Number(time)) <= AGE_MAX_MS ? 'good' : 'clock' }
}

/**
 * By which nodes that know the same secret know that of each other. Another one for each node and each start, and nothing
 * that a link can be opened with.
 */
export function secretProof(secret: string, node: string): string {
  return createHmac('sha256', secret).update(`sluice node\n${node}`).digest('hex').slice(0, PROOF_LENGTH)
}

function macOf(secret: string, fromNode: string, toNode: string, time: string): string {
  return createHmac('sha256', secret).update(`sluice mesh\n${fromNode}\n${toNode}\n${time}`).digest('hex')
}
