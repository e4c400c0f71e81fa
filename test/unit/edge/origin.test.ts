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

  it('echoes the origin and never answers *', () => {
    expect(origins.headers('https://app.example')['access-control-allow-origin']).toBe('https://app.example')
    expect(origins.headers('https://evil.example')).toEqual({ vary: 'Origin' })
    expect(new Origins(['*']).headers('https://any.example')['access-control-allow-origin']).toBe(
      'https://any.example',
    )
  })
})

describe('the address of a client', () => {
  const addresses = new ClientAddress(['10.0.0.0/8', '192.168.1.1', 'fd00::/8'])

  it.each([
    ['a peer that is no proxy is itself', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
    ['a proxy without the header is itself', '10.1.2.3', undefined, '10.1.2.3'],
    ['a proxy is believed about its peer', '10.1.2.3', '198.51.100.7', '198.51.100.7'],
    ['what the client wrote there itself is not', '10.1.2.3', '1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['a chain of proxies is followed', '10.1.2.3', '198.51.100.7, 192.168.1.1', '198.51.100.7'],
    ['IPv6 proxies too', 'fd00::1', '2001:db8::7', '2001:db8::7'],
    ['nonsense is not followed', '10.1.2.3', 'unknown', '10.1.2.3'],
  ])('%s', (_what, peer, header, expected) => {
    expect(addresses.of(peer, header)).toBe(expected)
  })

  it('without trusted proxies the header means nothing', () => {
    expect(new ClientAddress([]).of('10.1.2.3', '1.2.3.4')).toBe('10.1.2.3')
  })
})
