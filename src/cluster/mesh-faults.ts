/**
 * Nodes of the same table that no link can be opened with, because they do not know the cluster's secret or their clocks differ.
 * It shows at once in the table, where each node has a proof of the secret that it knows, and when a link is refused.
 * It has to be told early: links are opened when NATS is away, and then it is too late.
 */
import type { Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { NodeInfo } from '../registry/registry.ts'
import type { Seal } from '../seal.ts'

/** `replayed`: somebody has shown the token of a link again that he has read on its way. */
export const MESH_REFUSALS = ['secret', 'clock', 'replayed'] as const
export type MeshRefusal = (typeof MESH_REFUSALS)[number]

/** `in`: of another node's link, here. `out`: of this node's link, by the other one. */
export type MeshDirection = 'in' | 'out'

export interface MeshFaultsPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Pick<Log, 'warn'>
  readonly refusals: Readonly<Record<MeshDirection, Readonly<Record<MeshRefusal, { inc(): void }>>>>
  /** The other nodes of the table. */
  readonly others: () => readonly Pick<NodeInfo, 'id' | 'peer'>[]
}

/** A node is told of again after this time. */
const REMIND_MS = 600_000
/** Who was refused is tried again within seconds, for as long as links are wanted. */
const REFUSED_FOR_MS = 30_000
/** Whoever reaches the second listener can make up names of nodes. */
const NAMES_MAX = 100

const SAYS: Readonly<Record<MeshRefusal, string>> = {
  secret:
    'a node of this cluster has another node.clusterSecret: what it sends is refused, and no link to it can be opened while NATS is away',
  clock:
    'the clock of a node differs by more than a minute: what it sends is refused, and no link to it can be opened while NATS is away',
  replayed:
    'a link was opened with a token that had been used before: somebody reads what nodes send each other',
}

export class MeshFaults {
  readonly #ports: MeshFaultsPorts
  /** `undefined`: there is no cluster. */
  readonly #proofs: Pick<Seal, 'sign'> | undefined
  readonly #refused = new Map<string, { readonly why: MeshRefusal; readonly atMs: number }>()
  readonly #toldMs = new Map<string, number>()

  constructor(proofs: Pick<Seal, 'sign'> | undefined, ports: MeshFaultsPorts) {
    this.#proofs = proofs
    this.#ports = ports
  }

  /** The table was read. */
  look(): void {
    for (const node of this.#ports.others()) if (this.#hasOther(node)) this.#tell(node.id, 'secret', {})
  }

  /** A link was refused. `node`: as it calls itself, where it opened the link. */
  refused(direction: MeshDirection, node: string, why: MeshRefusal): void {
    this.#ports.refusals[direction][why].inc()
    this.#tell(node, why, { direction })
    // The node whose token was shown again has done nothing wrong.
    if (why === 'replayed') return
    this.#note(node, why)
  }

  /** Something else that a node has sealed was not of now. */
  clockDiffers(node: string): void {
    this.#note(node, 'clock')
    this.#tell(node, 'clock', {})
  }

  /** For operators: which nodes of the table, and why. `undefined`: none. */
  finding(): string | undefined {
    const nowMs = this.#ports.clock.monotonicMs()
    const secret: string[] = []
    const clock: string[] = []
    for (const node of this.#ports.others()) {
      const refused = this.#refused.get(node.id)
      const recently =
        refused !== undefined && nowMs - refused.atMs < REFUSED_FOR_MS ? refused.why : undefined
      if (this.#hasOther(node) || recently === 'secret') secret.push(node.id)
      else if (recently === 'clock') clock.push(node.id)
    }
    const findings = [
      ...(secret.length === 0 ? [] : [`another node.clusterSecret: ${secret.join(', ')}`]),
      ...(clock.length === 0 ? [] : [`a clock that differs: ${clock.join(', ')}`]),
    ]
    return findings.length === 0 ? undefined : `no link can be opened to nodes with ${findings.join('; ')}`
  }

  #note(node: string, why: MeshRefusal): void {
    if (!this.#refused.has(node) && this.#refused.size >= NAMES_MAX) this.#forgetSome()
    if (this.#refused.size < NAMES_MAX) {
      this.#refused.set(node, { why, atMs: this.#ports.clock.monotonicMs() })
    }
  }

  #hasOther({ id, peer }: Pick<NodeInfo, 'id' | 'peer'>): boolean {
    if (this.#proofs === undefined || peer?.proof === undefined) return false
    return peer.proof !== this.#proofs.sign(id)
  }

  #tell(node: string, why: MeshRefusal, fields: object): void {
    const key = `${why} ${node}`
    const nowMs = this.#ports.clock.monotonicMs()
    const toldMs = this.#toldMs.get(key)
    if (toldMs !== undefined && nowMs - toldMs < REMIND_MS) return
    for (const [other, atMs] of this.#toldMs) if (nowMs - atMs >= REMIND_MS) this.#toldMs.delete(other)
    if (this.#toldMs.size >= NAMES_MAX) return
    this.#toldMs.set(key, nowMs)
    this.#ports.log.warn({ other: node, ...fields }, SAYS[why])
  }

  #forgetSome(): void {
    const nowMs = this.#ports.clock.monotonicMs()
    for (const [node, { atMs }] of this.#refused)
      if (nowMs - atMs >= REFUSED_FOR_MS) this.#refused.delete(node)
  }
}
