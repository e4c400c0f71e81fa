import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ApiKeys, parseApiKeys } from '../../../src/auth/api-keys.ts'
import { AuthConfigError } from '../../../src/auth/config-error.ts'
import { checkChannel, checkScope, type Scope } from '../../../src/auth/grant.ts'
import { SluiceError } from '../../../src/errors.ts'

const STRICT = { allowWeak: false }
const KEY = 'k3y-of-the-tests-0123456789'
const OTHER = '0ther-key-of-the-tests-98765'

function startError(...entries: readonly string[]): string {
  try {
    parseApiKeys(entries, STRICT)
  } catch (error) {
    if (error instanceof AuthConfigError) return error.message
    throw error
  }
  throw new Error('the entries were taken')
}

function refusal(keys: ApiKeys, presented: string | undefined, scope: Scope, channel?: string): SluiceError {
  try {
    const grant = keys.find(presented)
    checkScope(grant, scope)
    if (channel !== undefined) checkChannel(grant, channel)
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
  throw new Error('the key was taken')
}

describe('an entry', () => {
  it('has a name, scopes and a key', () => {
    const [shop, ops] = parseApiKeys([`shop:publish:${KEY}`, `ops:publish+admin:${OTHER}`], STRICT)
    expect(shop).toMatchObject({ name: 'shop', scopes: ['publish'] })
    expect(ops).toMatchObject({ name: 'ops', scopes: ['publish', 'admin'] })
  })

  it('may have colons in its key', () => {
    const keys = new ApiKeys(parseApiKeys([`shop:publish:${KEY}:with:colons:`], STRICT))
    expect(keys.find(`${KEY}:with:colons:`).name).toBe('shop')
    expect(refusal(keys, KEY, 'publish').code).toBe('unauthorized')
  })

  it.each([
    [
      'without a colon',
      KEY,
      /^api.keys\[0\] is incomplete: an entry is name:scope\+scope:key, .* publish, history, admin$/,
    ],
    ['without scopes', `shop:${KEY}`, /^api.keys\[0\] is incomplete/],
    ['with an empty name', `:publish:${KEY}`, /^api.keys\[0\] has no usable name/],
    ['with a space in its name', `my shop:publish:${KEY}`, /^api.keys\[0\] has no usable name/],
    [
      'with an unknown scope',
      `shop:write:${KEY}`,
      /^api.keys\[0\] \(shop\) has a scope that does not exist: .* publish, history, admin$/,
    ],
    ['with an empty scope', `shop:publish+:${KEY}`, /\(shop\) has a scope that does not exist/],
    ['with an empty namespace', `shop:publish@:${KEY}`, /\(shop\) has a namespace that cannot be one/],
    ['with a namespace too many', `shop:publish@a||b:${KEY}`, /\(shop\) has a namespace that cannot be one/],
    ['with a namespace in the place of a scope', `shop:@news:${KEY}`, /\(shop\) has a scope that does not/],
    [
      'of admin for a namespace',
      `ops:admin@news:${KEY}`,
      /\(ops\) has the scope admin, which is not limited/,
    ],
    ['with an empty key', 'shop:publish:', /\(shop\) has an empty key/],
    [
      'with a short key',
      'shop:publish:123456789012345',
      /\(shop\) has a key of 15 characters; at least 16 are needed/,
    ],
  ])('%s is refused', (_, entry, expected) => {
    expect(startError(entry)).toMatch(expected)
  })

  it('with the name of another is refused', () => {
    expect(startError(`shop:publish:${KEY}`, `shop:admin:${OTHER}`)).toBe(
      'api.keys has two entries named shop; a name stands for one key',
    )
  })

  it('with the key of another is refused', () => {
    expect(startError(`shop:publish:${KEY}`, `ops:admin:${KEY}`)).toBe(
      'api.keys gives shop and ops the same key; each needs its own',
    )
  })

  it('never shows its key in an error', () => {
    const bad = [
      [KEY],
      [`shop:${KEY}`],
      [`my shop:publish:${KEY}`],
      [`shop:write:${KEY}`],
      [`shop:publish:${KEY}`, `shop:admin:${KEY}`],
      [`shop:publish:${KEY}`, `ops:admin:${KEY}`],
      [`shop:publish:${KEY.slice(0, 15)}`],
    ]
    for (const entries of bad) expect(startError(...entries)).not.toContain(KEY.slice(0, 15))
  })

  it('may have a short key in development, but not an empty one', () => {
    const [dev] = parseApiKeys(['dev:admin:dev'], { allowWeak: true })
    expect(dev?.name).toBe('dev')
    expect(() => parseApiKeys(['dev:admin:'], { allowWeak: true })).toThrow(AuthConfigError)
  })

  it('never shows its key when it is logged', () => {
    const keys = parseApiKeys([`shop:publish:${KEY}`], STRICT)
    const shown = `${inspect(keys, { depth: 9, showHidden: true })} ${JSON.stringify(keys)}`
    expect(shown).toContain('shop')
    expect(shown).not.toContain(KEY)
  })
})

describe('a presented key', () => {
  const keys = new ApiKeys(parseApiKeys([`shop:publish:${KEY}`, `ops:admin:${OTHER}`], STRICT))

  it('is found, whichever it is', () => {
    expect(keys.find(KEY).name).toBe('shop')
    expect(keys.find(OTHER).name).toBe('ops')
  })

  it.each(['publish', 'history', 'admin'] as const)('with the scope admin has the scope %s', (scope) => {
    expect(() => checkScope(keys.find(OTHER), scope)).not.toThrow()
  })

  it('with the scope history reads, and drains nothing', () => {
    const reader = new ApiKeys(parseApiKeys([`support:history:${KEY}`], STRICT))
    expect(() => checkScope(reader.find(KEY), 'history')).not.toThrow()
    expect(refusal(reader, KEY, 'admin').code).toBe('forbidden')
    expect(refusal(reader, KEY, 'publish').code).toBe('forbidden')
  })

  it('that is limited to namespaces is for their channels only', () => {
    const limited = new ApiKeys(parseApiKeys([`shop:publish@news|c++|@:${KEY}`], STRICT))
    const grant = limited.find(KEY)
    for (const channel of ['news', 'news:1', 'news:a:b', 'c++:x', '@ann'])
      expect(() => checkChannel(grant, channel)).not.toThrow()
    for (const channel of ['newsletter', 'new', 'NEWS', 'other:news', 'c', 'a@b:1'])
      expect(refusal(limited, KEY, 'publish', channel)).toMatchObject({
        code: 'forbidden',
        message: 'the API key shop is limited to news, c++, inboxes (@)',
      })
  })

  it('without namespaces is for all of them', () => {
    expect(() => checkChannel(keys.find(KEY), 'anything:1')).not.toThrow()
    expect(() => checkChannel(keys.find(KEY), '@ann')).not.toThrow()
  })

  it('without the scope is forbidden', () => {
    const error = refusal(keys, KEY, 'admin')
    expect(error.code).toBe('forbidden')
    expect(error.message).toBe('the API key shop has the scope publish; this needs admin')
  })

  it.each([undefined, ''])('%j is missing', (presented) => {
    expect(refusal(keys, presented, 'publish')).toMatchObject({
      code: 'unauthorized',
      message: 'an API key is missing',
    })
  })

  it.each(['wrong', KEY.slice(0, -1), `${KEY}x`, KEY.toUpperCase(), `shop:publish:${KEY}`])(
    '%s is unknown, and is not repeated',
    (presented) => {
      expect(refusal(keys, presented, 'publish')).toMatchObject({
        code: 'unauthorized',
        message: 'the API key is not one of the configured ones',
      })
    },
  )

  it('is unknown where none are configured', () => {
    expect(refusal(new ApiKeys([]), KEY, 'publish').code).toBe('unauthorized')
  })

  it('is compared with every configured key, found or not', () => {
    let compared = 0
    const all = parseApiKeys([`shop:publish:${KEY}`, `ops:admin:${OTHER}`], STRICT)
    for (const key of all) {
      const compare = key.hasDigest.bind(key)
      key.hasDigest = (digest) => {
        compared++
        return compare(digest)
      }
    }
    const counted = new ApiKeys(all)
    counted.find(KEY)
    expect(compared).toBe(2)
    refusal(counted, 'wrong', 'publish')
    expect(compared).toBe(4)
  })

  it('that was shown before is known by its bytes, whatever was shown meanwhile, and nothing else is', () => {
    let hashed = 0
    const all = parseApiKeys([`shop:publish:${KEY}`, `ops:admin:${OTHER}`], STRICT)
    for (const key of all) {
      const compare = key.hasDigest.bind(key)
      key.hasDigest = (digest) => {
        hashed++
        return compare(digest)
      }
    }
    const keys = new ApiKeys(all)
    const near = [
      KEY.slice(0, -1),
      `${KEY}x`,
      `${KEY}\0`,
      ` ${KEY}`,
      `${KEY}é`,
      KEY.toUpperCase(),
      `${KEY}${OTHER}`,
      '\0',
    ]
    for (const other of [...near, 'x'.repeat(130), 'é'.repeat(63)]) {
      expect(keys.find(KEY).name).toBe('shop')
      expect(keys.find(OTHER).name).toBe('ops')
      hashed = 0
      expect(refusal(keys, other, 'publish').code).toBe('unauthorized')
      expect(hashed).toBe(2)
      expect([keys.find(KEY).name, keys.find(OTHER).name]).toEqual(['shop', 'ops'])
      expect(hashed).toBe(2)
    }
  })

  it('is told from others by all of its bytes, however long it is', () => {
    for (const letter of ['x', 'é', '你', '😀']) {
      for (let bytes = 100; bytes < 140; bytes++) {
        const key =
          letter.repeat(bytes / Buffer.byteLength(letter)).padEnd(20, 'a') +
          'a'.repeat(bytes % Buffer.byteLength(letter))
        const keys = new ApiKeys(parseApiKeys([`shop:publish:${key}`], STRICT))
        for (let again = 0; again < 2; again++) {
          expect(keys.find(key).name).toBe('shop')
          for (const other of [
            `${key}x`,
            `${key}${letter}`,
            key.slice(0, -1),
            `${key}\0`,
            `b${key.slice(1)}`,
          ])
            expect(refusal(keys, other, 'publish').code).toBe('unauthorized')
        }
      }
    }
  })
})
