/**
 * How a ticket is written: the proof that a client was here before (`admission/tickets.ts`).
 *
 *   ticket  = owner "." hour "." mac                 in `welcome`, and in the URL of a WebSocket that comes back
 *   segment = "~-ticket-" hour "." mac               within a cursor, whose last part is the owner
 *
 * `owner` is 8 characters that stand for the user, `hour` counts hours since 1970 in base 36, `mac` is 16 hexadecimal digits.
 * The segment has the form of one of a channel that nobody asks for, so that nodes which do not know it read over it.
 */

/** As long as a channel's tag. */
export const TICKET_TAG = '-ticket-'
const TICKET = /^([A-Za-z0-9_-]{8})\.([0-9a-z]{1,6})\.([0-9a-f]{16})$/
/** At the end of a cursor; only where its client was sent away, that stands between. */
const IN_CURSOR =
  /~-ticket-([0-9a-z]{1,6})\.([0-9a-f]{16})(?:~-moved-[0-9a-z]{2,12}\.[A-Za-z0-9]{1,32})?~([A-Za-z0-9_-]{8})$/
/** The longest that `IN_CURSOR` finds. */
const IN_CURSOR_LENGTH_MAX = 100

export interface Ticket {
  readonly owner: string
  /** Since 1970. */
  readonly hour: number
  readonly mac: string
}

export function ticketText({ owner, hour, mac }: Ticket): string {
  return `${owner}.${hour.toString(36)}.${mac}`
}

/** The part of a cursor, with its separator. */
export function ticketSegment({ hour, mac }: Ticket): string {
  return `~${TICKET_TAG}${hour.toString(36)}.${mac}`
}

/** Of any text. */
export function readTicket(text: string): Ticket | undefined {
  const [, owner, hour, mac] = TICKET.exec(text) ?? []
  return ticketOf(owner, hour, mac)
}

/** Of any text: what is no cursor has none, and one of earlier days has none. */
export function ticketIn(cursor: string): Ticket | undefined {
  const [, hour, mac, owner] = IN_CURSOR.exec(cursor.slice(-IN_CURSOR_LENGTH_MAX)) ?? []
  return ticketOf(owner, hour, mac)
}

function ticketOf(
  owner: string | undefined,
  hour: string | undefined,
  mac: string | undefined,
): Ticket | undefined {
  if (owner === undefined || hour === undefined || mac === undefined) return undefined
  return { owner, hour: Number.parseInt(hour, 36), mac }
}
