import { describe, expect, it } from 'vitest'
import { createLog, silentLog, type LogLevel, type LogRoot } from '../../../src/observe/log.ts'
import { redactFields, redactText } from '../../../src/observe/redact.ts'

// Not a token of anybody: {"alg":"none"} . {"sub":"a"} . nothing that verifies.
const JWT = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

function logTo(lines: string[], level: LogLevel = 'debug'): LogRoot {
  return createLog({
    level,
    pretty: false,
    bindings: { node: 'n1' },
    destination: { write: (line) => void lines.push(line) },
  })
}

function parsed(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('log', () => {
  it('a line is one JSON object with the level by name, the time, the bindings, the fields and the message', () => {
    const lines: string[] = []
    logTo(lines).info({ channel: 'news:1' }, 'a channel was opened')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(parsed(lines)[0]).toMatchObject({
      level: 'info',
      node: 'n1',
      channel: 'news:1',
      msg: 'a channel was opened',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    })
  })

  it('a line below the level is not written', () => {
    const lines: string[] = []
    const log = logTo(lines, 'warn')
    log.info({}, 'a')
    log.warn({}, 'b')
    expect(parsed(lines).map(({ msg }) => msg)).toEqual(['b'])
  })

  it('`silent` writes nothing', () => {
    const lines: string[] = []
    logTo(lines, 'silent').error({}, 'a')
    expect(lines).toEqual([])
  })

  it('a log made by `with` carries its fields in every line', () => {
    const lines: string[] = []
    logTo(lines).with({ request: 'r1' }).warn({ status: 503 }, 'refused')
    expect(parsed(lines)[0]).toMatchObject({ node: 'n1', request: 'r1', status: 503 })
  })

  it('no token, key or password of fields, bindings, errors or texts is in a line', () => {
    const lines: string[] = []
    const cause = new Error(`401 for Authorization: Bearer ${JWT}`)
    const error = Object.assign(new Error('cannot reach nats://sluice:hunter2@10.0.0.1:4222', { cause }), {
      token: JWT,
      options: { password: 'hunter2' },
    })
    logTo(lines)
      .with({ secret: 'hunter2' })
      .error(
        { err: error, headers: { Authorization: `Bearer ${JWT}` }, url: `/v1/ws?token=hunter2&a=1` },
        'x',
      )
    expect(lines[0]).not.toContain('hunter2')
    expect(lines[0]).not.toContain(JWT)
    expect(lines[0]).toContain('10.0.0.1:4222')
    expect(lines[0]).toContain('&a=1')
    expect(parsed(lines)).toHaveLength(1)
  })

  it('an error shows its message, stack, code and cause', () => {
    const lines: string[] = []
    const error = Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'unavailable' })
    logTo(lines).error({ err: error }, 'failed')
    expect(parsed(lines)[0]?.['err']).toMatchObject({
      type: 'Error',
      message: 'outer: inner',
      code: 'unavailable',
      stack: expect.stringContaining('caused by: Error: inner') as string,
    })
  })

  it('the silent twin takes everything and says nothing', () => {
    silentLog.with({ a: 1 }).error({ err: new Error('x') }, 'x')
    expect(silentLog.with({})).toBe(silentLog)
  })
})

describe('redaction of fields', () => {
  it.each([
    'token',
    'accessToken',
    'authorization',
    'Authorization',
    'proxy-authorization',
    'key',
    'keys',
    'apiKey',
    'apikey',
    'api_key',
    'X-Api-Key',
    'API_KEY',
    'privateKey',
    'secret',
    'jwtSecret',
    'SLUICE_CLUSTER_SECRET',
    'password',
    'cookie',
    'set-cookie',
    'credentials',
  ])('%s is a secret at any depth', (name) => {
    const clean = JSON.stringify(redactFields({ [name]: 'hunter2', a: [{ b: { [name]: ['hunter2'] } }] }))
    expect(clean).not.toContain('hunter2')
    expect(clean.match(/\[redacted\]/g)).toHaveLength(2)
  })

  it.each([
    { monkey: 'x' },
    { keys: 3 },
    { tokens: 2 },
    { hasToken: true },
    { tokenId: 'a' },
    { token: null },
  ])('%o is none', (fields) => {
    expect(redactFields(fields)).toBe(fields)
  })

  it('the caller’s object is left as it was', () => {
    const fields = { a: { token: 'x' } }
    redactFields(fields)
    expect(fields).toEqual({ a: { token: 'x' } })
  })

  it('a circle ends', () => {
    const circle: Record<string, unknown> = { token: 'hunter2' }
    circle['self'] = circle
    expect(JSON.stringify(redactFields(circle))).not.toContain('hunter2')
  })
})

describe('redaction of texts', () => {
  it.each([
    [`GET /v1/sse?channels=a&token=${JWT} 401`, 'GET /v1/sse?channels=a&token=[redacted] 401'],
    ['redis://user:pass@host:6379/0', 'redis://[redacted]@host:6379/0'],
    [`token ${JWT} is expired`, 'token [redacted] is expired'],
    ['Bearer abcdefghijkl', 'Bearer [redacted]'],
  ])('%s', (text, clean) => {
    expect(redactText(text)).toBe(clean)
  })

  it('text without a secret stays as it is', () => {
    const text = 'the bearer is missing in https://example.org/a@b?tokens=2 (eyJ)'
    expect(redactText(text)).toBe(text)
  })

  it.each(['eyJ-', 'a.', 'a:', 'http://', 'Bearer ', '?token=&'])(
    'a megabyte of %j is no burden',
    (piece) => {
      // Quadratic work on this much would take hours, and the test its time limit.
      const text = piece.repeat(1_000_000 / piece.length)
      expect(redactText(text)).toBe(text)
    },
  )
})
