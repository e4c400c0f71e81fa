import { copyFileSync, readFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askHttp } from '../../src/drivers/http-client.ts'
import { CertificateAuthority, type Certificate } from '../support/certificates.ts'
import { RawClient } from '../support/raw-client.ts'
import { freePorts } from '../support/server-process.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** A node whose certificates are replaced on disk, as certbot and cert-manager do, while clients are connected. */

const CLIENTS = 500

let ca: CertificateAuthority
let files: Certificate
let node: StartedNode
let caText: string

beforeAll(async () => {
  ca = new CertificateAuthority()
  caText = readFileSync(ca.caFile, 'utf8')
  files = { certFile: ca.file('served.pem'), keyFile: ca.file('served.key') }
  put('first')
  const [port, apiPort] = (await freePorts(2)) as [number, number]
  node = await startNode({ port, tls: files, api: { port: apiPort, tls: { ...files, caFile: ca.caFile } } })
})
afterAll(async () => {
  await node.close()
  ca.remove()
})

function put(name: string): void {
  const issued = ca.issue(name)
  copyFileSync(issued.certFile, files.certFile)
  copyFileSync(issued.keyFile, files.keyFile)
}

/** The name on the certificate that a new connection is shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: caText }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

async function api(method: string, path: string, body?: unknown): Promise<string> {
  const answer = await askHttp({
    url: `https://127.0.0.1:${node.apiPort}${path}`,
    method,
    headers: { authorization: `Bearer ${node.apiKey}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ca: caText,
    timeoutMs: 30_000,
    answerBytesMax: 10_000_000,
  })
  expect(answer.status).toBe(200)
  return answer.text
}

async function subscriber(number: number): Promise<RawClient> {
  const { client } = await RawClient.connect(
    `wss://127.0.0.1:${node.port}/v1/ws`,
    { token: await node.token(`user ${number}`) },
    { ca: caText },
  )
  client.send({ type: 'subscribe', ref: 1, channel: 'news' })
  await client.next('subscribed')
  return client
}

describe('a certificate that is replaced on disk', () => {
  it('is shown to those who connect from then on, and nobody who is connected loses anything', async () => {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, number) => subscriber(number)))
    expect(await shown(node.port)).toBe('first')
    await api('POST', '/v1/publish', { channel: 'news', data: 'before' })
    put('second')
    await node.renewCertificates()
    expect(await shown(node.port)).toBe('second')
    expect(await shown(node.apiPort)).toBe('second')
    const late = await subscriber(CLIENTS)
    await api('POST', '/v1/publish', { channel: 'news', data: 'after' })
    for (const client of clients) {
      expect(await client.next('message')).toMatchObject({ data: 'before' })
      expect(await client.next('message')).toMatchObject({ data: 'after' })
      expect(client.isOpen).toBe(true)
    }
    expect(await late.next('message')).toMatchObject({ data: 'after' })
    put('third')
    await node.renewCertificates()
    await api('POST', '/v1/publish', { channel: 'news', data: 'once more' })
    for (const client of [...clients, late]) {
      expect(await client.next('message')).toMatchObject({ data: 'once more' })
      client.cut()
    }
  })

  it('is not taken where it does not fit its key', async () => {
    const before = await shown(node.port)
    copyFileSync(ca.issue('fourth').certFile, files.certFile)
    await node.renewCertificates()
    await node.renewCertificates()
    expect(await shown(node.port)).toBe(before)
    put('fifth')
    await node.renewCertificates()
    expect(await shown(node.port)).toBe('fifth')
  })

  it('says on the metrics page how long it lasts', async () => {
    const page = await api('GET', '/metrics')
    for (const listener of ['public', 'api']) {
      const value = new RegExp(
        `^sluice_certificate_expiry_seconds\\{listener="${listener}"\\} (.*)$`,
        'm',
      ).exec(page)
      // Two days, as the CA of the tests gives them.
      expect(Number(value?.[1])).toBeGreaterThan(86_400)
      expect(Number(value?.[1])).toBeLessThanOrEqual(2 * 86_400)
    }
  })
})
