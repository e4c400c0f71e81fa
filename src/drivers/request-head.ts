/**
 * The head of a request, copied before the handler returns: uWebSockets.js reuses its memory.
 *
 * Lines of one name are one list (RFC 9110, section 5.3), whatever proxies made of it; what can be there once only and differs
 * between two lines is a fault, since two readers of it would disagree about what was asked (RFC 9112, section 11.2).
 */
import type { Native } from './uws-binary.ts'

/** How lines of one name come together. */
type Repeated =
  /** One list, separated by commas. */
  | 'list'
  /** Pairs, separated by semicolons (RFC 6265, section 5.4; HTTP/2 splits them into lines). */
  | 'pairs'
  /** Equal lines count as one, others are a fault. */
  | 'once'
  /** A second line is a fault, whatever it says (RFC 9112, section 3.2). */
  | 'single'

/** The headers that some room reads, in one pass over those that came. */
const HEADERS = {
  'if-none-match': 'once',
  accept: 'list',
  'accept-encoding': 'list',
  authorization: 'once',
  connection: 'list',
  'content-length': 'once',
  'content-type': 'once',
  cookie: 'pairs',
  host: 'single',
  'last-event-id': 'once',
  origin: 'once',
  'access-control-request-method': 'once',
  'access-control-request-headers': 'list',
  'sec-websocket-extensions': 'list',
  'sec-websocket-key': 'once',
  'sec-websocket-protocol': 'list',
  'sec-websocket-version': 'once',
  traceparent: 'list',
  trailer: 'list',
  'transfer-encoding': 'list',
  upgrade: 'list',
  'x-api-key': 'once',
  'x-forwarded-for': 'list',
  'sluice-caller': 'once',
  'sluice-link': 'once',
  'sluice-node': 'once',
  'x-request-id': 'once',
  'x-sluice-node': 'once',
} as const satisfies Record<string, Repeated>

export type HeaderName = keyof typeof HEADERS
type Headers = Readonly<Partial<Record<HeaderName, string>>>

interface Known {
  /** As it is here: a text that the library has just made is slower to store by. */
  readonly name: HeaderName
  readonly repeated: Repeated
}

/**
 * By length, one or a few of each: to compare a name that the library has just made with these takes a third of what a table takes to hash it.
 */
const KNOWN: readonly (readonly Known[])[] = knownByLength()

function knownByLength(): readonly (readonly Known[])[] {
  const known = Object.entries(HEADERS).map(([name, repeated]) => ({ name: name as HeaderName, repeated }))
  const longest = Math.max(...known.map(({ name }) => name.length))
  return Array.from({ length: longest + 1 }, (_, length) =>
    known.filter(({ name }) => name.length === length),
  )
}

function knownOf(given: string): Known | undefined {
  const { length } = given
  if (length >= KNOWN.length) return undefined
  for (const known of KNOWN[length] as readonly Known[]) if (known.name === given) return known
  return undefined
}

/** It comes in small letters. The two that are many are compared, which asks no table. */
function methodOf(given: string): string {
  if (given === 'post') return 'POST'
  return given === 'get' ? 'GET' : given.toUpperCase()
}

export interface RequestHead {
  /** In capitals. */
  readonly method: string
  readonly path: string
  /** Without the question mark; empty where there is none. */
  readonly query: string
  readonly headers: Headers
  /**
   * The peer's address as text; an IPv4 peer of a dual-stack listener reads as IPv4. Both addresses are looked up when first
   * asked for: empty where the peer was answered, or had gone, before that.
   */
  readonly remoteAddress: string
  /** What a PROXY header in front of the request says, empty without one. Whoever connects may have written it. */
  readonly proxiedAddress: string
  /** What is wrong with it, for whoever sent it. Nothing of such a request can be trusted, and nothing comes after it. */
  readonly fault: string | undefined
}

