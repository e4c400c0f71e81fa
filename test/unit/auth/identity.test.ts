import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { type Identity, identityOf, withPermissions } from '../../../src/auth/identity.ts'
import { PatternTable } from '../../../src/auth/permissions.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const CONNECTIONS = 20_000

/** Parsed from text each time, as claims are, so that nothing is shared by accident. */
function heapBytesPerIdentity(claimsOf: (user: number) => unknown): number {
  const table = new PatternTable(4096)
  const held: Identity[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let user = 0; user < CONNECTIONS; user++) {
    held.push(identityOf(JSON.parse(JSON.stringify(claimsOf(user))) as object, table))
  }
  collectGarbage()
  const bytes = (process.memoryUsage().heapUsed - before) / CONNECTIONS
  expect(held).toHaveLength(CONNECTIONS)
  return bytes
}

const many = (prefix: string) =>
  Array.from({ length: 20 }, (_, i) => `${prefix}:some-quite-ordinary-room-${i}:*`)

it('an idle identity holds less than 256 bytes where the claims of all are equal, however long they are', () => {
  const bytes = heapBytesPerIdentity((user) => ({
    sub: `user-${user}`,
    iat: 1_800_000_000,
    exp: 1_800_003_600,
    sluice: { subscribe: many('read'), publish: many('write') },
  }))
  expect(bytes).toBeLessThan(256)
})

it('an idle identity holds less than 768 bytes where everybody has a few patterns of their own', () => {
  const bytes = heapBytesPerIdentity((user) => ({
    sub: `user-${user}`,
    iat: 1_800_000_000,
    exp: 1_800_003_600,
    sluice: { subscribe: ['news:*', `user:${user}:*`, `orders:${user}`], publish: [`user:${user}:*`] },
  }))
  expect(bytes).toBeLessThan(768)
})

it('a token may name channels that its user is put on, and of too many it tells that', () => {
  const channelsOf = (claims: object): readonly string[] | undefined =>
    identityOf({ sub: 'ann', ...claims }, new PatternTable(16)).channels
  expect(channelsOf({})).toBeUndefined()
  expect(channelsOf({ channels: ['a', 7, 'b'], subs: { b: {}, c: { info: 1 } } })).toEqual(['a', 'b', 'c'])
  expect(channelsOf({ channels: { a: 1 }, subs: ['x'] })).toBeUndefined()
  expect(channelsOf({ channels: Array.from({ length: 5000 }, (_, index) => `c${index}`) })).toHaveLength(101)
})

it('the moments of a token are those of its claims, to the millisecond', () => {
  const table = new PatternTable(1)
  for (const [exp, iat] of [
    [1_800_003_600, 1_800_000_000],
    [1_800_003_600.001, 1_800_000_000.999],
    [8_000_000_000.123, undefined],
  ] as const) {
    const moments = { expiresAtMs: Math.floor(exp * 1000), issuedAtMs: iat && Math.floor(iat * 1000) }
    const identity = identityOf({ sub: 'ann', exp, iat }, table)
    expect(identity).toMatchObject(moments)
    expect(withPermissions(identity, identity.permissions)).toMatchObject({ user: 'ann', ...moments })
  }
})

it('an identity whose permissions have changed is the same in all else', () => {
  const table = new PatternTable(2)
  const claims = { sub: 'ann', exp: 2, channel: 'news', channels: ['a', 'b'] }
  const identity = identityOf(claims, table)
  const other = table.permissions(['*'], [], [])
  const fields = { user: 'ann', expiresAtMs: 2000, channel: 'news', channels: ['a', 'b'], permissions: other }
  expect(withPermissions(identity, other)).toEqual({ ...fields, issuedAtMs: undefined })
  expect(withPermissions({ ...fields, issuedAtMs: 1, tokenless: true }, identity.permissions)).toMatchObject({
    tokenless: true,
    permissions: identity.permissions,
  })
})

it('a token may say of its user what others see, in the connection and in single channels', () => {
  const said = (claims: object): object => {
    const { info, subs, connectionEndsMs } = identityOf({ sub: 'ann', ...claims }, new PatternTable(16))
    return { info, subs: subs && Object.fromEntries(subs), connectionEndsMs }
  }
  const nothing = { info: undefined, subs: undefined, connectionEndsMs: undefined }
  expect(said({})).toEqual(nothing)
  expect(said({ info: null, subs: ['a'], expire_at: -1 })).toEqual(nothing)
  expect(said({ info: { name: 'Ann' }, expire_at: 0 })).toEqual({
    ...nothing,
    info: '{"name":"Ann"}',
    connectionEndsMs: 0,
  })
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  expect(said({ info: 1, b64info: base64('{"a":\n1}') })).toEqual({ ...nothing, info: '{"a": 1}' })
  expect(said({ b64info: base64('\u0001') })).toEqual({ ...nothing, info: '"AQ=="' })
  expect(said({ subs: { a: { info: 1, data: [2] }, b: {}, c: 7, d: { b64data: base64('3') } } })).toEqual({
    ...nothing,
    subs: { a: { info: '1', data: '[2]' }, d: { data: '3' } },
  })
  expect(said({ info: 'x'.repeat(5000) })).toMatchObject({
    info: expect.toSatisfy((text: string) => text.length === 1025),
  })
})

it('equal claims have the same permissions, and a claim that only looks like a known one is looked at', () => {
  const table = new PatternTable(4)
  const known = identityOf({ sub: 'ann', sluice: { subscribe: ['a', 'b'] } }, table).permissions
  expect(identityOf({ sub: 'bob', sluice: { subscribe: ['a', 'b'] } }, table).permissions).toBe(known)
  expect(identityOf({ sub: 'bob', sluice: { subscribe: ['b', 'a'] } }, table).permissions).toBe(known)
  for (const subscribe of [['a\nb'], [['a', 'b']], 'a,b'])
    for (let turn = 0; turn < 2; turn++)
      expect(() => identityOf({ sub: 'eve', sluice: { subscribe } }, table)).toThrow('sluice.subscribe')
})

it('more different claims than are remembered are as good as the first', () => {
  const table = new PatternTable(2)
  for (let turn = 0; turn < 2; turn++)
    for (const channel of ['a', 'b', 'c', 'd']) {
      const { permissions } = identityOf({ sub: 'ann', sluice: { subscribe: [channel] } }, table)
      expect([channel, 'e'].map((one) => permissions.maySubscribe(one))).toEqual([true, false])
    }
})
