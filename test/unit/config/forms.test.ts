import { describe, expect, it } from 'vitest'
import {
  isApiKeyEntry,
  isCookieName,
  isLabel,
  isNamespace,
  isNetwork,
  isOrigin,
  isPusherApp,
  isUrl,
} from '../../../src/config/forms.ts'

interface Form {
  readonly name: string
  readonly fits: (value: string) => boolean
  readonly good: readonly string[]
  readonly bad: readonly string[]
}

const FORMS: readonly Form[] = [
  {
    name: 'an origin',
    fits: isOrigin,
    good: [
      'https://app.example.com',
      'http://localhost:3000',
      'http://[::1]:8080',
      'capacitor://localhost',
      '*',
    ],
    bad: [
      '',
      'app.example.com',
      'https://app.example.com/',
      'https://App.example.com',
      'https://app.example.com:443',
      'http://a.example:80',
      'https://a.example?x',
      'https://user@a.example',
      'https://*.example.com/x',
      'null',
      '//a',
      'Capacitor://localhost',
    ],
  },
  {
    name: 'an address or a network',
    fits: isNetwork,
    good: ['10.0.0.7', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0', '2001:db8::/128'],
    bad: [
      '',
      '10.0.0',
      '10.0.0.0/33',
      'fd00::/129',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      'localhost',
      '10.0.0.0/-1',
      '10.0.0.0/a',
    ],
  },
  {
    name: 'a URL of NATS',
    fits: isUrl('nats', 'tls'),
    good: ['nats://a:4222', 'tls://user:password@a.example', 'nats://[::1]:4222'],
    bad: ['', 'a:4222', 'redis://a', 'nats://', 'nats:a'],
  },
  {
    name: 'the name of a cookie',
    fits: isCookieName,
    good: ['sluice_token', '__Host-token', 'a.b~c'],
    bad: ['', 'a b', 'a;b', 'a=b', 'a"b', 'ä', 'a,b', 'a\n'],
  },
  {
    name: 'a label',
    fits: isLabel,
    good: ['0', '1.2.3-rc.1+5', 'eu-west-1'],
    bad: ['', '-a', 'a b', 'a:b', 'a'.repeat(65), 'a\n'],
  },
  {
    name: 'an entry for an API key',
    fits: isApiKeyEntry,
    good: ['shop:publish:0123456789abcdef', 'ops:publish+admin:k:with:colons'],
    bad: ['', 'key', 'a:b', 'a::c', ':b:c', 'a:b:', 'a:b:c d'],
  },
  {
    name: 'an app of Pusher',
    fits: isPusherApp,
    good: ['3:shop:278d:7ad3', 'a_b-c:news.eu:k:with:colons'],
    bad: [
      '',
      '3:shop:k',
      '3::k:s',
      ':shop:k:s',
      '3:*:k:s',
      '3:@:k:s',
      '3:a..b:k:s',
      '3:shop:k:s s',
      'a/b:shop:k:s',
    ],
  },
  {
    name: 'a namespace',
    fits: isNamespace,
    good: ['*', '@', 'news', 'a.b', '$x', 'a/b', 'constructor'],
    bad: ['', 'a:b', '@a', '.a', 'a..b', 'a b', 'news:*'],
  },
]

describe.each(FORMS)('$name', ({ fits, good, bad }) => {
  it.each(good)('%j is one', (value) => {
    expect(fits(value)).toBe(true)
  })

  it.each(bad)('%j is none', (value) => {
    expect(fits(value)).toBe(false)
  })
})
