/**
 * The cursor of one stream: the places of its channels, and who it belongs to.
 */
import { isInbox, publicName } from '../protocol/channel.ts'
import { composeCursor, cursorEnd, cursorSegment, tagOf } from '../protocol/cursor.ts'
import type { Position } from '../protocol/position.ts'
import { ticketSegment, type Ticket } from '../protocol/ticket.ts'

export class StreamCursor {
  /** Names the owner of each cursor. */
  #ticket: Ticket
  /** The channels' parts, by internal name. */
  readonly #segments = new Map<string, string>()

  constructor(ticket: Ticket) {
    this.#ticket = ticket
  }

  get ticket(): Ticket {
    return this.#ticket
  }

  renew(ticket: Ticket): void {
    this.#ticket = ticket
  }

  move(channel: string, position: Position | undefined): void {
    if (position !== undefined)
      this.#segments.set(channel, cursorSegment(tagOf(publicName(channel)), position))
  }

  leave(channel: string): void {
    this.#segments.delete(channel)
  }

  text(departure = ''): string {
    return composeCursor(this.#segments.values(), this.#ticket.owner, ticketSegment(this.#ticket) + departure)
  }

  /** What stands behind the channels that a group has in common: the inbox's place, the ticket, the owner, and the empty line. */
  suffix(): Uint8Array {
    let inbox = ''
    for (const [channel, segment] of this.#segments) if (isInbox(channel)) inbox = segment
    const own = inbox + ticketSegment(this.#ticket)
    return Buffer.from(`${cursorEnd(own, this.#ticket.owner)}\n\n`, 'latin1')
  }
}
