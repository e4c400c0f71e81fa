import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bodyFault,
  channelText,
  isSigned,
  requestFault,
  requestText,
  signatureOf,
  userText,
} from '../../../../src/dialect/pusher/signatures.ts'

/** The vectors of Pusher's documents. */
const KEY = '278d425bdf160c739803'
const SECRET = '7ad3773142a6692b25b8'
const APP = [
  { key: 'another', secret: 'of the same app' },
  { key: KEY, secret: SECRET },
]

describe('what the secret of an app signs', () => {
  const member = (name: string): string => `{"user_id":10,"user_info":{"name":"${name}"}}`
  it.each([
    [
      channelText('1234.1234', 'private-foobar', undefined),
      '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4',
    ],
    [
      channelText('1234.1234', 'presence-foobar', member('Mr. Pusher')),
      'afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c',
    ],
    [
      channelText('1234.1234', 'presence-foobar', member('Mr. Channels')),
      '31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80',
    ],
    [
      userText('1234.1234', '{"id":"12345"}'),
      '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba',
    ],
  ])('%s', (text, signature) => {
    expect(signatureOf(SECRET, text)).toBe(signature)
    expect(isSigned(`${KEY}:${signature}`, text, APP)).toBe(true)
    expect(isSigned(`another:${signature}`, text, APP)).toBe(false)
    expect(isSigned(`${KEY}:${signature}`, `${text} `, APP)).toBe(false)
  })

  it('is nothing that has another form, and of no app that has another key', () => {
    const signature = signatureOf(SECRET, 'x')
    fc.assert(
      fc.property(fc.anything(), (auth) => {
        expect(isSigned(auth, 'x', APP)).toBe(false)
      }),
    )
    expect(isSigned(`${KEY}:${signature}`, 'x', [{ key: 'k', secret: SECRET }])).toBe(false)
    expect(isSigned(`${KEY}:${signature.toUpperCase()}`, 'x', APP)).toBe(false)
  })
})

describe('a request of a backend', () => {
  const body = Buffer.from('{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}')
  const signature = 'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c'
  const params = `auth_key=${KEY}&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f`
  const good = {
    method: 'POST',
    path: '/apps/3/events',
    query: `${params}&auth_signature=${signature}`,
    body,
  }
  const nowMs = 1_353_088_179_000

  it('is the one of the documents', () => {
    expect(requestFault(good, APP, nowMs)).toBeUndefined()
    expect(requestFault(good, APP, nowMs + 600_000)).toBeUndefined()
    expect(bodyFault(good.query, body)).toBeUndefined()
    expect(bodyFault(good.query, Buffer.from('{}'))).toContain('body_md5')
  })

  it.each([
    ['another path', { path: '/apps/4/events' }, 'auth_signature'],
    ['another method', { method: 'GET' }, 'auth_signature'],
    ['no query', { query: '' }, 'auth_key'],
    ['another parameter', { query: `${good.query}&info=user_count` }, 'auth_signature'],
    ['another version', { query: good.query.replace('1.0', '2.0') }, 'auth_version'],
    ['no signature', { query: params }, 'auth_signature'],
  ])('with %s is not taken', (_, change, what) => {
    expect(requestFault({ ...good, ...change }, APP, nowMs)).toContain(what)
  })

  it('of another time is not taken, nor with a body that is not signed', () => {
    expect(requestFault(good, APP, nowMs + 601_000)).toContain('auth_timestamp')
    expect(requestFault(good, APP, nowMs - 601_000)).toContain('auth_timestamp')
    const query = params.replace(/&body_md5=.*/, '')
    const signed = signatureOf(SECRET, requestText('POST', good.path, new URLSearchParams(query)))
    const signedQuery = `${query}&auth_signature=${signed}`
    expect(requestFault({ ...good, query: signedQuery }, APP, nowMs)).toBeUndefined()
    expect(bodyFault(signedQuery, body)).toBe('body_md5 is missing')
    expect(bodyFault(signedQuery, Buffer.of())).toBeUndefined()
  })

  it('is signed by its parameters, whatever order they have and however they are escaped', () => {
    const name = fc.stringMatching(/^[a-z_]{1,8}$/)
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: 'grapheme' })), fc.uint8Array(), (more, bytes) => {
        const entries: [string, string][] = Object.entries({
          ...more,
          auth_key: KEY,
          auth_timestamp: '1353088179',
          auth_version: '1.0',
          body_md5: createHash('md5').update(bytes).digest('hex'),
        })
        const text = requestText('PUT', '/apps/3/x', new URLSearchParams(entries))
        const sent = new URLSearchParams([
          ['auth_signature', signatureOf(SECRET, text)],
          ...entries.toReversed(),
        ])
        const asked = { method: 'PUT', path: '/apps/3/x', query: String(sent) }
        expect([requestFault(asked, APP, nowMs), bodyFault(asked.query, bytes)]).toEqual([
          undefined,
          undefined,
        ])
      }),
    )
  })
})
