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
import { writeMessage } from '../protocol/packet.ts'
import { ALL_BYTES, EACH_BYTES, writeSeveral } from '../protocol/several-packet.ts'

/** What is in one is delivered in one go, and is there twice while it is made. */
const PACK_BYTES_MAX = 65_536

/** What is sent under one seal. */
export interface Pack {
  readonly subject: string
  readonly messages: readonly LoggedMessage[]
  /** Of its packet. */
  readonly bytes: number
  /** It comes back to this node. */
  readonly heard: boolean
}

export interface Outgoing {
  readonly subject: string
  readonly message: LoggedMessage
  /** Of a packet of its own. */
  readonly bytes: number
  readonly heard: boolean
  /** All of the subject is of one channel (K3). */
  readonly oneChannel: boolean
}

/** What one subject is given. */
interface Given extends Pick<Outgoing, 'heard' | 'oneChannel'> {
  readonly messages: LoggedMessage[]
  readonly sizes: number[]
}

/** The packet of a pack, to where there is room for it. */
export function writePack({ messages }: Pack, into: Buffer, at: number): void {
  if (messages.length === 1) writeMessage(into, at, messages[0] as LoggedMessage)
  else writeSeveral(into, at, messages, writeMessage)
}

export class PacksOfTurn {
  readonly #given = new Map<string, Given>()

  has(subject: string): boolean {
    return this.#given.has(subject)
  }

  /** Whether it is the first one of the turn. */
  add({ subject, message, bytes, heard, oneChannel }: Outgoing): boolean {
    const given = this.#given.get(subject)
    if (given === undefined) {
      this.#given.set(subject, { messages: [message], sizes: [bytes], heard, oneChannel })
      return this.#given.size === 1
    }
    given.messages.push(message)
    given.sizes.push(bytes)
    return false
  }

  /** All of it, once. `bytesMax`: of a packet without its seal. */
  take(bytesMax: number): Pack[] {
    const packs: Pack[] = []
    for (const [subject, { messages, sizes, heard, oneChannel }] of this.#given) {
      const max = Math.min(bytesMax, PACK_BYTES_MAX)
      for (let from = 0; from < sizes.length;) {
        const { to, bytes } = endOfPack(sizes, from, max, oneChannel)
        packs.push({ subject, messages: messages.slice(from, to), bytes, heard })
        from = to
      }
    }
    this.#given.clear()
    return packs
  }
}

/** Where it ends that begins at `from`, and the bytes of its packet. */
function endOfPack(
  sizes: readonly number[],
  from: number,
  bytesMax: number,
  lastAlone: boolean,
): { readonly to: number; readonly bytes: number } {
  const end = lastAlone ? sizes.length - 1 : sizes.length
  let bytes = ALL_BYTES
  let to = from
  for (; to < end; to++) {
    const more = EACH_BYTES + (sizes[to] as number)
    if (bytes + more > bytesMax) break
    bytes += more
  }
  return to > from + 1 ? { to, bytes } : { to: from + 1, bytes: sizes[from] as number }
}
