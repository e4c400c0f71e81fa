import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ApiKeys, parseApiKeys, type Scope } from '../../../src/auth/api-keys.ts'
import { AuthConfigError } from '../../../src/auth/config-error.ts'
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

function refusal(keys: ApiKeys, presented: string | undefined, scope: Scope): SluiceError {
  try {
    keys.check(presented, scope)
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
    expect(keys.check(`${KEY}:with:colons:`, 'publish').name).toBe('shop')
    expect(refusal(keys, KEY, 'publish').code).toBe('unauthorized')
  })

  it.each([
    [
      'without a colon',
      KEY,
      /^api.keys\[0\] is incomplete: an entry is name:scope\+scope:key, .* publish, admin$/,
    ],
    ['without scopes', `shop:${KEY}`, /^api.keys\[0\] is incomplete/],
    ['with an empty name', `:publish:${KEY}`, /^api.keys\[0\] has no usable name/],
    ['with a space in its name', `my shop:publish:${KEY}`, /^api.keys\[0\] has no usable name/],
    [
      'with an unknown scope',
      `shop:write:${KEY}`,
      /^api.keys\[0\] \(shop\) has a scope that does not exist: .* publish, admin$/,
    ],
    ['with an empty scope', `shop:publish+:${KEY}`, /\(shop\) has a scope that does not exist/],
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
    expect(keys.check(KEY, 'publish').name).toBe('shop')
    expect(keys.check(OTHER, 'admin').name).toBe('ops')
  })

  it('with the scope admin may publish', () => {
    expect(keys.check(OTHER, 'publish').name).toBe('ops')
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
    counted.check(KEY, 'publish')
    expect(compared).toBe(2)
    refusal(counted, 'wrong', 'publish')
    expect(compared).toBe(4)
  })
})
