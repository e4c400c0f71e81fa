/**
 * Which servers may hold a stream with replicas, and which keep what a stream is made with. Pure.
 *
 * Replicas of servers before this version can come to differ for good: on 2.9.10, after a kill of all of them and a cut
 * that went one way, 71 of 361 entries did, and 0 of 537 on 2.10.27 after the same. No gateway can read its way around that,
 * since the leader may be the one that is wrong. It is the oldest version that was tried so, and found right.
 */

export const REPLICAS_SINCE = '2.10.27'

/** Older servers drop the metadata of a stream, and the client refuses to send it to them. */
const METADATA_SINCE = '2.10.0'

export function keepsMetadata(version: string): boolean {
  return isAtLeast(version, METADATA_SINCE)
}

export class JetStreamServers {
  /** By the address that they were reached at, so that one that is replaced counts as what it is now. */
  readonly #versions = new Map<string, string>()

  /** A connection is at this server. It says its version itself. */
  saw(address: string, version: string): void {
    this.#versions.set(address, version)
  }

  /** Why there can be no stream with so many replicas; `undefined`: as far as is known, it can be. */
  objection(replicas: number): string | undefined {
    if (replicas < 2) return undefined
    for (const [address, version] of this.#versions) {
      if (isAtLeast(version, REPLICAS_SINCE)) continue
      const rule = `durable.replicas is ${replicas}, which needs nats-server ${REPLICAS_SINCE} or later on all servers`
      const remedy = 'update it and then restart this node, or set durable.replicas to 1'
      return `the NATS server at ${address} is of version ${version}, and ${rule}, since replicas of older ones come to differ: ${remedy}`
    }
    return undefined
  }
}

/** A version that is no number is nobody's promise. */
function isAtLeast(version: string, oldest: string): boolean {
  const is = numbersOf(version)
  const least = numbersOf(oldest)
  const at = is.findIndex((number, i) => number !== least[i])
  return is.length === least.length && (at < 0 || (is[at] as number) > (least[at] as number))
}

function numbersOf(version: string): number[] {
  return (/^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number)
}
