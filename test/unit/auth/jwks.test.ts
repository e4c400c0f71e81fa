import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTokens, type TokenOptions, type Tokens } from '../../../src/auth/tokens.ts'
import { SluiceError } from '../../../src/errors.ts'
import { goodClaims, keyPair, type KeyPair, SECRET, sign, TestClock } from './issuer.ts'

const MAX_AGE_MS = 600_000
const COOLDOWN_MS = 10_000

/** Publishes a key set, counts who asks, and fails when told to. */
class KeyServer {
  url = ''
  keys: readonly unknown[] = []
  asked = 0
  answer: (response: ServerResponse) => void = (response) => this.publish(response)
  #arrivals: (() => void)[] = []
  readonly #server: Server

  constructor() {
    this.#server = createServer((_, response) => {
      this.asked++
      for (const arrived of this.#arrivals.splice(0)) arrived()
      this.answer(response)
    })
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys.json?key=of-the-url`
  }

  publish(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: this.keys }))
  }

  nextRequest(): Promise<void> {
    return new Promise((resolve) => this.#arrivals.push(resolve))
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

let one: KeyPair
let two: KeyPair
let three: KeyPair
beforeAll(async () => {
  one = await keyPair('ES256', 'one')
  two = await keyPair('EdDSA', 'two')
  three = await keyPair('ES256', 'three')
})

let server: KeyServer
let clock: TestClock
let fetched: number[]
let failed: string[]
let ended: (() => void)[]

beforeEach(async () => {
  server = new KeyServer()
  await server.open()
  server.keys = [one.jwk]
  clock = new TestClock()
  fetched = []
  failed = []
  ended = []
})
afterEach(() => server.close())

function tokensBySet(options: Partial<TokenOptions> = {}): Tokens {
  const tell = () => {
    for (const told of ended.splice(0)) told()
  }
  return createTokens(
    {
      jwksUrl: server.url,
      jwksMaxAgeMs: MAX_AGE_MS,
      jwksCooldownMs: COOLDOWN_MS,
      clockToleranceMs: 3_600_000,
      ...options,
    },
    {
      clock,
      events: {
        keySetFetched: (keys) => {
          fetched.push(keys)
          tell()
        },
        keySetFailed: (reason) => {
          failed.push(reason)
          tell()
        },
      },
    },
  )
}

function nextFetchEnds(): Promise<void> {
  return new Promise((resolve) => ended.push(resolve))
}

async function refusal(verifying: Promise<unknown>): Promise<SluiceError> {
  const error: unknown = await verifying.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof SluiceError)) throw new Error('not refused as it should be', { cause: error })
  return error
}

const UNKNOWN = 'the token is signed by a key that is not in the key set of auth.jwksUrl'

describe('a key set', () => {
  it('checks tokens of its keys, of several kinds', async () => {
    server.keys = [one.jwk, two.jwk]
    const tokens = tokensBySet()
    await expect(tokens.verify(await sign(goodClaims, one))).resolves.toMatchObject({ user: 'alice' })
    await expect(tokens.verify(await sign(goodClaims, two))).resolves.toMatchObject({ user: 'alice' })
    expect(server.asked).toBe(1)
    expect(fetched).toEqual([2])
  })

  it('checks a token without kid where only one key suits it', async () => {
    server.keys = [one.jwk, two.jwk]
    const token = await sign(goodClaims, { alg: 'ES256', key: one.key })
    await expect(tokensBySet().verify(token)).resolves.toBeDefined()
  })

  it('refuses a token without kid where several keys suit it', async () => {
    server.keys = [one.jwk, three.jwk]
    const error = await refusal(tokensBySet().verify(await sign(goodClaims, { alg: 'ES256', key: one.key })))
    expect(error.code).toBe('unauthorized')
    expect(error.message).toBe(
      'the token does not name its key (kid), and auth.jwksUrl has several keys for ES256',
    )
  })

  it('refuses a token that names a key of the set and is signed by another', async () => {
    const error = await refusal(tokensBySet().verify(await sign(goodClaims, { ...three, kid: 'one' })))
    expect(error.message).toMatch(/signed by another key/)
  })

  it('does not use a key for an algorithm that is not its own', async () => {
    server.keys = [{ ...one.jwk, alg: 'ES512' }]
    expect((await refusal(tokensBySet().verify(await sign(goodClaims, one)))).message).toBe(UNKNOWN)
  })

  it('skips keys that it cannot use', async () => {
    server.keys = [
      null,
      7,
      { kty: 'later' },
      { kty: 'oct', k: 'AAAA', kid: 'one' },
      { ...one.jwk, use: 'enc' },
      one.jwk,
    ]
    await expect(tokensBySet().verify(await sign(goodClaims, one))).resolves.toBeDefined()
    expect(fetched).toEqual([1])
  })

  it('never checks an HMAC token, whatever it holds', async () => {
    server.keys = [{ kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'one' }]
    const token = await sign(goodClaims, { alg: 'HS256', kid: 'one', key: Buffer.from(SECRET) })
    expect((await refusal(tokensBySet().verify(token))).message).toMatch(
      /^the token is signed with HS256; allowed/,
    )
    expect(server.asked).toBe(0)
  })

  it('is not asked for a token of the secret beside it', async () => {
    await expect(tokensBySet({ jwtSecret: SECRET }).verify(await sign(goodClaims))).resolves.toBeDefined()
    expect(server.asked).toBe(0)
  })

  it('leaves tokens without kid, and with an unknown one, to a PEM key beside it', async () => {
    const tokens = tokensBySet({ jwtPublicKey: three.pem })
    await expect(
      tokens.verify(await sign(goodClaims, { alg: 'ES256', key: three.key })),
    ).resolves.toBeDefined()
    expect(server.asked).toBe(0)
    await expect(tokens.verify(await sign(goodClaims, three))).resolves.toBeDefined()
    await expect(tokens.verify(await sign(goodClaims, one))).resolves.toBeDefined()
  })
})

describe('rotation', () => {
  it('J1 verifications at the same time share one fetch', async () => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    await Promise.all(Array.from({ length: 50 }, () => tokens.verify(token)))
    expect(server.asked).toBe(1)

    clock.pass(COOLDOWN_MS)
    server.keys = [two.jwk]
    const fresh = await sign(goodClaims, two)
    await Promise.all(Array.from({ length: 50 }, () => tokens.verify(fresh)))
    expect(server.asked).toBe(2)
  })

  it('J2 a new key is found when the first token names it, and the old one is gone with the set', async () => {
    const tokens = tokensBySet()
    const old = await sign(goodClaims, one)
    await tokens.verify(old)
    clock.pass(COOLDOWN_MS)
    server.keys = [two.jwk]
    await expect(tokens.verify(await sign(goodClaims, two))).resolves.toBeDefined()
    expect((await refusal(tokens.verify(old))).message).toBe(UNKNOWN)
  })

  it('a token that was good is refused once its key is gone from the set, however often it came before', async () => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    for (let i = 0; i < 3; i++) await expect(tokens.verify(token)).resolves.toBeDefined()
    server.keys = [two.jwk]
    clock.pass(MAX_AGE_MS)
    expect((await refusal(tokens.verify(token))).message).toBe(UNKNOWN)
  })

  it('J2 made-up key names cost one fetch per cooldown', async () => {
    const tokens = tokensBySet()
    const madeUp = await Promise.all(
      Array.from({ length: 20 }, (_, i) => sign(goodClaims, { ...three, kid: `made up ${i}` })),
    )
    await tokens.verify(await sign(goodClaims, one))
    for (const token of madeUp) expect((await refusal(tokens.verify(token))).message).toBe(UNKNOWN)
    expect(server.asked).toBe(1)
    clock.pass(COOLDOWN_MS)
    for (const token of madeUp) expect((await refusal(tokens.verify(token))).code).toBe('unauthorized')
    expect(server.asked).toBe(2)
  })

  it('J3 a set over its age is fetched before it is used', async () => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    await tokens.verify(token)
    clock.pass(MAX_AGE_MS)
    server.keys = [two.jwk]
    expect((await refusal(tokens.verify(token))).message).toBe(UNKNOWN)
    expect(server.asked).toBe(2)
  })

  it('J3 a set in use is fetched ahead of time, and nobody waits', async () => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    await tokens.verify(token)
    clock.pass(MAX_AGE_MS * 0.75)
    let release = (): void => undefined
    server.answer = (response) => (release = () => server.publish(response))
    const arrived = server.nextRequest()
    await expect(tokens.verify(token)).resolves.toBeDefined()
    await arrived
    expect(fetched).toEqual([1])
    server.keys = [one.jwk, two.jwk]
    const end = nextFetchEnds()
    release()
    await end
    expect(fetched).toEqual([1, 2])
  })
})

const FAILURES: readonly (readonly [string, (response: ServerResponse) => void, RegExp])[] = [
  ['an error', (response) => response.writeHead(500).end('oops'), /^the answer has status 500, not 200$/],
  ['a redirect', (response) => response.writeHead(302, { location: '/keys' }).end(), /status 302/],
  ['no JSON', (response) => response.writeHead(200).end('<html>'), /JSON/],
  [
    'more bytes than any issuer needs, packed or not',
    (response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000, ' '))),
    /^the answer has more than 1048576 bytes$/,
  ],
  [
    'bytes without end',
    (response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
      }
      response.on('drain', more)
      more()
    },
    /^the answer has more than 1048576 bytes$/,
  ],
  [
    'more keys than any issuer needs',
    (response) =>
      response.writeHead(200).end(JSON.stringify({ keys: Array.from({ length: 257 }, () => ({})) })),
    /^the answer has 257 keys; at most 256 are read$/,
  ],
  [
    'keys that are nested without end',
    (response) => response.writeHead(200).end(`{"keys":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
    /^the answer is nested deeper than limits.jsonDepth allows, which is 64$/,
  ],
  ['JSON of something else', (response) => response.writeHead(200).end('[]'), /^the answer is not a key set/],
  ['a lost connection', (response) => response.destroy(), /^fetch failed: /],
]

