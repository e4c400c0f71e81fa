import { describe, expect, it } from 'vitest'
import { deadUrl, fakeGateway } from './fake-gateway.ts'
import { run } from './fake-terminal.ts'
import { createTokens } from '../../../src/auth/tokens.ts'
import { systemClock } from '../../../src/clock.ts'

const SECRET = 'a secret of thirty-two characters'
const EVENTS = { keySetFetched() {}, keySetFailed() {} }

describe('with SLUICE_JWT_SECRET', () => {
  it('signs a token that a node accepts', async () => {
    const { code, out, err } = await run(
      [
        'token',
        '--sub',
        'alice',
        '--subscribe',
        'news:*',
        'chat:42',
        '--publish',
        'chat:42,notes',
        '--ttl',
        '10m',
        '--audience',
        'a',
        '--issuer',
        'i',
      ],
      { SLUICE_JWT_SECRET: SECRET },
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const tokens = createTokens(
      { jwtSecret: SECRET, audience: 'a', issuer: 'i', clockToleranceMs: 0 },
      { clock: systemClock, events: EVENTS },
    )
    const identity = await tokens.verify(out)
    expect(identity.user).toBe('alice')
    expect(identity.permissions.maySubscribe('news:today')).toBe(true)
    expect(identity.permissions.maySubscribe('notes')).toBe(false)
    expect(identity.permissions.mayPublish('notes')).toBe(true)
    expect(identity.permissions.mayPublish('chat:42')).toBe(true)
    expect((identity.expiresAtMs ?? 0) - (identity.issuedAtMs ?? 0)).toBe(600_000)
  })

  it('is good for a day unless told otherwise', async () => {
    const { out } = await run(['token', '--sub', 'alice'], { SLUICE_JWT_SECRET: SECRET })
    const claims = JSON.parse(Buffer.from(out.split('.')[1] ?? '', 'base64url').toString()) as {
      exp: number
      iat: number
    }
    expect(claims.exp - claims.iat).toBe(86_400)
  })

  it.each([
    [['--sub', ''], 1, /^sluice: bad_request: sub \(the user\) must be/],
    [['--sub', 'alice', '--subscribe', 'a*b'], 1, /^sluice: bad_request: subscribe\[0\] is not a pattern/],
    [['--sub', 'alice', '--ttl', 'soon'], 2, /^sluice: --ttl is "soon"; allowed: a time of at least 1s/],
    [['--sub', 'alice', '--ttl', '0s'], 2, /^sluice: --ttl is "0s"/],
    [[], 2, /^sluice: required option '--sub <user>' not specified$/],
  ])('%j is refused', async (words, expected, complaint) => {
    const { code, out, err } = await run(['token', ...words], { SLUICE_JWT_SECRET: SECRET })
    expect({ code, out }).toEqual({ code: expected, out: '' })
    expect(err).toMatch(complaint)
    expect(err).not.toContain(SECRET)
  })
})

describe('without it', () => {
  it('a node for development is asked', async () => {
    const { url, requests } = await fakeGateway(() => ({ status: 200, body: { token: 'eyJ.x.y' } }))
    const { code, out } = await run(['token', '--sub', 'alice', '--subscribe', '*', '--ttl', '1h'], {
      SLUICE_API_URL: url,
    })
    expect({ code, out }).toEqual({ code: 0, out: 'eyJ.x.y' })
    expect(requests[0]).toMatchObject({ method: 'POST', path: '/v1/dev/token', key: 'Bearer dev' })
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      sub: 'alice',
      subscribe: ['*'],
      publish: [],
      ttlSeconds: 3600,
    })
  })

  it('a node in production makes none, and one line says what to do', async () => {
    const { url } = await fakeGateway(() => ({
      status: 404,
      body: { error: { code: 'not_found', message: 'nothing here' } },
    }))
    const { code, err } = await run(['token', '--sub', 'alice', '--url', url])
    expect(code).toBe(1)
    expect(err).toMatch(
      /^sluice: this node makes no tokens, since it is not one of sluice dev: set SLUICE_JWT_SECRET [^\n]+$/,
    )
  })

  it('no node at all, and one line says what to do', async () => {
    const { code, err } = await run(['token', '--sub', 'alice', '--url', await deadUrl()])
    expect(code).toBe(1)
    expect(err).toMatch(/^sluice: no node answers [^\n]+; or set SLUICE_JWT_SECRET to sign a token here$/)
  })

  it('a wrong key is told', async () => {
    const { url } = await fakeGateway(() => ({
      status: 401,
      body: { error: { code: 'unauthorized', message: 'no' } },
    }))
    expect(await run(['token', '--sub', 'alice', '--url', url])).toEqual({
      code: 1,
      out: '',
      err: 'sluice: unauthorized: no',
    })
  })

  it('an answer without a token is told', async () => {
    const { url } = await fakeGateway(() => ({ status: 200, body: {} }))
    const { code, err } = await run(['token', '--sub', 'alice', '--url', url])
    expect({ code, err }).toEqual({
      code: 1,
      err: 'sluice: the node answered without a token: it is of another version',
    })
  })
})
