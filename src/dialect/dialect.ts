/**
 * A wire protocol of clients, and what it needs of the rooms around it. One object per node; what is of one connection is in
 * its conversation.
 *
 *  D1 a message, a reset and an event have one form for all clients of a form, made once per node (`Form`)
 *  D2 each reason to close has a code, and what it says before it closes; what the protocol cannot say is refused by name
 *  D3 a conversation hands each request to a verb of the session, and answers each: the verbs decide, it only words
 *  D4 nothing that a client sends throws: it is answered, or the link ends
 */
import type { Answer } from '../answer.ts'
import type { RequestHead } from '../drivers/uws.ts'
import type { Closing, CloseReason } from '../errors.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Data, Form, Written } from '../protocol/form.ts'
import type { Ticket } from '../protocol/ticket.ts'
import type { Connection, MoveOrder, UnsubscribedBy } from '../session/connection.ts'
import type { Identity } from '../session/ports.ts'
import type { Entry } from '../presence/info.ts'
import type { Session } from '../session/session.ts'
import type { ConnectRequest } from '../session/sessions.ts'
import type { Start, Welcome } from '../session/welcome.ts'

/** What may be asked before there is a session. */
export interface Reception {
  /**
   * The user of a token; `nobody`, where that is given and it names none. Fails with `unauthorized` or `unavailable`. A dialect may prove
   * who somebody is in its own way instead. At once where nobody has to be asked about it; a failure is always a promise.
   */
  identify(token: string | undefined, nobody?: string): Answer<Identity>
  /** What another token says, which a connected user brings for one thing. Fails with `unauthorized`, `forbidden` or `unavailable`. */
  prove(token: string, user: string, nobody?: string): Promise<Identity>
  /**
   * Makes a link the holder of a session; `joined` is called on it, then messages follow. Answers `undefined` if the link closed
   * meanwhile. Fails with a `SluiceError` or a `Closing`.
   */
  connect(link: Connection, identity: Identity, request: ConnectRequest): Promise<Session | undefined>
}

/** Who can be told something. */
export interface Teller {
  /** To this client alone, behind everything before it. `name`: what a stream calls the event. */
  say(text: string, name: string): void
}

/** The connection of one client, as its conversation sees it. */
export interface Link extends Connection, Teller {
  /** Once it has joined. */
  readonly session: Session | undefined
  write(written: Written): void
  /** The client has said who it is, or need not: it is no stranger that holds a place any more. */
  introduced(): void
  /** One more of what stands in a frame with others: it counts as a frame, and may be the one too many by which the link ends. */
  another(): void
  /** Its token was not good: an address that tries tokens waits. */
  charge(why: 'token'): void
}

export interface Conversation<D extends Data = Data> {
  /** How messages go to the client. The same for as long as it has a session. */
  readonly form: Form<D>
  /** The link is there: for protocols in which the server speaks first. */
  opened(link: Link): void
  /** A frame of the client's, within the limits. The bytes are lent for the time of the call. Never throws. */
  received(link: Link, message: ArrayBuffer, binary: boolean): void
  /** As of a connection. Answers who goes on: one that holds nothing of this client may serve all of them. */
  joined(link: Link, session: Session, welcome: Welcome): Conversation<D>
  subscribed(link: Teller, channel: string, start: Start): void
  unsubscribed(link: Teller, channel: string, why: UnsubscribedBy): void
  /** As of a connection. */
  entryIn?(session: Session, channel: string, said: string | undefined): Entry | undefined
  reauth(link: Link, deadlineMs: number): void
  move(link: Link, order: MoveOrder): 'asked' | 'leaves'
  reset(link: Link, reset: EncodedReset): void
  /** The link has gone, before it joined or after. */
  gone(): void
}

/** The last words of a WebSocket. */
export interface Farewell {
  /** Said before the close frame. */
  readonly text: string | undefined
  /** Cut to the 123 bytes that there is room for. */
  readonly reason: string
  /** Where one reason has several codes. Absent: that of `closeCodes`. */
  readonly code?: number
}

/** What a handshake says. */
export interface Hello {
  readonly token: string | undefined
  /** Shows that the client was here before, so that it goes before newcomers. */
  readonly ticket: Ticket | undefined
  /** How often a client that moves was turned away; `undefined`: it does not move. */
  readonly turns: number | undefined
  /** Of what is offered, the one that is spoken; empty: none was offered. */
  readonly subprotocol: string
}

export interface Dialect {
  readonly name: string
  /** How a client that is not let in is told: by the status of its handshake, or accepted and closed in the dialect's words. */
  readonly refuses: 'handshake' | ((closing: Closing, hello: Hello) => Closing)
  /** Fails with `bad_request` where it is no handshake of this protocol, or with a `Closing` of its own words. */
  hello(head: RequestHead): Hello
  converse(hello: Hello): Conversation<Buffer>
  /** Of each reason. */
  readonly closeCodes: Readonly<Record<CloseReason, number>>
  /** `conversation`: as it is now; of a client that was not let in, none of the dialect's. */
  farewell(closing: Closing, conversation: Conversation): Farewell
}

/** A dialect of streams and polls: nothing comes in over them, so one conversation serves all. */
export interface StreamDialect {
  readonly name: string
  readonly streams: Conversation<string>
  /** The last event of a stream. `to`: where to come back to. */
  closing(
    closing: Pick<Closing, 'code' | 'message'>,
    to?: string,
  ): { readonly name: string; readonly text: string }
}
