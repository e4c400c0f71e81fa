import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiOf } from '../../src/cli/gateway-api.ts'
import { askHttp, type HttpAnswer } from '../../src/drivers/http-client.ts'
import { CertificateAuthority } from '../support/certificates.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** A cluster whose second listeners speak TLS, with certificates of a CA of its own. */

let ca: CertificateAuthority
let cluster: StartedCluster
let one: StartedNode
let two: StartedNode

beforeAll(async () => {
  ca = new CertificateAuthority()
  cluster = await startCluster(2, { api: { tls: { ...ca.issue('gateway'), caFile: ca.caFile } } })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(async () => {
  await cluster.close()
  ca.remove()
})

function ask(node: StartedNode, method: string, path: string, body?: unknown): Promise<HttpAnswer> {
  return askHttp({
    url: `https://127.0.0.1:${node.apiPort}${path}`,
    method,
    headers: { authorization: `Bearer ${node.apiKey}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ca: readFileSync(ca.caFile, 'utf8'),
    timeoutMs: 10_000,
    answerBytesMax: 1_048_576,
  })
}

const metric = async (node: StartedNode, series: string): Promise<number> => {
  const line = (await ask(node, 'GET', '/metrics')).text
    .split('\n')
    .find((text) => text.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1) ?? 0)
}

describe('the second listener with TLS', () => {
  it('answers probes and backends, and nobody in plain', async () => {
    expect((await ask(one, 'GET', '/readyz')).status).toBe(200)
    expect((await ask(one, 'POST', '/v1/publish', { channel: 'news', data: 1 })).status).toBe(200)
    await expect(fetch(`http://127.0.0.1:${one.apiPort}/readyz`)).rejects.toThrow()
  })

  it('is for those who know its CA', async () => {
    await expect(fetch(`https://127.0.0.1:${one.apiPort}/readyz`)).rejects.toThrow()
  })

  it('carries what one node asks of another', async () => {
    const drain = await ask(one, 'GET', `/v1/nodes/${two.id}/drain`)
    expect(JSON.parse(drain.text)).toEqual({ node: two.id, drain: null })
    const channel = await ask(one, 'GET', '/v1/channels/news')
    expect(JSON.parse(channel.text)).toMatchObject({ subscribers: { local: 0, cluster: 0 } })
    expect(channel.text).not.toContain('silent')
  })

  it('is asked by the commands with --ca, and says what is missing without', async () => {
    const url = `https://127.0.0.1:${one.apiPort}`
    const api = apiOf({ url, key: one.apiKey, ca: ca.caFile }, {})
    expect(await api.get('/v1/nodes')).toMatchObject({ nodes: [{}, {}] })
    expect(await apiOf({ url, key: one.apiKey }, { SLUICE_API_CA: ca.caFile }).get('/v1/nodes')).toBeTruthy()
    await expect(apiOf({ url, key: one.apiKey }, {}).get('/v1/nodes')).rejects.toThrow(
      /name its CA with --ca/,
    )
    const plain = apiOf({ url: url.replace('https', 'http'), key: one.apiKey }, {})
    await expect(plain.get('/v1/nodes')).rejects.toThrow(/no node answers/)
    expect(() => apiOf({ url, ca: '/nowhere.pem' }, {})).toThrow(/--ca, "\/nowhere.pem", cannot be read/)
  })

  it('is not asked by a node under another name than its certificate has', async () => {
    const named = ca.issue('elsewhere', 'DNS:gateway.internal')
    const third = await cluster.join({ api: { tls: { ...named, caFile: ca.caFile } } })
    const answer = await ask(one, 'GET', `/v1/nodes/${third.id}/drain`)
    expect(answer.status).toBe(503)
    expect(answer.text).toContain('does not answer at')
    await third.close()
  })

  it('carries the links between nodes while NATS is away', async () => {
    await cluster.nats.kill()
    for (const node of [one, two])
      await expect.poll(() => metric(node, 'sluice_mesh_links')).toBeGreaterThan(0)
  })
})
