/** What both listeners do with the bytes of HTTP/1.1. */
import { PUBLISH, PUBLISHED, type Expected, type HttpCase } from './http-case.ts'

const REFUSED: Expected = { status: 400, body: /"bad_request"/, headers: { connection: /^close$/i } }
const LIVE: Expected = { status: 200, headers: { 'keep-alive': /^timeout=\d+$/ } }
const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: x\r\n'
const POLL = 'GET /v1/poll?channels=c&wait=0 HTTP/1.1\r\nHost: x\r\n'
const POLLED: Expected = { status: 200, body: /"cursor"/ }
const LENGTH = 'Content-Length: 24\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

const bytewise = (text: string): string[] => Array.from(text, (byte) => `1\r\n${byte}\r\n`)

const FRAMING: readonly HttpCase[] = [
  {
    name: 'a body by its length',
    to: 'api',
    send: `${PUBLISH}${LENGTH}\r\n{message}`,
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'the body in a segment of its own',
    to: 'api',
    send: [`${PUBLISH}${LENGTH}\r\n`, '{message}'],
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'equal lengths count as one',
    to: 'api',
    send: `${PUBLISH}${LENGTH}${LENGTH}\r\n{message}`,
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'lengths that differ are refused',
    to: 'api',
    send: `${PUBLISH}${LENGTH}Content-Length: 3\r\n\r\n{message}`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'a shorter length first as well',
    to: 'api',
    send: `${PUBLISH}Content-Length: 3\r\n${LENGTH}\r\n{message}`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'lengths that differ are refused',
    to: 'public',
    send: `${POLL}Content-Length: 0\r\nContent-Length: 1\r\n\r\n`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'an empty length is refused',
    to: 'api',
    send: `${PUBLISH}Content-Length: \r\n\r\n{message}`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'a body in chunks',
    to: 'api',
    send: `${PUBLISH}${CHUNKED}\r\n18\r\n{message}\r\n0\r\n\r\n`,
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'chunks of one byte, each in a segment of its own',
    to: 'api',
    send: [`${PUBLISH}${CHUNKED}\r\n`, ...bytewise('{"channel":"c","data":1}'), '0\r\n\r\n'],
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'a size with zeros in front and capitals',
    to: 'api',
    send: `${PUBLISH}transfer-encoding: Chunked\r\n\r\n0000A\r\n{"channel"\r\n00e\r\n:"c","data":1}\r\n00\r\n\r\n`,
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'a trailer behind the chunks, announced',
    to: 'api',
    send: `${PUBLISH}${CHUNKED}Trailer: X-Sum\r\n\r\n18\r\n{message}\r\n0\r\nX-Sum: 1\r\n\r\n`,
    answers: [PUBLISHED],
    after: 'closed',
  },
  {
    name: 'a coding that is not chunked is refused',
    to: 'api',
    send: `${PUBLISH}Transfer-Encoding: gzip, chunked\r\n\r\n18\r\n{message}\r\n0\r\n\r\n`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'codings in two lines too',
    to: 'api',
    send: `${PUBLISH}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n18\r\n{message}\r\n0\r\n\r\n`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'a body that nobody asked for is passed over',
    to: 'public',
    send: `${POLL}Authorization: Bearer {token}\r\nContent-Length: 5\r\n\r\nhello`,
    answers: [POLLED],
    after: 'open',
  },
  {
    name: 'two requests in one segment',
    to: 'api',
    send: `${LIVEZ}\r\n${LIVEZ}\r\n`,
    answers: [LIVE, LIVE],
    after: 'open',
  },
  {
    name: 'two publishes in one segment, on a node of its own',
    to: 'api',
    send: `${PUBLISH}${LENGTH}\r\n{message}${PUBLISH}${LENGTH}\r\n{message}`,
    answers: [PUBLISHED, PUBLISHED],
    after: 'open',
  },
  {
    name: 'the end right behind a request, on a node of its own',
    to: 'api',
    send: `${PUBLISH}${LENGTH}\r\n{message}`,
    fin: true,
    answers: [PUBLISHED],
    after: 'closed',
  },
]

