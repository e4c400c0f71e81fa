import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DeletionCost } from '../../../src/node/deletion-cost.ts'
import { CertificateAuthority } from '../../support/certificates.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { temporaryDirectory } from '../../support/server-process.ts'

/** The API server of Kubernetes, over TLS, as far as a node speaks to it. */
class FakeApiServer {
  readonly requests: { method: string; path: string; type: string; token: string; body: unknown }[] = []
  /** `undefined`: it never answers. */
  status: number | undefined = 200
  readonly #server: Server

  constructor({ certFile, keyFile }: { certFile: string; keyFile: string }) {
    const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
    this.#server = createServer(pair, (request, response) => void this.#answer(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    this.requests.push({
      method: String(request.method),
      path: String(request.url),
      type: String(request.headers['content-type']),
      token: String(request.headers.authorization),
      body: JSON.parse(body),
    })
    if (this.status !== undefined)
      response.writeHead(this.status).end('{"kind":"Status","message":"secret words"}')
  }
}

let ca: CertificateAuthority
beforeAll(() => {
  ca = new CertificateAuthority()
})
afterAll(() => ca.remove())

describe('the cost of ending a pod, as Kubernetes is told it', () => {
  let server: FakeApiServer
  let folder: ReturnType<typeof temporaryDirectory>
  let lines: string[]
  let connections: number
  let state: 'active' | 'draining'
  let url: string
  let cost: DeletionCost

  const costTold = (value: string): unknown => ({
    metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } },
  })

  function made(where = url): DeletionCost {
    const write = (level: string) => (fields: object, message: string) =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
    const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
    return new DeletionCost(
      { url: where, credentials: folder.path, name: 'sluice-7f-abc' },
      { clock: new ManualClock(), log, connections: () => connections, state: () => state },
    )
  }

  beforeEach(async () => {
    folder = temporaryDirectory('service-account')
    writeFileSync(join(folder.path, 'token'), 'first-token\n')
    writeFileSync(join(folder.path, 'ca.crt'), readFileSync(ca.caFile))
    writeFileSync(join(folder.path, 'namespace'), 'sluice')
    server = new FakeApiServer(ca.issue('kubernetes'))
    url = await server.listen()
    lines = []
    connections = 100
    state = 'active'
    cost = made()
  })
  afterEach(() => {
    cost.close()
    server.close()
    folder.remove()
  })

  it('is an annotation of its own pod, by a token that is read again each time', async () => {
    await cost.look()
    writeFileSync(join(folder.path, 'token'), 'second-token')
    connections = 200
    await cost.look()
    const one = {
      method: 'PATCH',
      path: '/api/v1/namespaces/sluice/pods/sluice-7f-abc',
      type: 'application/merge-patch+json',
    }
    expect(server.requests).toEqual([
      { ...one, token: 'Bearer first-token', body: costTold('100') },
      { ...one, token: 'Bearer second-token', body: costTold('200') },
    ])
    expect(lines).toEqual([])
  })

  it('is told again only where it has changed by a tenth, or the node leaves', async () => {
    await cost.look()
    connections = 105
    await cost.look()
    expect(server.requests).toHaveLength(1)
    state = 'draining'
    await cost.look()
    connections = 10
    await cost.look()
    expect(server.requests.map(({ body }) => body)).toEqual([costTold('100'), costTold('-999999895')])
  })

  it.each([
    [401, /does not know the token/],
    [403, /may not patch pods; deploy\/kubernetes\/components\/deletion-cost/],
    [404, /SLUICE_POD_NAME/],
    [500, /answers 500/],
  ])('%s is one line that says what to do, tried again, and another when it works', async (status, says) => {
    server.status = status
    for (let look = 0; look < 3; look++) await cost.look()
    expect(server.requests).toHaveLength(3)
    expect(lines).toEqual([expect.stringMatching(says)])
    expect(lines.join()).not.toMatch(/first-token|secret words/)
    server.status = 200
    await cost.look()
    await cost.look()
    expect(lines.slice(1)).toEqual([expect.stringMatching(/^info Kubernetes knows again/)])
    expect(server.requests).toHaveLength(4)
  })

  it('waits for one answer at a time where the server hangs', async () => {
    server.status = undefined
    const first = cost.look()
    await cost.look()
    await cost.look()
    await expect.poll(() => server.requests).toHaveLength(1)
    server.close()
    await first
    expect(lines).toEqual([expect.stringMatching(/^warn .*gives no answer/)])
  })

  it('fails nowhere where the server is down, is not who it should be, or there is no token', async () => {
    const stranger = new CertificateAuthority('somebody else')
    const impostor = new FakeApiServer(stranger.issue('kubernetes'))
    const shown = made(await impostor.listen())
    await shown.look()
    expect(impostor.requests).toEqual([])
    server.close()
    await cost.look()
    folder.remove()
    await cost.look()
    expect(lines).toEqual([
      expect.stringMatching(
        /gives no answer \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\); ca\.crt of the service account does not know/,
      ),
      expect.stringMatching(/gives no answer \(ECONNREFUSED\); nodes must be let to it by the NetworkPolicy/),
      // All three are read at once: whichever is missed first is told.
      expect.stringMatching(
        /(?:token|ca\.crt|namespace) cannot be read \(ENOENT\); the pod needs automountServiceAccountToken/,
      ),
    ])
    shown.close()
    impostor.close()
    stranger.remove()
  })
})
