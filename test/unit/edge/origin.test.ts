import { describe, expect, it } from 'vitest'
import { ClientAddress, Origins } from '../../../src/edge/origin.ts'

describe('origins', () => {
  const origins = new Origins(['https://app.example'])

  it('allows those of the list, and clients that are no browsers', () => {
    expect(origins.allows('https://app.example')).toBe(true)
    expect(origins.allows(undefined)).toBe(true)
    expect(origins.allows('https://app.example.evil')).toBe(false)
    expect(origins.allows('null')).toBe(false)
  })

  it.each(['wss://gateway.example', 'ws://127.0.0.1:8080'])(
    'allows %s, which is the origin of no page',
    (origin) => {
      expect(origins.allows(origin)).toBe(true)
    },
  )

  it('takes a page for one, whatever its origin looks like', () => {
    for (const origin of ['http://wss://x', 'https://wss.example', ' wss://x', 'wss:x', 'WSS://x'])
      expect(origins.allows(origin)).toBe(false)
  })

  it('echoes the origin and never answers *', () => {
    expect(origins.headers('https://app.example')['access-control-allow-origin']).toBe('https://app.example')
    expect(origins.headers('https://evil.example')).toEqual({ vary: 'Origin' })
    expect(new Origins(['*']).headers('https://any.example')['access-control-allow-origin']).toBe(
      'https://any.example',
    )
  })
})

describe('the address of a client', () => {
  const PROXIES = ['10.0.0.0/8', '192.168.1.1', 'fd00::/8']
  const addresses = new ClientAddress(PROXIES, false)
  const from = (remoteAddress: string, forwardedFor?: string, proxiedAddress = ''): RequestLike => ({
    remoteAddress,
    proxiedAddress,
    headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
  })
  type RequestLike = Parameters<ClientAddress['of']>[0]

  it.each([
    ['a peer that is no proxy is itself', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
    ['a proxy without the header is itself', '10.1.2.3', undefined, '10.1.2.3'],
    ['a proxy is believed about its peer', '10.1.2.3', '198.51.100.7', '198.51.100.7'],
    ['what the client wrote there itself is not', '10.1.2.3', '1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['a chain of proxies is followed', '10.1.2.3', '198.51.100.7, 192.168.1.1', '198.51.100.7'],
    ['who is in our own network is the leftmost', '10.1.2.3', '10.9.9.9, 192.168.1.1', '10.9.9.9'],
    ['IPv6 proxies too', 'fd00::1', '2001:db8::7', '2001:db8::7'],
    ['a port does not belong to it', '10.1.2.3', '1.1.1.1, 198.51.100.7:49152', '198.51.100.7'],
    ['brackets do not belong to it', '10.1.2.3', '[2001:db8::7]', '2001:db8::7'],
    ['brackets and a port do not belong to it', '10.1.2.3', '[2001:DB8::7]:443', '2001:DB8::7'],
    ['a proxy with a port is one', '10.1.2.3', '198.51.100.7, [fd00::2]:8080, 192.168.1.1:1', '198.51.100.7'],
    ['empty elements are skipped', '10.1.2.3', ' , 198.51.100.7,, ,192.168.1.1 ,', '198.51.100.7'],
    ['an empty list says nothing', '10.1.2.3', ' , ', '10.1.2.3'],
    ['nonsense is not followed', '10.1.2.3', 'unknown', '10.1.2.3'],
    ['before nonsense it is who said it', '10.1.2.3', '198.51.100.7, _hidden, 192.168.1.1', '192.168.1.1'],
    ['an address of one machine only is nonsense', '10.1.2.3', 'fe80::1%eth0', '10.1.2.3'],
    ['an unfinished bracket is nonsense', '10.1.2.3', '[2001:db8::7', '10.1.2.3'],
    ['a PROXY header is not believed unasked', '10.1.2.3', undefined, '10.1.2.3', '198.51.100.7'],
  ])('%s', (_what, peer, header, expected, proxied = '') => {
    expect(addresses.of(from(peer, header, proxied))).toBe(expected)
  })

  it.each([
    ['of a proxy is believed', '10.1.2.3', undefined, '198.51.100.7', '198.51.100.7'],
    ['of anybody else is not', '203.0.113.9', undefined, '198.51.100.7', '203.0.113.9'],
    ['stands before what the client wrote', '10.1.2.3', '1.1.1.1', '198.51.100.7', '198.51.100.7'],
    [
      'that names a proxy leads on to its list',
      '10.1.2.3',
      '1.1.1.1, 198.51.100.7',
      '10.7.7.7',
      '198.51.100.7',
    ],
    ['may be missing, as for health checks', '10.1.2.3', undefined, '', '10.1.2.3'],
    [
      'may be in full',
      'fd00::1',
      '1.1.1.1',
      '2001:0db8:0000:0000:0000:0000:0000:0007',
      '2001:0db8:0000:0000:0000:0000:0000:0007',
    ],
  ])('a PROXY header %s', (_what, peer, header, proxied, expected) => {
    expect(new ClientAddress(PROXIES, true).of(from(peer, header, proxied))).toBe(expected)
  })

  it('without trusted proxies neither means anything', () => {
    expect(new ClientAddress([], true).of(from('10.1.2.3', '1.2.3.4', '5.6.7.8'))).toBe('10.1.2.3')
  })
})
