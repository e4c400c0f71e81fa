import { describe, expect, it } from 'vitest'
import type { RequestHead } from '../../../src/drivers/uws.ts'
import { LocalHosts } from '../../../src/edge/local-hosts.ts'

const ours = new LocalHosts({ names: ['192.168.1.7', 'Desk.example', '::1'], anyAddress: false })

function allows(hosts: LocalHosts, host: string | undefined): boolean {
  try {
    hosts.checkHost({ headers: host === undefined ? {} : { host } } as RequestHead)
    return true
  } catch {
    return false
  }
}

describe('the names of a node for development', () => {
  it.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST:8080',
    'localhost.:8080',
    'app.localhost:8080',
    '127.0.0.1:8080',
    '127.1.2.3',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]',
    '192.168.1.7:8080',
    'desk.example:8080',
  ])('%s is one', (host) => {
    expect(allows(ours, host)).toBe(true)
  })

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evillocalhost',
    'desk.example.evil',
    'evil@localhost',
    'localhost@evil.example',
    'localhost/@evil.example',
    'evil.example#localhost',
    'evil.example\\localhost',
    '192.168.1.8',
    '0.0.0.0:8080',
    '[::]:8080',
    '[fe80::1]',
    'localhost:port',
    'local host',
  ])('%j is none', (host) => {
    expect(allows(ours, host)).toBe(false)
  })

  it('are all addresses where it listens on every interface, and still no name', () => {
    const everywhere = new LocalHosts({ names: [], anyAddress: true })
    expect(['10.0.0.5:8080', '[fe80::1]:8080', 'localhost'].map((host) => allows(everywhere, host))).toEqual([
      true,
      true,
      true,
    ])
    expect(allows(everywhere, 'evil.example')).toBe(false)
  })

  it.each([
    ['http://localhost:5173', true],
    ['https://127.0.0.1', true],
    ['http://desk.example:3000', true],
    ['https://evil.example', false],
    ['null', false],
    ['file://', false],
    ['capacitor://localhost', false],
    ['http://localhost.evil.example', false],
  ])('say of a page of %s whether it is served from here: %j', (origin, expected) => {
    expect(ours.hasOrigin(origin)).toBe(expected)
  })
})
