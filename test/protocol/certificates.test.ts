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
function shown(port: number, servername?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const by = servername === undefined ? {} : { servername, checkServerIdentity: () => undefined }
    const socket = connectTls({ host: '127.0.0.1', port, ca: caText, ...by }, () => {
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

describe('certificates by the name that a client asks for', () => {
  const NAMES = ['one.example', '*.two.example'] as const
  const certificates = Object.fromEntries(
    NAMES.map((name, index) => [name, { certFile: `by-name-${index}.pem`, keyFile: `by-name-${index}.key` }]),
  )
  let named: StartedNode
  let port: number

  beforeAll(async () => {
    for (const [name, pair] of Object.entries(certificates)) {
      pair.certFile = ca.file(pair.certFile)
      pair.keyFile = ca.file(pair.keyFile)
      putNamed(name, 'before')
    }
    port = ((await freePorts(1)) as [number])[0]
    const own = ca.issue('for all others')
    named = await startNode({ port, tls: { ...own, names: certificates } })
  })
  afterAll(() => named.close())

  function putNamed(name: string, generation: string): void {
    const { certFile, keyFile } = certificates[name] as Certificate
    const issued = ca.issue(`${generation} ${name.replace('*', 'any')}`, `DNS:${name}`)
    copyFileSync(issued.certFile, certFile)
    copyFileSync(issued.keyFile, keyFile)
  }

  async function subscribed(servername: string): Promise<RawClient> {
    const { client } = await RawClient.connect(
      `wss://127.0.0.1:${port}/v1/ws`,
      { token: await named.token(servername) },
      { ca: caText, ...{ servername }, checkServerIdentity: () => false },
    )
    client.send({ type: 'subscribe', ref: 1, channel: 'news' })
    await client.next('subscribed')
    return client
  }

  it('are shown to who asks for them, the own one to all others, and all of them are served alike', async () => {
    expect(await shown(port, 'one.example')).toBe('before one.example')
    expect(await shown(port, 'a.two.example')).toBe('before any.two.example')
    expect(await shown(port, 'b.two.example')).toBe('before any.two.example')
    for (const other of ['two.example', 'a.b.two.example', 'three.example', '']) {
      expect(await shown(port, other)).toBe('for all others')
    }
  })

  it('are renewed together, and whoever is connected by any name loses nothing', async () => {
    const names = ['one.example', 'a.two.example', 'three.example']
    const clients = await Promise.all(names.map(subscribed))
    for (const name of NAMES) putNamed(name, 'after')
    await named.renewCertificates()
    expect(await shown(port, 'one.example')).toBe('after one.example')
    expect(await shown(port, 'a.two.example')).toBe('after any.two.example')
    expect(await shown(port, 'three.example')).toBe('for all others')
    clients.push(...(await Promise.all(names.map(subscribed))))
    await named.publish({ channel: 'news', data: 'to all of both' })
    for (const client of clients) {
      expect(await client.next('message')).toMatchObject({ data: 'to all of both' })
      client.cut()
    }
  })

  it('are not renewed while one of them is for another name', async () => {
    putNamed('one.example', 'late')
    const { certFile, keyFile } = certificates['*.two.example'] as Certificate
    const wrong = ca.issue('wrong', 'DNS:three.example')
    copyFileSync(wrong.certFile, certFile)
    copyFileSync(wrong.keyFile, keyFile)
    await named.renewCertificates()
    await named.renewCertificates()
    expect(await shown(port, 'one.example')).toBe('after one.example')
    putNamed('*.two.example', 'late')
    await named.renewCertificates()
    expect(await shown(port, 'one.example')).toBe('late one.example')
  })
})