const HEADERS: readonly HttpCase[] = [
  {
    name: 'two hosts are refused',
    to: 'public',
    send: `${POLL}Host: x\r\n\r\n`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'two hosts are refused',
    to: 'api',
    send: `${LIVEZ}Host: y\r\n\r\n`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'two different keys are refused',
    to: 'api',
    send: `${PUBLISH}Authorization: Bearer other\r\n${LENGTH}\r\n{message}`,
    answers: [REFUSED],
    after: 'closed',
  },
  {
    name: 'equal keys count as one',
    to: 'api',
    send: `${PUBLISH}Authorization: Bearer {key}\r\n${LENGTH}\r\n{message}`,
    answers: [PUBLISHED],
    after: 'open',
  },
  {
    name: 'cookies in several lines',
    to: 'public',
    send: `${POLL}Cookie: a=b\r\nCookie: sluice_token={token}\r\nCookie: c=d\r\n\r\n`,
    answers: [POLLED],
    after: 'open',
  },
  {
    name: 'subprotocols in several lines',
    to: 'public',
    send: 'GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: other\r\nSec-WebSocket-Protocol: sluice.v1\r\n\r\n',
    answers: [{ status: 101, headers: { 'sec-websocket-protocol': /^sluice\.v1$/ } }],
    after: 'upgraded',
  },
  {
    name: '100 Continue before a body',
    to: 'api',
    send: [`${PUBLISH}Expect: 100-continue\r\n${LENGTH}\r\n`, '{message}'],
    answers: [{ status: 100 }, PUBLISHED],
    after: 'open',
  },
  {
    name: 'Connection: close',
    to: 'api',
    send: `${LIVEZ}Connection: close\r\n\r\n`,
    answers: [{ status: 200, headers: { 'keep-alive': undefined } }],
    after: 'closed',
  },
  {
    name: 'close among others',
    to: 'api',
    send: `${LIVEZ}Connection: te, Close\r\n\r\n`,
    answers: [{ status: 200, headers: { connection: /^close$/i, 'keep-alive': undefined } }],
    after: 'closed',
  },
  {
    name: 'close in a line of its own',
    to: 'public',
    send: `${POLL}Authorization: Bearer {token}\r\nConnection: te\r\nConnection: close\r\n\r\n`,
    answers: [{ ...POLLED, headers: { 'keep-alive': undefined } }],
    after: 'closed',
  },
  {
    name: 'an empty Host',
    to: 'api',
    send: 'GET /livez HTTP/1.1\r\nHost:\r\n\r\n',
    answers: [LIVE],
    after: 'open',
  },
]

const HEAD: Expected = { status: 200, head: true }
const allow = (methods: RegExp): Expected => ({
  status: 204,
  headers: { allow: methods, 'content-length': undefined },
})

