/** A whole node in this process, on free ports, with everything in memory unless the settings say otherwise. */
import { mintToken } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { createNode } from '../../src/node/node.ts'

const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'
const API_KEY = 'a-key-for-tests-only'

export interface TokenClaims {
  readonly subscribe?: readonly string[]
  readonly publish?: readonly string[]
  readonly history?: readonly string[]
  readonly ttlSeconds?: number
  readonly issuedSecondsAgo?: number
  readonly secret?: string
}

export interface PublishBody {
  readonly channel?: string
  readonly user?: string
  readonly data: unknown
  readonly id?: string
  readonly encoding?: 'base64'
}

export interface StartedNode {
  readonly id: string
  readonly port: number
  readonly apiPort: number
  readonly apiKey: string
  readonly secret: string
  /** By default it may subscribe and publish to everything, and does not expire. */
  token(user: string, claims?: TokenClaims): Promise<string>
  /** Over HTTP, as a backend does. Fails where one was refused. */
  publish(body: PublishBody | readonly PublishBody[]): Promise<readonly object[]>
  /** A request to the second listener, with the key. */
  api(method: string, path: string, body?: unknown): Promise<Response>
  /** The value of one series, by its name and labels as on the metrics page; 0 where it is not there. */
  metric(series: string): Promise<number>
  renewCertificates(): Promise<void>
  /** As a signal does: resolves when the node has stopped. */
  drain(): Promise<void>
  close(): Promise<void>
}

export async function startNode(settings: ConfigInput = {}): Promise<StartedNode> {
  const config = loadConfig({
    settings: {
      host: '127.0.0.1',
      port: 0,
      log: { level: 'error', pretty: false },
      ...settings,
      // Everybody comes from one address, and a busy machine is not what admission is to notice.
      admission: { perAddressPerSecond: 0, maxLoopLag: 0, ...settings.admission },
      api: { port: 0, keys: [`tests:publish+admin:${API_KEY}`], ...settings.api },
      auth: { jwtSecret: SECRET, ...settings.auth },
    },
  })
  const node = await createNode(config)
  await node.start()
  const apiUrl = node.apiUrl

  const api = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(apiUrl + path, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })

  return {
    id: node.id,
    port: Number(new URL(node.url).port),
    apiPort: Number(new URL(apiUrl).port),
    apiKey: API_KEY,
    secret: SECRET,
    token(user, claims = {}) {
      const { subscribe = ['*'], publish = ['*'], history, ttlSeconds, issuedSecondsAgo = 0 } = claims
      const { secret = SECRET } = claims
      const expiry = { ...(ttlSeconds && { ttlSeconds }), ...(history && { history }) }
      const clock = { now: () => systemClock.now() - issuedSecondsAgo * 1000 }
      return mintToken({ secret, sub: user, subscribe, publish, ...expiry }, clock)
    },
    async publish(body) {
      const response = await api('POST', '/v1/publish', body)
      const answer = (await response.json()) as object
      const results = Array.isArray(answer) ? (answer as object[]) : [answer]
      if (response.status !== 200 || results.some((result) => 'error' in result)) {
        throw new Error(`the publish was answered with ${response.status}: ${JSON.stringify(answer)}`)
      }
      return results
    },
    api,
    async metric(series) {
      const page = await (await fetch(`${apiUrl}/metrics`)).text()
      const line = page.split('\n').find((text) => text.startsWith(`${series} `))
      return line === undefined ? 0 : Number(line.slice(series.length + 1))
    },
    renewCertificates: () => node.renewCertificates(),
    drain: () => node.drain(),
    close: () => node.close(),
  }
}
