/**
 * Seals what a node sends through the backbone, and opens what comes. Whoever else can reach the servers can read and drop what
 * nodes say, and no more:
 *
 *   P1 a packet is opened at the subject that it was sealed for, by a node that knows the secret, and nothing of it was changed
 *   P2 it is opened once, and within a minute of when it was sent
 *   P3 whatever comes, nothing fails and nothing is kept of what is not from a node of the cluster
 */
import type { Clock } from '../clock.ts'
import { FreshnessWindow } from '../freshness.ts'
import { decodeSealed, encodeSealed, MAC_BYTES } from '../protocol/sealed-packet.ts'
import { Seal } from '../seal.ts'

/**
 * `bare`: no sealed packet, as of a node of another version. `secret`: of somebody who does not know the secret, or changed on
 * its way. `clock`: of a node, but not of now. `replayed`: it was here before.
 */
export type PacketRefusal = 'bare' | 'secret' | 'clock' | 'replayed'

export type Opened =
  | { readonly kind: 'packet'; readonly from: string; readonly packet: Buffer }
  | {
      readonly kind: 'refused'
      readonly why: PacketRefusal
      /** As the packet says; true where `why` is `clock` or `replayed`. */
      readonly from: string | undefined
    }

export class SealedPackets {
  readonly #node: string
  readonly #seal: Seal
  readonly #clock: Pick<Clock, 'now'>
  readonly #seen = new FreshnessWindow()
  #number = 0

  constructor(secret: string, node: string, clock: Pick<Clock, 'now'>) {
    this.#node = node
    this.#seal = new Seal(secret, 'packet', MAC_BYTES)
    this.#clock = clock
  }

  seal(subject: string, packet: Uint8Array): Buffer {
    const sealed = encodeSealed(this.#node, this.#clock.now(), ++this.#number, packet)
    const macAt = sealed.length - MAC_BYTES
    sealed.set(this.#seal.macOf(sealed.subarray(0, macAt), subject), macAt)
    return sealed
  }

  open(subject: string, bytes: Buffer): Opened {
    const sealed = decodeSealed(bytes)
    if (sealed === undefined) return { kind: 'refused', why: 'bare', from: undefined }
    const { sender, time, number, packet, covered, mac } = sealed
    if (!this.#seal.holds(mac, covered, subject)) return { kind: 'refused', why: 'secret', from: sender }
    const freshness = this.#seen.judge(sender, number, time, this.#clock.now())
    if (freshness !== 'good') return { kind: 'refused', why: freshness, from: sender }
    return { kind: 'packet', from: sender, packet }
  }
}
