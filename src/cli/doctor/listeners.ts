/**
 * Looks at the two listeners of a node, or of what stands before it, as clients and backends do.
 */
import { connect as connectPlain } from 'node:net'
import { connect as connectSecure, type TLSSocket } from 'node:tls'
import { certificateFinding, clockFinding, type Finding, type SeenCertificate } from './findings.ts'
import { askHttp, type HttpAnswer } from '../../drivers/http-client.ts'

const TIMEOUT_MS = 5000
const ANSWER_BYTES_MAX = 1_048_576

export interface Where {
  /** `http://…` or `https://…`, without a path. */
  readonly url: string
  /** Certificates in PEM. */
  readonly ca: string | undefined
  readonly key?: string
}

export async function publicFindings(where: Where): Promise<Finding[]> {
  const what = `public listener ${where.url}`
  const answer = await answered(where, '/v1/doctor')
  if (typeof answer === 'string')
    return [{ what, status: 'fail', says: answer, change: 'host, port, and what stands before the nodes' }]
  const isOurs = answer.status === 404 && answer.text.includes('/v1/ws')
  const found: Finding[] = [
    isOurs
      ? { what, status: 'ok', says: 'answers as a node of Sluice' }
      : {
          what,
          status: 'fail',
          says: `answers ${answer.status}, and not as a node of Sluice`,
          change: 'name the public listener with --public, or pass every path on',
        },
  ]
  const web = await answered(where, '/v1/ws', UPGRADE)
  if (isOurs && typeof web !== 'string' && /(?:Upgrade|Connection) does not say/.test(web.text))
    found.push({
      what: 'WebSocket handshake',
      status: 'fail',
      says: 'what stands before the nodes takes Upgrade away',
      change: 'proxy_set_header Upgrade and Connection; docs/operations.md has the files',
    })
  if (where.url.startsWith('https:')) found.push(await tlsFinding('TLS for clients', where))
  return found
}

export async function apiFindings(where: Where, nowMs: number): Promise<Finding[]> {
  const what = `second listener ${where.url}`
  const answer = await answered(where, '/readyz')
  if (typeof answer === 'string')
    return [{ what, status: 'fail', says: answer, change: 'api.host and api.port, or --url' }]
  const ready = answer.status === 200
  const found: Finding[] = [
    ready
      ? { what, status: 'ok', says: 'the node is ready' }
      : {
          what,
          status: 'fail',
          says: answer.text.slice(0, 200),
          change: 'sluice status, and the log of the node',
        },
  ]
  const date = Date.parse(answer.headers.date ?? '')
  if (!Number.isNaN(date)) found.push(clockFinding('clock of the node', date - nowMs))
  if (where.url.startsWith('https:')) found.push(await tlsFinding('TLS of the second listener', where))
  return found
}

/** Whether what listens there reads a PROXY header of version 2 and answers behind it. */
export async function proxyFinding({ url }: Where): Promise<Finding> {
  const what = 'PROXY protocol'
  const text = await firstAnswer(url).catch((error: unknown) => (error as Error).message)
  if (text.startsWith('HTTP/1.1 404')) return { what, status: 'ok', says: 'a header of version 2 is read' }
  return {
    what,
    status: 'fail',
    says: `what came after a header of version 2: ${JSON.stringify(text.slice(0, 60))}`,
    change:
      'proxyProtocol: true with trustedProxies on the nodes, and version 2 at the balancer (send-proxy-v2)',
  }
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  // No key: a node says what is missing, and opens nothing.
}

async function answered(
  { url, ca }: Where,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer | string> {
  try {
    return await askHttp({
      ...{ url: `${url}${path}`, method: 'GET', headers, ca },
      ...{ timeoutMs: TIMEOUT_MS, answerBytesMax: ANSWER_BYTES_MAX },
    })
  } catch (error) {
    return `no answer (${(error as { code?: string }).code ?? (error as Error).message})`
  }
}

async function tlsFinding(what: string, where: Where): Promise<Finding> {
  try {
    return certificateFinding(what, await certificateOf(where), Date.now())
  } catch (error) {
    return { what, status: 'fail', says: (error as Error).message }
  }
}

function certificateOf({ url, ca }: Where): Promise<SeenCertificate> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectSecure(
      {
        ...{ host: hostname, port: Number(port || 443), servername: hostname, timeout: TIMEOUT_MS },
        // What is wrong with it is what is asked for.
        rejectUnauthorized: false,
        ...(ca === undefined ? {} : { ca }),
      },
      () => {
        const { valid_to: validTo } = socket.getPeerCertificate()
        resolve({
          authorized: socket.authorized,
          why: String(socket.authorizationError),
          validToMs: Date.parse(validTo),
          protocol: socket.getProtocol() ?? 'TLS',
        })
        socket.destroy()
      },
    )
    socket.on('error', reject)
    socket.on('timeout', () => socket.destroy(new Error('no answer in time')))
  })
}

/** Of the PROXY protocol, version 2 (section 2.2): TCP over IPv4, from an address that nobody has. */
const PROXY_HEADER = Buffer.from([
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x0c],
  ...[203, 0, 113, 7, 127, 0, 0, 1, 0xc0, 0x00, 0x1f, 0x90],
])

function firstAnswer(url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url)
  if (protocol === 'https:')
    return Promise.resolve('nothing: with TLS the header goes before the handshake, which is not tried here')
  return new Promise((resolve, reject) => {
    const socket = connectPlain({ host: hostname, port: Number(port || 80), timeout: TIMEOUT_MS }, () => {
      socket.write(PROXY_HEADER)
      socket.write(`GET /v1/doctor HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`)
    })
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.on('timeout', () => socket.destroy())
    socket.on('error', reject)
  })
}
