import { writeFileSync } from 'node:fs'
import { createUser, createAccount, createOperator, type KeyPair } from '@nats-io/nkeys'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { patientMs } from '../support/patience.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import type { NatsLinkOptions } from '../../src/drivers/nats-options.ts'
import { RedisLink, type RedisLinkOptions } from '../../src/drivers/redis.ts'
import { readTlsFiles, type TlsFiles } from '../../src/drivers/tls-files.ts'
import { CertificateAuthority } from '../support/certificates.ts'
import { NatsServer } from '../support/nats-server.ts'
import { RedisSentinel } from '../support/redis-sentinel.ts'
import { RedisServer } from '../support/redis-server.ts'
import { freePort, ServerProcess } from '../support/server-process.ts'
import { startNode } from '../support/start-node.ts'

/** How a node gets to a Redis, to Sentinels and to a NATS that do not let everybody in. */

const READY_MS = patientMs(10_000)
/** Long enough for several attempts, all of which fail. */
const REFUSED_MS = 1_500
const PASSWORD = 'p@ss:word/of the tests'

let ca: CertificateAuthority
let other: CertificateAuthority
let server: TlsFiles & { readonly certFile: string; readonly keyFile: string }
let client: TlsFiles
const ends: (() => Promise<void> | void)[] = []

beforeAll(() => {
  ca = new CertificateAuthority()
  other = new CertificateAuthority('another-ca')
  server = { ...ca.issue('server'), caFile: ca.caFile }
  client = { ...ca.issue('client'), caFile: ca.caFile }
})
afterAll(() => {
  ca.remove()
  other.remove()
})
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

