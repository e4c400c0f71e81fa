/**
 * What is sent to the same subject in one turn of the event loop, and goes as few packets: what a packet costs, at NATS, under its
 * seal and at whoever hears it, is paid once and not for each message. Pure: whoever makes it says when a turn ends.
 *
 *   K1 every message is in one packet, once, and those of a subject are in the order in which they came
 *   K2 no packet of several is larger than was said; one message goes as it would without any of this
 *   K3 the last one of a channel goes by itself: so a node that knows no packets of several, and came a moment ago, hears of a hole
 *      at once, and fills it from the log
 */
import type { LoggedMessage } from '../protocol/message.ts'
import { ALL_BYTES, EACH_BYTES, encodeSeveral } from '../protocol/several-packet.ts'

/** What is in one is delivered in one go, and is there twice while it is made. */
const PACK_BYTES_MAX = 65_536

/** What is sent under one seal. */
export interface Pack {
  readonly subject: string
  readonly packet: Buffer
  readonly messages: readonly LoggedMessage[]
  /** It comes back to this node. */
  readonly heard: boolean
}

export interface Outgoing {
  readonly subject: string
  readonly message: LoggedMessage
  /** The message. */
  readonly packet: Buffer
  readonly heard: boolean
  /** All of the subject is of one channel (K3). */
  readonly oneChannel: boolean
}

/** What one subject is given. */
interface Given extends Pick<Outgoing, 'heard' | 'oneChannel'> {
  readonly messages: LoggedMessage[]
  readonly packets: Buffer[]
}

export class PacksOfTurn {
  readonly #given = new Map<string, Given>()

  has(subject: string): boolean {
    return this.#given.has(subject)
  }

  /** Whether it is the first one of the turn. */
  add({ subject, message, packet, heard, oneChannel }: Outgoing): boolean {
    const given = this.#given.get(subject)
    if (given === undefined) {
      this.#given.set(subject, { messages: [message], packets: [packet], heard, oneChannel })
      return this.#given.size === 1
    }
    given.messages.push(message)
    given.packets.push(packet)
    return false
  }

  /** All of it, once. `bytesMax`: of a packet without its seal. */
  take(bytesMax: number): Pack[] {
    const packs: Pack[] = []
    for (const [subject, { messages, packets, heard, oneChannel }] of this.#given) {
      const bytes = Math.min(bytesMax, PACK_BYTES_MAX)
      for (let from = 0; from < packets.length;) {
        const to = endOfPack(packets, from, bytes, oneChannel)
        const packet = to === from + 1 ? (packets[from] as Buffer) : encodeSeveral(packets.slice(from, to))
        packs.push({ subject, packet, messages: messages.slice(from, to), heard })
        from = to
      }
    }
    this.#given.clear()
    return packs
  }
}

function endOfPack(packets: readonly Buffer[], from: number, bytesMax: number, lastAlone: boolean): number {
  const end = lastAlone ? packets.length - 1 : packets.length
  let bytes = ALL_BYTES
  let to = from
  for (; to < end; to++) {
    bytes += EACH_BYTES + (packets[to] as Buffer).length
    if (bytes > bytesMax) break
  }
  return Math.max(to, from + 1)
}
