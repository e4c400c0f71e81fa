/**
 * What names a connection: `<digits>.<digits>`, as the libraries of backends check it. Pure.
 *
 * It is the id of its session, written in digits: 24 bytes as two numbers. So it is new for each connection, cannot be guessed, is the
 * only thing in a signature that is new each time, and every node knows whom `socket_id` leaves out without asking anybody. It does not
 * open the session: that takes a token of the session's user as well, and there is none. All have the same length, by which our add-on knows
 * the gateway (`client/pusher.ts`).
 */
const SOCKET_ID = /^(\d{1,29})\.(\d{1,29})$/
const HALF_BYTES = 12
const HALF_DIGITS = 29
const HALF_END = 1n << 96n

export function socketIdOf(session: string): string {
  const bytes = Buffer.from(session, 'base64url')
  return `${numberOf(bytes.subarray(0, HALF_BYTES))}.${numberOf(bytes.subarray(HALF_BYTES))}`
}

/** `undefined`: it is none, whoever says so. One that nobody has is of a session that nobody has. */
export function sessionIdOf(socketId: unknown): string | undefined {
  const [, first, second] = (typeof socketId === 'string' && SOCKET_ID.exec(socketId)) || []
  if (first === undefined || second === undefined) return undefined
  const halves = [BigInt(first), BigInt(second)]
  if (halves.some((half) => half >= HALF_END)) return undefined
  return Buffer.from(halves.map((half) => half.toString(16).padStart(24, '0')).join(''), 'hex').toString(
    'base64url',
  )
}

function numberOf(bytes: Uint8Array): string {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
    .toString()
    .padStart(HALF_DIGITS, '0')
}