describe('Redis with TLS', () => {
  async function redisWithTls(): Promise<{ readonly redis: RedisServer; readonly url: string }> {
    const port = await freePort()
    const redis = await RedisServer.start([
      ...['--tls-port', String(port), '--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile],
      ...[
        '--tls-ca-cert-file',
        ca.caFile,
        '--tls-auth-clients',
        'yes',
        '--user',
        'gateway',
        'on',
        `>${PASSWORD}`,
        '~*',
        '&*',
        '+@all',
      ],
    ])
    ends.push(() => redis.stop())
    return { redis, url: `rediss://gateway:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}` }
  }

  async function ready(options: RedisLinkOptions, timeoutMs = READY_MS): Promise<boolean> {
    const link = new RedisLink(options)
    ends.push(() => link.close())
    return link.ready(timeoutMs).then(
      () => true,
      () => false,
    )
  }

  it('lets a node in with its certificate, user and password, by the scheme or by the section', async () => {
    const { url } = await redisWithTls()
    expect(await ready({ urls: [url], tls: readTlsFiles(client) })).toBe(true)
    expect(await ready({ urls: [url.replace('rediss:', 'redis:')], tls: readTlsFiles(client) })).toBe(true)
  })

  it('is not spoken to without its CA, without a certificate of ours, or with one of another CA', async () => {
    const { url } = await redisWithTls()
    expect(await ready({ urls: [url] }, REFUSED_MS)).toBe(false)
    expect(await ready({ urls: [url], tls: readTlsFiles({ caFile: ca.caFile }) }, REFUSED_MS)).toBe(false)
    expect(
      await ready({ urls: [url], tls: readTlsFiles({ ...client, caFile: other.caFile }) }, REFUSED_MS),
    ).toBe(false)
    const stranger = { ...other.issue('stranger'), caFile: ca.caFile }
    expect(await ready({ urls: [url], tls: readTlsFiles(stranger) }, REFUSED_MS)).toBe(false)
    const wrong = url.replace(encodeURIComponent(PASSWORD), 'wrong')
    expect(await ready({ urls: [wrong], tls: readTlsFiles(client) }, REFUSED_MS)).toBe(false)
  })

  it('is found through Sentinels that have a password', async () => {
    const sentinels = await RedisSentinel.start([`requirepass "${PASSWORD}"`])
    ends.push(() => sentinels.stop())
    const urls = [sentinels.url]
    expect(await ready({ urls, sentinel: { password: PASSWORD, tls: false } })).toBe(true)
    expect(await ready({ urls, sentinel: { tls: false } }, REFUSED_MS)).toBe(false)
    expect(await ready({ urls, sentinel: { password: 'wrong', tls: false } }, REFUSED_MS)).toBe(false)
  })

  it('is found through Sentinels that speak TLS only, and have a user and a password', async () => {
    const { url } = await redisWithTls()
    const port = await freePort()
    const conf = ca.file('sentinel.conf')
    const access = `user gateway on ">${PASSWORD}" ~* &* +@all`
    writeFileSync(
      conf,
      [
        'port 0',
        `tls-port ${port}`,
        'bind 127.0.0.1',
        'tls-replication yes',
        `tls-cert-file ${server.certFile}`,
        `tls-key-file ${server.keyFile}`,
        `tls-ca-cert-file ${ca.caFile}`,
        access,
        'user default off',
        `sentinel monitor main 127.0.0.1 ${new URL(url).port} 1`,
        'sentinel auth-user main gateway',
        `sentinel auth-pass main "${PASSWORD}"`,
        '',
      ].join('\n'),
    )
    const sentinel = await ServerProcess.start({
      program: 'redis-server',
      install: 'apt-get install redis-server',
      args: [conf, '--sentinel'],
      ready: '+monitor',
    })
    ends.push(() => sentinel.kill())
    const urls = [`sentinels://gateway:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/main`]
    const tls = readTlsFiles(client)
    const asked = { user: 'gateway', password: PASSWORD, tls: true }
    expect(await ready({ urls, tls, sentinel: asked })).toBe(true)
    expect(await ready({ urls, tls, sentinel: { ...asked, tls: false } }, REFUSED_MS)).toBe(false)
    expect(await ready({ urls, tls, sentinel: { ...asked, user: 'nobody' } }, REFUSED_MS)).toBe(false)
    const strange = readTlsFiles({ ...client, caFile: other.caFile })
    expect(await ready({ urls, tls: strange, sentinel: asked }, REFUSED_MS)).toBe(false)
  })
})

describe('NATS', () => {
  async function natsWith(...more: readonly string[]): Promise<string> {
    const nats = await NatsServer.start(undefined, more)
    ends.push(() => nats.stop())
    return nats.url
  }

  async function flushes(options: Omit<NatsLinkOptions, 'name'>, timeoutMs = READY_MS): Promise<boolean> {
    const link = new NatsLink({ name: 'test', ...options })
    ends.push(() => link.close())
    link.start()
    return link.flush(timeoutMs).then(
      () => true,
      () => false,
    )
  }

  const withTls = (): Promise<string> =>
    natsWith(
      `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${ca.caFile}", verify: true }`,
    )

  it('with TLS lets a node in that has a certificate', async () => {
    const url = await withTls()
    expect(await flushes({ urls: [url], tls: client })).toBe(true)
    expect(await flushes({ urls: [url.replace('nats:', 'tls:')], tls: client })).toBe(true)
  })

  it('with TLS is not spoken to without its CA, without a certificate, or in plain', async () => {
    const url = await withTls()
    expect(await flushes({ urls: [url.replace('nats:', 'tls:')] }, REFUSED_MS)).toBe(false)
    expect(await flushes({ urls: [url], tls: { caFile: ca.caFile } }, REFUSED_MS)).toBe(false)
    expect(await flushes({ urls: [url], tls: { ...client, caFile: other.caFile } }, REFUSED_MS)).toBe(false)
  })

  it('without TLS is not spoken to where TLS is wanted', async () => {
    expect(await flushes({ urls: [await natsWith()], tls: client }, REFUSED_MS)).toBe(false)
  })

  it('lets the user of an nkey in, and no other', async () => {
    const user = createUser()
    const url = await natsWith(`authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`)
    const nkeyFile = ca.file('user.nk')
    writeFileSync(nkeyFile, `${Buffer.from(user.getSeed()).toString()}\n`)
    expect(await flushes({ urls: [url], nkeyFile })).toBe(true)
    expect(await flushes({ urls: [url] }, REFUSED_MS)).toBe(false)
    writeFileSync(nkeyFile, Buffer.from(createUser().getSeed()))
    expect(await flushes({ urls: [url], nkeyFile }, REFUSED_MS)).toBe(false)
  })

  it('with an operator and accounts lets a node in by its credentials, also by those that replaced them', async () => {
    const { lines, creds } = operator()
    const url = await natsWith(...lines)
    const credsFile = ca.file('user.creds')
    writeFileSync(credsFile, creds('expired', -60))
    const link = new NatsLink({ name: 'test', urls: [url], credsFile })
    ends.push(() => link.close())
    link.start()
    await expect(link.flush(REFUSED_MS)).rejects.toMatchObject({ code: 'unavailable' })
    writeFileSync(credsFile, creds('fresh', 3600))
    await link.flush(READY_MS)
    expect(link.up).toBe(true)
  })
})

/** What `nsc` would make: an operator, an account, and users of it. */
function operator(): {
  readonly lines: readonly string[]
  readonly creds: (name: string, forSeconds: number) => string
} {
  const [root, account, system] = [createOperator(), createAccount(), createAccount()]
  const unlimited = {
    subs: -1,
    conn: -1,
    leaf: -1,
    imports: -1,
    exports: -1,
    data: -1,
    payload: -1,
    wildcards: true,
  }
  const of = (one: KeyPair, name: string): string =>
    jwt(root, one, name, { type: 'account', limits: unlimited })
  return {
    lines: [
      `operator: ${jwt(root, root, 'operator', { type: 'operator' })}`,
      'resolver: MEMORY',
      `system_account: ${system.getPublicKey()}`,
      `resolver_preload: { ${account.getPublicKey()}: ${of(account, 'tests')}, ${system.getPublicKey()}: ${of(system, 'SYS')} }`,
    ],
    creds: (name, forSeconds) => {
      const user = createUser()
      const exp = Math.floor(Date.now() / 1000) + forSeconds
      const text = jwt(account, user, name, { type: 'user', subs: -1, data: -1, payload: -1 }, { exp })
      return [
        '-----BEGIN NATS USER JWT-----',
        text,
        '------END NATS USER JWT------',
        '',
        '-----BEGIN USER NKEY SEED-----',
        Buffer.from(user.getSeed()).toString(),
        '------END USER NKEY SEED------',
        '',
      ].join('\n')
    },
  }
}

function jwt(issuer: KeyPair, subject: KeyPair, name: string, nats: object, more: object = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    jti: name,
    iat: Math.floor(Date.now() / 1000) - 3600,
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats: { version: 2, ...nats },
    ...more,
  }
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}

describe('a node', () => {
  it('serves over a Redis and a NATS with TLS', async () => {
    const port = await freePort()
    const redis = await RedisServer.start([
      ...['--tls-port', String(port), '--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile],
      ...['--tls-ca-cert-file', ca.caFile],
    ])
    ends.push(() => redis.stop())
    const nats = await NatsServer.start(undefined, [
      `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${ca.caFile}", verify: true }`,
    ])
    ends.push(() => nats.stop())
    const node = await startNode({
      redis: { url: [`rediss://127.0.0.1:${port}`], tls: { ...client } },
      nats: { url: [nats.url], tls: { ...client } },
      node: { clusterSecret: 'a-secret-that-the-nodes-of-a-test-share' },
    })
    ends.push(() => node.close())
    const { parts } = (await (await node.api('GET', '/healthz/deep')).json()) as {
      parts: Record<string, { status: string }>
    }
    expect(parts).toMatchObject({
      backbone: { status: 'ok' },
      registry: { status: 'ok' },
      log: { status: 'ok' },
    })
    await node.publish({ channel: 'news', data: 1 })
  })
})