describe('a key set that cannot be fetched', () => {
  it.each(FAILURES)('J4 keeps its keys in use: %s', async (_, failure, reason) => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    await tokens.verify(token)
    server.answer = failure
    clock.pass(MAX_AGE_MS)
    await expect(tokens.verify(token)).resolves.toBeDefined()
    expect(failed).toEqual([expect.stringMatching(reason)])
    expect(tokens.healthy()).toBe(false)
  })

  it('J4 is fetched again after the cooldown, without anybody waiting, and is healthy again', async () => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    await tokens.verify(token)
    server.answer = (response) => response.writeHead(500).end()
    clock.pass(MAX_AGE_MS)
    await tokens.verify(token)
    await tokens.verify(token)
    expect(server.asked).toBe(2)

    server.answer = (response) => server.publish(response)
    clock.pass(COOLDOWN_MS)
    const end = nextFetchEnds()
    await tokens.verify(token)
    await end
    expect(tokens.healthy()).toBe(true)
    expect(server.asked).toBe(3)
  })

  it('J4 cannot know about a new key: unavailable, not unauthorized', async () => {
    const tokens = tokensBySet()
    await tokens.verify(await sign(goodClaims, one))
    server.answer = (response) => response.writeHead(500).end()
    clock.pass(COOLDOWN_MS)
    const error = await refusal(tokens.verify(await sign(goodClaims, two)))
    expect(error.code).toBe('unavailable')
    expect(error.retryAfterMs).toBeGreaterThan(0)
  })

  it.each(FAILURES)('J5 without keys is unavailable: %s', async (_, failure) => {
    server.answer = failure
    const error = await refusal(tokensBySet().verify(await sign(goodClaims, one)))
    expect(error.code).toBe('unavailable')
    expect(error.message).toBe('the key set that checks tokens (auth.jwksUrl) cannot be fetched now')
  })

  it('J5 is asked at most once a second while there are no keys, and then serves', async () => {
    const tokens = tokensBySet()
    const token = await sign(goodClaims, one)
    server.answer = (response) => response.writeHead(500).end()
    for (let i = 0; i < 10; i++) await refusal(tokens.verify(token))
    expect(server.asked).toBe(1)
    server.answer = (response) => server.publish(response)
    clock.pass(1000)
    await expect(tokens.verify(token)).resolves.toBeDefined()
    expect(tokens.healthy()).toBe(true)
  })

  it('J5 is unavailable where nobody listens, and where nobody answers in time', async () => {
    server.answer = () => undefined
    expect((await refusal(tokensBySet({ jwksTimeoutMs: 50 }).verify(await sign(goodClaims, one)))).code).toBe(
      'unavailable',
    )
    expect(failed).toEqual([expect.stringMatching(/timeout/)])
    server.answer = (response) => void response.writeHead(200).write('{"keys":[')
    expect((await refusal(tokensBySet({ jwksTimeoutMs: 50 }).verify(await sign(goodClaims, one)))).code).toBe(
      'unavailable',
    )
    expect(failed).toEqual([expect.stringMatching(/timeout/), expect.stringMatching(/timeout/)])
    await server.close()
    expect((await refusal(tokensBySet().verify(await sign(goodClaims, one)))).code).toBe('unavailable')
  })

  it('never tells peers or operators its URL, which may hold a key', async () => {
    await server.close()
    const error = await refusal(tokensBySet().verify(await sign(goodClaims, one)))
    expect(`${error.message} ${error.stack} ${String(error.cause)} ${failed.join()}`).not.toContain(
      'of-the-url',
    )
  })
})
