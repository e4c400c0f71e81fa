/** A PROXY header of version 2 (haproxy.org, proxy-protocol.txt, section 2.2), as a balancer sends it. */
import { isIP } from 'node:net'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const VERSION_2_PROXY = 0x21
const VERSION_2_LOCAL = 0x20
const TCP_OVER = { 4: 0x11, 6: 0x21 } as const

/** From this address (IPv6 in full) and port 4660, to port 80. */
export function proxyHeader(address: string): Buffer {
  const family = isIP(address) as 4 | 6
  const bytes =
    family === 4
      ? Buffer.from(address.split('.').map(Number))
      : Buffer.from(address.replaceAll(':', ''), 'hex')
  return headerOf(
    VERSION_2_PROXY,
    TCP_OVER[family],
    Buffer.concat([bytes, bytes, Buffer.from('12340050', 'hex')]),
  )
}

/** Of the balancer's own connections, as for health checks. */
export function localHeader(): Buffer {
  return headerOf(VERSION_2_LOCAL, 0, Buffer.alloc(0))
}

function headerOf(command: number, family: number, body: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, body])
}
