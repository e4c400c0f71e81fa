/**
 * What names a connection: `<digits>.<digits>`, as the libraries of backends check it. It is the only thing in a signature that is new
 * each time, so it cannot be guessed.
 */
import { randomBytes } from 'node:crypto'

const SOCKET_ID = /^\d{1,20}\.\d{1,20}$/

export function newSocketId(): string {
  const random = randomBytes(16)
  return `${random.readBigUInt64BE(0)}.${random.readBigUInt64BE(8)}`
}

export function isSocketId(id: unknown): id is string {
  return typeof id === 'string' && SOCKET_ID.test(id)
}
