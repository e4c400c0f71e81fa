/**
 * What faults are put into: `npm run cluster` as it is, a node of somebody else's beside it (another secret, the same servers), and
 * one alone in this process with little room, a certificate of its own, and keys that it fetches.
 */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CertificateAuthority, type Certificate } from '../certificates.ts'
import { LocalCluster } from '../local-cluster.ts'
import { RawClient, RefusedHandshake } from '../raw-client.ts'
import { freePort } from '../server-process.ts'
import { startNode, type StartedNode } from '../start-node.ts'
import { mintToken } from '../../../src/auth/tokens.ts'
import { systemClock } from '../../../src/clock.ts'

const FAULTS_BY_SIGNAL = fileURLToPath(new URL('../../fixtures/faults-by-signal.mjs', import.meta.url))
const GOOD_DAYS = 90
const OVER_SOON_DAYS = 2
const TRIES_MAX = 50
const AGAIN_MS = 300
const PUBLISH_TRIES_MAX = 3

interface Parts {
  readonly cluster: LocalCluster
  readonly alone: StartedNode
  readonly stranger: StartedNode
  readonly ca: CertificateAuthority
  readonly files: Certificate
  readonly keys: KeySet
}

export class AlertWorld {
  readonly cluster: LocalCluster
  /** What its commands find in their environment. */
  readonly env: Readonly<Record<string, string>>
  /** Behind the alerts on certificates, admission and keys. */
  readonly alone: StartedNode
  readonly stranger: StartedNode
  readonly keys: KeySet
  readonly #ca: CertificateAuthority
  readonly #files: Certificate
  #aloneRuns = true
  #strangerRuns = true

  private constructor({ cluster, alone, stranger, ca, files, keys }: Parts) {
    this.cluster = cluster
    this.alone = alone
    this.stranger = stranger
    this.keys = keys
    this.env = environmentOf(cluster)
    this.#ca = ca
    this.#files = files
  }

  static async start(): Promise<AlertWorld> {
    const ca = new CertificateAuthority()
    const files = { certFile: ca.file('served.pem'), keyFile: ca.file('served.key') }
    put(ca, files, GOOD_DAYS)
    const keys = await KeySet.publish()
    const [cluster, alone] = await Promise.all([
      LocalCluster.startIn({ NODE_OPTIONS: `--import ${FAULTS_BY_SIGNAL}` }),
      startNode({
        // With a port of its own it can take up another certificate.
        port: await freePort(),
        tls: files,
        auth: { jwksUrl: keys.url },
        admission: { connectionsPerSecond: 1, burst: 1, queue: 5, queueTimeout: '1s' },
      }),
    ])
    const stranger = await startNode({
      nats: { url: [/nats-1 +(nats:\S+)/.exec(cluster.output)?.[1] as string] },
      redis: { url: [environmentOf(cluster)['REDIS_URL'] as string] },
      node: { clusterSecret: 'a-secret-that-only-this-node-knows' },
    })
    return new AlertWorld({ cluster, alone, stranger, ca, files, keys })
  }

  /** Second listeners, as Prometheus asks them, by job. */
  get jobs(): Record<string, string[]> {
    const nodes = [...this.cluster.output.matchAll(/^ *node-\d +http:\/\/(\S+)/gm)]
    return {
      sluice: nodes.map(([, address]) => address as string),
      alone: [`127.0.0.1:${this.alone.apiPort}`],
      stranger: [`127.0.0.1:${this.stranger.apiPort}`],
    }
  }

  /** Fails with what was printed where it ends with anything but 0. */
  async type(script: string): Promise<string> {
    const { code, output } = await this.cluster.type(script)
    if (code !== 0) throw new Error(`${script}\nended with ${code}:\n${output}`)
    return output
  }

  /** The id of a node of the cluster, by its place from 1 on. */
  async nodeId(place: number): Promise<string> {
    const found = (await this.#nodes())[place - 1]
    if (found === undefined) throw new Error(`there is no node at ${this.jobs['sluice']?.[place - 1]}`)
    return found.id
  }

  /** The id of the node with most connections, once so many of them are in the table, which shows them a heartbeat late. */
  async busiestNodeId(connections: number): Promise<string> {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const nodes = (await this.#nodes()).flatMap((node) => node ?? [])
      const busiest = nodes.toSorted((a, b) => b.connections - a.connections)[0]
      if (busiest !== undefined && nodes.reduce((sum, node) => sum + node.connections, 0) >= connections)
        return busiest.id
      await delay(AGAIN_MS)
    }
    throw new Error(`the table of nodes does not show ${connections} connections`)
  }

  /** Those of the cluster, by their places. */
  async #nodes(): Promise<({ readonly id: string; readonly connections: number } | undefined)[]> {
    const answer = await fetch(`${this.env['SLUICE_API_URL']}/v1/nodes`, {
      headers: { authorization: `Bearer ${this.env['SLUICE_API_KEY']}` },
    })
    const { nodes } = (await answer.json()) as {
      readonly nodes: readonly {
        readonly id: string
        readonly address: string
        readonly connections: number
      }[]
    }
    return (this.jobs['sluice'] ?? []).map((address) => nodes.find((node) => node.address.endsWith(address)))
  }

