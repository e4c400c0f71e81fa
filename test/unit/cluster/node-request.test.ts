import { describe, expect, it } from 'vitest'
import { NodeRequests, type Asked, type OnBehalf } from '../../../src/cluster/node-request.ts'
import { NodeTokens } from '../../../src/cluster/node-token.ts'

const SECRET = 'a secret of the cluster'
const NOW = 1_700_000_000_000
const ASKED: Asked = { method: 'POST', path: '/v1/nodes/two/drain?x=1', body: '{"plan":"5m"}' }
const CALLER: OnBehalf = {
  grant: { name: 'ops', scopes: ['admin'], namespaces: undefined },
  requestId: 'r1',
  remoteAddress: '10.0.0.9',
}

function node(id: string, secret = SECRET): NodeRequests {
  return new NodeRequests(secret, id, new NodeTokens(secret, id))
}

describe('a request of a node', () => {
  it('says who asked, and with what rights', () => {
    const limited: OnBehalf = {
      ...CALLER,
      grant: { name: 'shop', scopes: ['history'], namespaces: ['a', '@'] },
    }
    for (const onBehalf of [CALLER, limited])
      expect(node('two').check(NOW, ASKED, node('one').issue('two', NOW, ASKED, onBehalf))).toEqual({
        kind: 'good',
        from: 'one',
        onBehalf,
      })
  })

  const changes: readonly (readonly [string, Asked])[] = [
    ['another method', { ...ASKED, method: 'DELETE' }],
    ['another path', { ...ASKED, path: '/v1/nodes/two/rebalance?x=1' }],
    ['another query', { ...ASKED, path: '/v1/nodes/two/drain?x=2' }],
    ['another body', { ...ASKED, body: '{"plan":"1s"}' }],
    ['no body', { ...ASKED, body: '' }],
  ]
  it.each(changes)('is refused with %s', (_, changed) => {
    const headers = node('one').issue('two', NOW, ASKED, CALLER)
    expect(node('two').check(NOW, changed, headers)).toEqual({ kind: 'refused', why: 'secret' })
  })

  it('is refused with more rights than it was sealed with', () => {
    const { authorization } = node('one').issue('two', NOW, ASKED, {
      ...CALLER,
      grant: { ...CALLER.grant, scopes: [] },
    })
    const { caller } = node('one').issue('two', NOW, ASKED, CALLER)
    expect(node('two').check(NOW, ASKED, { authorization, caller })).toEqual({
      kind: 'refused',
      why: 'secret',
    })
    expect(node('two').check(NOW, ASKED, { authorization })).toEqual({ kind: 'refused', why: 'secret' })
  })

  it('is refused at another node, with another secret, at another time, and the second time', () => {
    const headers = node('one').issue('two', NOW, ASKED, CALLER)
    expect(node('three').check(NOW, ASKED, headers)).toEqual({ kind: 'refused', why: 'secret' })
    expect(node('two', 'another secret of it').check(NOW, ASKED, headers)).toEqual({
      kind: 'refused',
      why: 'secret',
    })
    expect(node('two').check(NOW + 61_000, ASKED, headers)).toEqual({ kind: 'refused', why: 'clock' })
    const two = node('two')
    expect(two.check(NOW, ASKED, headers).kind).toBe('good')
    expect(two.check(NOW, ASKED, headers)).toEqual({ kind: 'refused', why: 'replayed' })
  })

  it('is refused where it is the token of a link', () => {
    const tokens = new NodeTokens(SECRET, 'one')
    const authorization = tokens.issue('two', NOW, 'link')
    expect(node('two').check(NOW, ASKED, { authorization, caller: '' })).toEqual({
      kind: 'refused',
      why: 'secret',
    })
  })

  it('allows no scope that is not known here', () => {
    const grant = { name: 'ops', scopes: ['history', 'destroy'] as never, namespaces: undefined }
    const headers = node('one').issue('two', NOW, ASKED, { ...CALLER, grant })
    expect(node('two').check(NOW, ASKED, headers)).toMatchObject({
      onBehalf: { grant: { scopes: ['history'] } },
    })
  })

  it.each([undefined, 'Bearer x', 'Sluice-Node', 'Sluice-Node a 1 1 x', ''])(
    'is none with the authorization %j',
    (authorization) => {
      const headers = authorization === undefined ? {} : { authorization }
      expect(node('two').check(NOW, ASKED, headers)).toEqual({ kind: 'refused', why: 'none' })
    },
  )

  it.each([
    '',
    'bm90IGpzb24',
    Buffer.from('null').toString('base64url'),
    Buffer.from('{"grant":{"scopes":1}}').toString('base64url'),
  ])('is none where what is sealed says of nobody who asks: %j', (caller) => {
    const tokens = new NodeTokens(SECRET, 'one')
    const { method, path } = ASKED
    // As a node of another version would seal it.
    const hash = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    const authorization = tokens.issue('two', NOW, 'request', method, path, hash, caller)
    expect(node('two').check(NOW, { ...ASKED, body: '' }, { authorization, caller })).toEqual({
      kind: 'refused',
      why: 'none',
    })
  })
})

describe('the answer to a request of a node', () => {
  const one = node('one')
  const { authorization } = one.issue('two', NOW, ASKED, CALLER)
  const header = node('two').answer(authorization, 200, '{"a":1}')

  it('says which node has answered', () => {
    expect(one.answeredBy(header, authorization, 200, '{"a":1}')).toBe('two')
  })

  it('is of nobody with another status or body, for another request, by another node, or with another secret', () => {
    expect(one.answeredBy(header, authorization, 201, '{"a":1}')).toBeUndefined()
    expect(one.answeredBy(header, authorization, 200, '{"a":2}')).toBeUndefined()
    const other = one.issue('two', NOW, ASKED, CALLER).authorization
    expect(one.answeredBy(header, other, 200, '{"a":1}')).toBeUndefined()
    expect(one.answeredBy(header.replace('two', 'three'), authorization, 200, '{"a":1}')).toBeUndefined()
    const stranger = node('two', 'another secret of it').answer(authorization, 200, '{"a":1}')
    expect(one.answeredBy(stranger, authorization, 200, '{"a":1}')).toBeUndefined()
    for (const nothing of [undefined, '', 'two', 'two x', ['two', 'x'], 7])
      expect(one.answeredBy(nothing, authorization, 200, '{"a":1}')).toBeUndefined()
  })
})