const METHODS: readonly HttpCase[] = [
  {
    name: 'HEAD of a probe',
    to: 'api',
    send: 'HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ ...HEAD, headers: { 'content-length': /^[1-9]/ } }],
    after: 'open',
  },
  {
    name: 'HEAD of the metrics',
    to: 'api',
    send: 'HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ ...HEAD, headers: { 'content-type': /^text\/plain/ } }],
    after: 'open',
  },
  {
    name: 'HEAD of what takes POST',
    to: 'api',
    send: 'HEAD /v1/publish HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ status: 405, head: true, headers: { allow: /^POST, OPTIONS$/ } }],
    after: 'open',
  },
  {
    name: 'HEAD of nothing',
    to: 'public',
    send: 'HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ status: 404, head: true }],
    after: 'open',
  },
  {
    name: 'HEAD of a stream begins none',
    to: 'public',
    send: 'HEAD /v1/sse?channels=c&token={token} HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ ...HEAD, headers: { 'content-type': /^text\/event-stream$/, 'content-length': undefined } }],
    after: 'open',
  },
  {
    name: 'HEAD of a stream needs a token too',
    to: 'public',
    send: 'HEAD /v1/sse?channels=c HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ status: 401, head: true }],
    after: 'open',
  },
  {
    name: 'HEAD of a poll does not wait',
    to: 'public',
    send: 'HEAD /v1/poll?channels=c&wait=120&token={token} HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ ...HEAD, headers: { 'content-type': /^application\/json$/ } }],
    after: 'open',
  },
  {
    name: 'HEAD of a WebSocket',
    to: 'public',
    send: 'HEAD /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ status: 400, head: true }],
    after: 'open',
  },
  {
    name: 'OPTIONS of a publish',
    to: 'api',
    send: 'OPTIONS /v1/publish HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [allow(/^POST, OPTIONS$/)],
    after: 'open',
  },
  {
    name: 'OPTIONS of a probe',
    to: 'api',
    send: 'OPTIONS /livez HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [allow(/^GET, HEAD, OPTIONS$/)],
    after: 'open',
  },
  ...['/v1/sse', '/v1/poll', '/v1/ws'].map((path): HttpCase => ({
    name: `OPTIONS of ${path}`,
    to: 'public',
    send: `OPTIONS ${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
    answers: [allow(/^GET, HEAD, OPTIONS$/)],
    after: 'open',
  })),
  ...['/v1/sse', '/v1/poll', '/v1/ws'].map((path): HttpCase => ({
    name: `POST to ${path}`,
    to: 'public',
    send: `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
    answers: [{ status: 405, headers: { allow: /^GET, HEAD, OPTIONS$/ } }],
    after: 'open',
  })),
  {
    name: 'OPTIONS of nothing',
    to: 'public',
    send: 'OPTIONS /nothing HTTP/1.1\r\nHost: x\r\n\r\n',
    answers: [{ status: 404 }],
    after: 'open',
  },
]

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
function handshake(headers: Readonly<Record<string, string | undefined>>, method = 'GET'): string {
  const all = {
    Host: 'x',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...headers,
  }
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} /v1/ws HTTP/1.1\r\n${lines.join('')}\r\n`
}
const lacking = (body: RegExp, status = 400): readonly Expected[] => [{ status, body }]

const refused = (
  what: string,
  headers: Parameters<typeof handshake>[0],
  answers: readonly Expected[],
): HttpCase => ({
  name: `a handshake ${what}`,
  to: 'public',
  send: handshake(headers),
  answers,
  after: 'open',
})

/** RFC 6455, section 4.2.1. */
const HANDSHAKES: readonly HttpCase[] = [
  refused('without Upgrade', { Upgrade: undefined }, lacking(/Upgrade does not say websocket/)),
  refused('that upgrades to something else', { Upgrade: 'h2c' }, lacking(/Upgrade does not say websocket/)),
  refused('without Connection', { Connection: undefined }, lacking(/Connection does not say Upgrade/)),
  refused(
    'that keeps the connection',
    { Connection: 'keep-alive' },
    lacking(/Connection does not say Upgrade/),
  ),
  refused('without a key', { 'Sec-WebSocket-Key': undefined }, lacking(/Sec-WebSocket-Key is not 16 bytes/)),
  refused(
    'with a key of 15 bytes',
    { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' },
    lacking(/Sec-WebSocket-Key is not 16 bytes/),
  ),
  refused(
    'with a key of 18 bytes',
    { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAAA' },
    lacking(/Sec-WebSocket-Key is not 16 bytes/),
  ),
  refused(
    'with a key that is not base64',
    { 'Sec-WebSocket-Key': '!GhlIHNhbXBsZSBub25jZQ==' },
    lacking(/Sec-WebSocket-Key is not 16 bytes/),
  ),
  refused('without a version', { 'Sec-WebSocket-Version': undefined }, [
    { status: 426, headers: { 'sec-websocket-version': /^13$/ } },
  ]),
  refused('of an older version', { 'Sec-WebSocket-Version': '8' }, [
    { status: 426, headers: { 'sec-websocket-version': /^13$/ } },
  ]),
  {
    name: 'a handshake by POST',
    to: 'public',
    send: handshake({ 'Content-Length': '0' }, 'POST'),
    answers: [{ status: 405 }],
    after: 'open',
  },
  refused(
    'of two keys',
    { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
    lacking(/more than one header sec-websocket-key/),
  ),
  refused(
    'with other subprotocols only',
    { 'Sec-WebSocket-Protocol': 'other' },
    lacking(/subprotocols offered/),
  ),
  {
    name: 'tokens of a handshake in any case, among others',
    to: 'public',
    send: handshake({ Upgrade: 'h2c, WebSocket', Connection: 'keep-alive, UPGRADE' }),
    answers: [{ status: 101 }],
    after: 'upgraded',
  },
]

export const HTTP_CASES: readonly HttpCase[] = [...FRAMING, ...HEADERS, ...METHODS, ...HANDSHAKES]
