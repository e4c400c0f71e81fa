/**
 * Lets the kernel end connections whose peer has vanished without a word: a phone out of reach, a cable, a firewall that
 * forgot. What is written to such a peer waits in the kernel's buffer, so nobody in this process sees that nothing arrives;
 * by default Linux gives up after some fifteen minutes (`net.ipv4.tcp_retries2`).
 *
 * Two options of the listening socket, which every accepted socket inherits, bound that: `TCP_USER_TIMEOUT` for bytes
 * that are not acknowledged, keepalive for connections on which nothing is on its way (a waiting poll). Neither
 * Node.js nor uWebSockets.js can set the former, so it is set through the C library.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { cFunctions } from './c-library.ts'

/** As Linux numbers them (`asm-generic/socket.h`, `linux/tcp.h`) on every architecture that there are binaries for. */
const SOL_SOCKET = 1
const SO_KEEPALIVE = 9
const SO_ACCEPTCONN = 30
const IPPROTO_TCP = 6
const TCP_KEEPIDLE = 4
const TCP_KEEPINTVL = 5
const TCP_USER_TIMEOUT = 18

const INT_BYTES = 4

type SetOption = (fd: number, level: number, name: number, value: readonly number[], bytes: number) => number
type GetOption = (fd: number, level: number, name: number, value: number[], bytes: number[]) => number

interface SocketOptions {
  readonly set: SetOption
  readonly get: GetOption
}

const OPTIONS = {
  set: 'int setsockopt(int, int, int, int *, uint32_t)',
  get: 'int getsockopt(int, int, int, _Out_ int *, _Inout_ uint32_t *)',
}

/** This process' sockets: their inode and their descriptor. */
export type OpenSockets = ReadonlyMap<string, number>

/** Empty where the system has no such list. */
export function openSockets(): OpenSockets {
  const sockets = new Map<string, number>()
  if (process.platform !== 'linux') return sockets
  for (const fd of readdirSync('/proc/self/fd')) {
    const inode = /^socket:\[(\d+)\]$/.exec(targetOf(fd))?.[1]
    if (inode !== undefined) sockets.set(inode, Number(fd))
  }
  return sockets
}

/** The list names the descriptor that it was read by, which is closed by now. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/**
 * For each socket that listens now and was not open before. Answers why it could not be done, or `undefined`.
 * `goneMs`: a peer that has acknowledged nothing for so long is gone. Idle ones are asked after half of it.
 */
export function endVanished(before: OpenSockets, goneMs: number): string | undefined {
  if (process.platform !== 'linux') return `this needs Linux, not ${process.platform}`
  const options = cFunctions<SocketOptions>(OPTIONS)
  if (typeof options === 'string') return options
  const fresh = [...openSockets()].filter(([inode]) => !before.has(inode)).map(([, fd]) => fd)
  const listening = fresh.filter((fd) => isListening(options, fd))
  if (listening.length === 0) return 'the listening socket was not found in /proc/self/fd'
  const failed = listening.filter((fd) => !setAll(options, fd, goneMs))
  return failed.length === 0 ? undefined : 'the kernel refused TCP_USER_TIMEOUT or keepalive'
}

/** After so many seconds without a sign of life the peer is asked, and then this often (at least one). */
export function probesOf(goneMs: number): { readonly afterSeconds: number; readonly everySeconds: number } {
  return {
    afterSeconds: Math.max(1, Math.floor(goneMs / 2000)),
    everySeconds: Math.max(1, Math.floor(goneMs / 8000)),
  }
}

function setAll({ set }: SocketOptions, fd: number, goneMs: number): boolean {
  const { afterSeconds, everySeconds } = probesOf(goneMs)
  const wanted: readonly (readonly [level: number, name: number, value: number])[] = [
    [IPPROTO_TCP, TCP_USER_TIMEOUT, goneMs],
    [IPPROTO_TCP, TCP_KEEPIDLE, afterSeconds],
    [IPPROTO_TCP, TCP_KEEPINTVL, everySeconds],
    [SOL_SOCKET, SO_KEEPALIVE, 1],
  ]
  return wanted.every(([level, name, value]) => set(fd, level, name, [value], INT_BYTES) === 0)
}

function isListening({ get }: SocketOptions, fd: number): boolean {
  const value = [0]
  return get(fd, SOL_SOCKET, SO_ACCEPTCONN, value, [INT_BYTES]) === 0 && value[0] === 1
}
