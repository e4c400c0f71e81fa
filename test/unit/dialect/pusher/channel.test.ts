import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Apps } from '../../../../src/dialect/pusher/apps.ts'
import { internalNameOf, kindOf, publicNameOf, userOf } from '../../../../src/dialect/pusher/channel.ts'
import { sessionIdOf, socketIdOf } from '../../../../src/dialect/pusher/socket-id.ts'
import { isInternalChannel, namespaceOf } from '../../../../src/protocol/channel.ts'

describe('a channel of Pusher', () => {
  it.each([
    ['news', 'public', false, false],
    ['cache-news', 'public', false, true],
    ['private-news', 'private', false, false],
    ['private-cache-news', 'private', false, true],
    ['private-encrypted-news', 'private', true, false],
    ['private-encrypted-cache-news', 'private', true, true],
    ['presence-news', 'presence', false, false],
    ['presence-cache-news', 'presence', false, true],
    ['#server-to-user-7', 'user', false, false],
    ['privates', 'public', false, false],
  ])('%s is %s, encrypted %s, cached %s', (name, access, encrypted, cache) => {
    expect(kindOf(name)).toEqual({ access, encrypted, cache })
  })

  it.each([
    ['news', 'shop:news'],
    ['a,b;c', 'shop:a=2Cb=3Bc'],
    ['a=b@c', 'shop:a=b@c'],
    ['a=2C', 'shop:a=3D2C'],
    ['.a..b.', 'shop:=2Ea=2E.b=2E'],
  ])('%s is %s inside, and nobody is shown that', (name, internal) => {
    expect(internalNameOf(name, 'shop:')).toBe(internal)
    expect(publicNameOf(internal, 'shop:')).toBe(name)
  })

  it('has one name inside that leads back to it, in the namespace of its app', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_\-=@,.;]{1,60}$/), (name) => {
        const internal = internalNameOf(name, 'shop:')
        if (internal === undefined) return
        expect(isInternalChannel(internal)).toBe(true)
        expect(namespaceOf(internal)).toBe('shop')
        expect(publicNameOf(internal, 'shop:')).toBe(name)
        expect(publicNameOf(internal, 'sho:')).toBeUndefined()
      }),
    )
  })

  it.each(['', 'a b', 'a:b', 'a/b', '#a', 'é', 'a\n', 'x'.repeat(201), ','.repeat(84)])(
    'is not %j',
    (name) => {
      expect(internalNameOf(name, 'shop:')).toBeUndefined()
    },
  )

  it('has as many characters as at Pusher, and more than names of ours', () => {
    const name = `presence-${'x'.repeat(155)}`
    expect(internalNameOf(name, 'shop:')).toBe(`shop:${name}`)
  })

  it('may be the one of a user', () => {
    expect([userOf('#server-to-user-7'), userOf('#server-to-user-'), userOf('news')]).toEqual([
      '7',
      undefined,
      undefined,
    ])
  })
})

describe('an app', () => {
  const apps = new Apps(['3:shop:k1:s:1', '3:shop:k2:s2', '4:chat:k3:s3'])

  it('has its credentials and its channels', () => {
    const credentials = [
      { key: 'k1', secret: 's:1' },
      { key: 'k2', secret: 's2' },
    ]
    expect(apps.get('3')).toMatchObject({ id: '3', credentials, prefix: 'shop:' })
    expect([apps.ofKey('k2')?.id, apps.ofKey('k3')?.id, apps.ofKey('s2'), apps.get('5')]).toEqual([
      '3',
      '4',
      undefined,
      undefined,
    ])
  })
})

describe('the id of a socket', () => {
  it('has the form that libraries check, and is that of its session', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{32}$/), (session) => {
        const id = socketIdOf(session)
        // Our add-on of pusher-js knows the gateway by the length.
        expect(id).toMatch(/^\d{29}\.\d{29}$/)
        expect(sessionIdOf(id)).toBe(session)
      }),
    )
  })

  it('is nothing else, and one that somebody has made up is of a session that nobody has', () => {
    for (const none of ['1', '1.', 'a.1', '1.2\n', 1, '1.2.3', `1.${2n ** 96n}`, undefined])
      expect(sessionIdOf(none)).toBeUndefined()
    expect(sessionIdOf('1234.1234')).toMatch(/^[A-Za-z0-9_-]{32}$/)
  })
})