  /**
   * Through the balancer, and not yet as anybody. Each has an address of its own, as a proxy would say it, and comes again where a node has no
   * time for it.
   */
  async socket(): Promise<RawClient> {
    const headers = { 'x-forwarded-for': `10.${[...randomBytes(3)].join('.')}` }
    for (let tries = 1; ; tries++) {
      try {
        return await RawClient.open(`${this.env['SLUICE_URL']}/v1/ws`, { headers })
      } catch (error) {
        if (!(error instanceof RefusedHandshake) || error.status !== 503 || tries === TRIES_MAX) throw error
        await delay(AGAIN_MS)
      }
    }
  }

  /** Connected, with more in its first frame where that is given. */
  async client(connect: object = {}, user = 'alice'): Promise<RawClient> {
    const client = await this.socket()
    client.send({ type: 'connect', token: await this.token(user), ...connect })
    await client.next('welcome')
    return client
  }

  token(sub: string): Promise<string> {
    const { auth } = JSON.parse(readFileSync(join(this.cluster.directory, 'node-1.json'), 'utf8')) as {
      readonly auth: { readonly jwtSecret: string }
    }
    return mintToken({ secret: auth.jwtSecret, sub, subscribe: ['*'], publish: ['*'] }, systemClock)
  }

  /** To the API of any node, or of the one at `url`; answers the status. */
  publish(channel: string, data: unknown, url = this.env['SLUICE_API_URL'] as string): Promise<number> {
    return this.#publish({ channel, data }, url)
  }

  /** To a user, wherever he is. */
  write(user: string, data: unknown): Promise<number> {
    return this.#publish({ user, data }, this.env['SLUICE_API_URL'] as string)
  }

  /** As backends do: with an id, and again where the connection ends before there is an answer, as it may when a node has been drained. */
  async #publish(body: object, url: string): Promise<number> {
    const request = {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.env['SLUICE_API_KEY']}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ ...body, id: randomUUID() }),
    }
    for (let tries = 1; ; tries++) {
      try {
        const answer = await fetch(`${url}/v1/publish`, request)
        await answer.arrayBuffer()
        return answer.status
      } catch (error) {
        if (!(error instanceof TypeError) || tries === PUBLISH_TRIES_MAX) throw error
      }
    }
  }

  /** The node alone shows a certificate that is over in two days, or a good one again. */
  async showCertificate(isOverSoon: boolean): Promise<void> {
    put(this.#ca, this.#files, isOverSoon ? OVER_SOON_DAYS : GOOD_DAYS)
    await this.alone.renewCertificates()
  }

  /** It is active whatever happens to the cluster: while it runs, the alert on that no node is does not come. */
  async closeAlone(): Promise<void> {
    if (!this.#aloneRuns) return
    this.#aloneRuns = false
    await this.alone.close()
  }

  async closeStranger(): Promise<void> {
    if (!this.#strangerRuns) return
    this.#strangerRuns = false
    await this.stranger.close()
  }

  async close(): Promise<void> {
    await this.closeAlone()
    await this.closeStranger()
    await this.cluster.interrupt()
    await this.keys.close()
    this.#ca.remove()
  }
}

/** Keys of an identity provider, of which no token here is signed with one. */
export class KeySet {
  readonly url: string
  /** Whether the provider answers. */
  isThere = true
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  }

  static async publish(): Promise<KeySet> {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const body = JSON.stringify({
      keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' }],
    })
    const server = createServer((_request, response) => {
      if (set.isThere) response.writeHead(200, { 'content-type': 'application/json' }).end(body)
      else response.writeHead(503).end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const set = new KeySet(server)
    return set
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function put(ca: CertificateAuthority, files: Certificate, days: number): void {
  const issued = ca.issue('issued', undefined, days)
  copyFileSync(issued.certFile, files.certFile)
  copyFileSync(issued.keyFile, files.keyFile)
}

function environmentOf(cluster: LocalCluster): Record<string, string> {
  const text = readFileSync(join(cluster.directory, 'env'), 'utf8')
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name as string, value as string]),
  )
}
