/**
 * Seals what a node sends through the backbone, and opens what comes. Whoever else can reach the servers can read and drop what
 * nodes say, and no more:
 *
 *   P1 a packet is opened at the subject that it was sealed for, by a node that knows the secret, and nothing of it was changed
 *   P2 it is opened once, and within a minute of when it was sent
 *   P3 whatever comes, nothing fails and nothing is kept of what is not from a node of the cluster
 *   P4 of its own packet a node reads the number alone, and has its messages as they were sent: whoever else uses that number changes no
 *      more than when it is heard
 */
import { Echoes } from './echoes.ts'
import type { Clock } from '../clock.ts'
import { FreshnessWindow } from '../freshness.ts'
import {
  decodeSealed,
  encodeSealed,
  MAC_BYTES,
  numberOf,
  packetAt,
  sealBytes,
} from '../protocol/sealed-packet.ts'
import type { Message } from '../protocol/message.ts'
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
  /** What the seal adds to a packet. */
  readonly sealBytes: number
  readonly #node: string
  readonly #nodeBytes: Buffer
  readonly #seal: Seal
  readonly #clock: Pick<Clock, 'now'>
  readonly #seen = new FreshnessWindow()
  readonly #echoes = new Echoes()
  /** Of the last one. */
  #number = 0
  #sealedMs = 0

  constructor(secret: string, node: string, clock: Pick<Clock, 'now'>) {
    this.sealBytes = sealBytes(node)
    this.#node = node
    this.#nodeBytes = Buffer.from(node)
    this.#seal = new Seal(secret, 'packet', MAC_BYTES)
    this.#clock = clock
  }

  seal(subject: string, packet: Uint8Array): Buffer {
    return this.sealWritten(subject, packet.length, (into, at) => into.set(packet, at))
  }

  /** A packet that is written where it goes. */
  sealWritten(subject: string, bytes: number, write: (into: Buffer, at: number) => void): Buffer {
    this.#sealedMs = this.#clock.now()
    const sealed = encodeSealed(this.#nodeBytes, this.#sealedMs, ++this.#number, bytes)
    write(sealed, packetAt(this.#nodeBytes))
    const macAt = sealed.length - MAC_BYTES
    sealed.set(this.#seal.macOf(sealed.subarray(0, macAt), subject), macAt)
    return sealed
  }

  /** This node hears what it has sealed last: `echoOf` tells what it was. */
  hears(subject: string, messages: readonly Message[]): void {
    this.#echoes.keep({ number: this.#number, subject, messages, sentMs: this.#sealedMs })
  }

  /** Nothing comes back of what was sealed so far. */
  silence(): void {
    this.#echoes.clear()
  }

  /** What this node has sealed itself, once, and within a minute as any other; `undefined`: it is to be opened. */
  echoOf(subject: string, bytes: Buffer): readonly Message[] | undefined {
    const number = numberOf(bytes, this.#nodeBytes)
    const echo = number === 0 ? undefined : this.#echoes.take(number, subject)
    if (echo === undefined) return undefined
    const freshness = this.#seen.judge(this.#node, number, echo.sentMs, this.#clock.now())
    return freshness === 'good' ? echo.messages : undefined
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
