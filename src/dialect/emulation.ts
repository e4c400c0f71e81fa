/**
 * How a protocol of sockets is spoken over plain requests: one whose answer stays open brings frames to the client, and what the
 * client sends comes by requests of its own, to any node. Pure.
 */
import type { Dialect, Hello } from './dialect.ts'
import type { RequestHead, ResponseHeaders } from '../drivers/uws.ts'

/** How frames stand in an answer that stays open. One for all clients of a route: a message is put in form once for those who get it. */
export interface Framing {
  readonly headers: ResponseHeaders
  /** Written at once, so that the client and the proxies on the way see that the answer has begun; empty: nothing. */
  readonly opening: string
  /** What clients pass over: it pushes out the rest of a slow one's buffer. */
  readonly filler: string
  frame(message: Uint8Array | string): Uint8Array
  /** The last words; the answer ends behind them. */
  closing(code: number, reason: string): Uint8Array
}

/** How a client that cannot send on its connection names it in requests of its own, to any node. */
export interface Named {
  /** Opens the connection to whoever has it. */
  readonly credential: string
  /** That holds the connection. */
  readonly node: string
}

/** What a request that opens an answer says. */
export interface Opens {
  readonly hello: Hello
  readonly framing: Framing
  /** What a socket would bring as its first frame. */
  readonly first: { readonly frame: ArrayBuffer; readonly binary: boolean }
}

/** What a request says that brings frames of a client. */
export interface Brings {
  /** As its answer has named it to the client. */
  readonly credential: string
  /** A line for each frame: JSON as it is, and a binary one in base64. */
  readonly lines: string
}

/** Requests that open an answer. `read` fails with `bad_request`. */
export interface OpeningRequests {
  readonly kind: 'opens'
  readonly dialect: Dialect
  readonly methods: readonly ('GET' | 'POST')[]
  /** `named`: what the client is to be told. */
  read(head: RequestHead, body: Buffer, named: Named): Opens
}

/** Requests that bring frames. `read` fails with `bad_request`. */
export interface BringingRequests {
  readonly kind: 'brings'
  readonly methods: readonly ['POST']
  read(head: RequestHead, body: Buffer): Brings
}

export type EmulationRequests = OpeningRequests | BringingRequests