export function copyHead(response: Native.HttpResponse, request: Native.HttpRequest): RequestHead {
  const headers: Partial<Record<HeaderName, string>> = {}
  let fault: string | undefined
  request.forEach((given, value) => {
    const known = knownOf(given)
    if (known === undefined) return
    const { name, repeated } = known
    const earlier = headers[name]
    if (earlier === undefined) headers[name] = value
    else if (repeated === 'list') headers[name] = `${earlier}, ${value}`
    else if (repeated === 'pairs') headers[name] = `${earlier}; ${value}`
    else if (repeated === 'single' || earlier !== value) fault = `there is more than one header ${name}`
  })
  return new CopiedHead(response, {
    method: methodOf(request.getMethod()),
    path: request.getUrl(),
    query: request.getQuery() ?? '',
    headers,
    fault: fault ?? framingFault(headers),
  })
}

class CopiedHead implements RequestHead {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly fault: string | undefined
  readonly #response: Native.HttpResponse
  #remote: string | undefined
  #proxied: string | undefined

  constructor(
    response: Native.HttpResponse,
    { method, path, query, headers, fault }: Omit<RequestHead, 'remoteAddress' | 'proxiedAddress'>,
  ) {
    this.method = method
    this.path = path
    this.query = query
    this.headers = headers
    this.fault = fault
    this.#response = response
  }

  get remoteAddress(): string {
    return (this.#remote ??= read(this.#response, false))
  }

  get proxiedAddress(): string {
    return (this.#proxied ??= read(this.#response, true))
  }
}

function read(response: Native.HttpResponse, proxied: boolean): string {
  try {
    const text = proxied ? response.getProxiedRemoteAddressAsText() : response.getRemoteAddressAsText()
    return addressText(Buffer.from(text).toString('latin1'))
  } catch {
    // The library throws once the peer was answered or has gone.
    return ''
  }
}

/** Of what says where the body ends: uWebSockets.js takes no Content-Length for 0 and any coding for `chunked`. */
function framingFault(headers: Headers): string | undefined {
  const length = headers['content-length']
  const coding = headers['transfer-encoding']
  if (length !== undefined && !isDigits(length)) return 'Content-Length is not a number'
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return 'Transfer-Encoding can only be chunked here'
  return undefined
}

/** A loop over a few characters: a regular expression is a call out of what V8 has compiled. */
function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return false
  }
  return text.length > 0
}

/**
 * Whether the connection is closed behind the answer: the peer wants it (RFC 9112, section 9.6), or says that a trailer
 * follows, which the older binary takes for the beginning of the next request.
 */
export function wantsClose({ connection, trailer }: Headers): boolean {
  if (trailer !== undefined) return true
  return connection !== undefined && connection !== 'keep-alive' && has(connection, 'close')
}

/** 16 bytes in base64: the last digit before the padding has four bits that are used. */
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** What an opening handshake lacks of what RFC 6455, section 4.2.1 asks for; the parser has seen to GET and Host. */
export function handshakeFault(
  head: RequestHead,
): { readonly status: 400 | 426; readonly message: string } | undefined {
  const { upgrade = '', connection = '' } = head.headers
  if (head.fault !== undefined) return { status: 400, message: head.fault }
  if (upgrade !== 'websocket' && !has(upgrade, 'websocket'))
    return { status: 400, message: 'Upgrade does not say websocket' }
  if (connection !== 'Upgrade' && !has(connection, 'upgrade'))
    return { status: 400, message: 'Connection does not say Upgrade' }
  if (head.headers['sec-websocket-version'] !== '13')
    return { status: 426, message: 'WebSocket version 13 is spoken here' }
  if (!WEBSOCKET_KEY.test(head.headers['sec-websocket-key'] ?? ''))
    return { status: 400, message: 'Sec-WebSocket-Key is not 16 bytes in base64' }
  return undefined
}

function has(list: string, token: string): boolean {
  return list.split(',').some((item) => item.trim().toLowerCase() === token)
}

const MAPPED_IPV4 = /^(?:0000:){5}ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/

/** `::ffff:a.b.c.d`, as a dual-stack listener shows an IPv4 peer (RFC 4291, section 2.5.5.2), as IPv4. */
export function addressText(text: string): string {
  // The short form of an IPv4 peer, as most are seen.
  if (!text.includes(':')) return text
  const mapped = MAPPED_IPV4.exec(text)
  return mapped === null
    ? text
    : mapped
        .slice(1)
        .map((hex) => Number.parseInt(hex, 16))
        .join('.')
}
