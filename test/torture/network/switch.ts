/**
 * A switch in user space: one TUN device per host, and what comes out of one goes into another, late or never as the rules say. It
 * is a process of its own, since it waits for packets and for nothing else. Kernels without netem can be lied to as well so.
 *
 * `switch.ts <seed> <device>=<name>=<last number of the address>…`. On standard input each line is all rules that are in force from
 * now on, as JSON. When it is closed the process ends, and the devices with it.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import koffi from 'koffi'
import { Random } from '../../fuzz/random.ts'
import { Later } from './later.ts'
import { directionsOf, pairKey, type Direction, type LinkRules } from './rule.ts'

const TUNSETIFF = 0x4004_54ca
const IFF_TUN = 1
const IFF_NO_PI = 0x1000
const IFREQ_BYTES = 40
const IFREQ_FLAGS = 16
const POLLIN = 1
const POLLFD_BYTES = 8
const EVERY_MS = 1000
const PACKET_BYTES = 65_536
/** Of one host at a time, so that the others get their turn. */
const BATCH = 32
const IPV4_SOURCE_HOST = 15
const IPV4_TARGET_HOST = 19
const IPV4_MIN_BYTES = 20
const STANDARD_INPUT = 0

const library = koffi.load(null)
const ioctl = library.func('int ioctl(int fd, unsigned long request, ...)')
const poll = library.func('int poll(void *fds, unsigned long count, int timeout)')
const read = library.func('long read(int fd, void *into, unsigned long bytes)')
const fcntl = library.func('int fcntl(int fd, int command, ...)')

interface Host {
  readonly name: string
  readonly fd: number
}

function openDevice(device: string): number {
  const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK)
  const request = Buffer.alloc(IFREQ_BYTES)
  request.write(device, 'latin1')
  request.writeInt16LE(IFF_TUN | IFF_NO_PI, IFREQ_FLAGS)
  if (ioctl(fd, TUNSETIFF, 'void *', request) !== 0) {
    closeSync(fd)
    throw new Error(`the kernel gives no TUN device named ${device}`)
  }
  return fd
}

const [seed = '1', ...wanted] = process.argv.slice(2)
const random = new Random(Number(seed))
const chance = (): number => random.next() / 2 ** 32
const hosts: Host[] = []
const byNumber = new Map<number, Host>()
for (const text of wanted) {
  const [device = '', name = '', number = ''] = text.split('=')
  const host = { name, fd: openDevice(device) }
  hosts.push(host)
  byNumber.set(Number(number), host)
}
let directions = new Map<string, Direction>()
const later = new Later<{ readonly fd: number; readonly packet: Buffer }>()
const buffer = Buffer.alloc(PACKET_BYTES)

function send(fd: number, packet: Uint8Array): void {
  try {
    writeSync(fd, packet)
  } catch (error) {
    // A host whose queue is full loses packets, and one that is being taken down takes none.
    if (!['EAGAIN', 'EIO', 'ENOBUFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function carryFrom({ name, fd }: Host, nowMs: number): void {
  for (let i = 0; i < BATCH; i++) {
    const bytes = Number(read(fd, buffer, PACKET_BYTES))
    if (bytes < 0) return
    // Something else than IPv4, or for somebody who is not here.
    if (bytes < IPV4_MIN_BYTES || (buffer[0] as number) >> 4 !== 4) continue
    const target = byNumber.get(buffer[IPV4_TARGET_HOST] as number)
    if (target === undefined || byNumber.get(buffer[IPV4_SOURCE_HOST] as number)?.name !== name) continue
    const direction = directions.get(pairKey(name, target.name))
    const atMs = direction === undefined ? nowMs : direction.arrivalMs(nowMs, bytes)
    if (atMs === undefined) continue
    const packet = buffer.subarray(0, bytes)
    if (atMs <= nowMs) send(target.fd, packet)
    else later.put(atMs, { fd: target.fd, packet: Buffer.from(packet) })
  }
}

let orders = ''

/** Answers whether there will be more. */
function takeOrders(): boolean {
  const bytes = Number(read(STANDARD_INPUT, buffer, PACKET_BYTES))
  if (bytes === 0) return false
  if (bytes > 0) orders += buffer.toString('utf8', 0, bytes)
  for (let end = orders.indexOf('\n'); end !== -1; end = orders.indexOf('\n')) {
    directions = directionsOf(JSON.parse(orders.slice(0, end)) as LinkRules[], chance)
    orders = orders.slice(end + 1)
    writeSync(1, 'done\n')
  }
  return true
}

const F_SETFL = 4
fcntl(STANDARD_INPUT, F_SETFL, 'int', constants.O_NONBLOCK)
const watched = Buffer.alloc(POLLFD_BYTES * (hosts.length + 1))
for (const [index, fd] of [...hosts.map((host) => host.fd), STANDARD_INPUT].entries()) {
  watched.writeInt32LE(fd, index * POLLFD_BYTES)
  watched.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4)
}
writeSync(1, 'devices are there\n')
for (;;) {
  const untilMs = later.nextAtMs === undefined ? EVERY_MS : Math.max(0, later.nextAtMs - performance.now())
  poll(watched, hosts.length + 1, Math.ceil(Math.min(untilMs, EVERY_MS)))
  const nowMs = performance.now()
  for (const [index, host] of hosts.entries()) {
    if (watched.readInt16LE(index * POLLFD_BYTES + 6) !== 0) carryFrom(host, nowMs)
  }
  for (let due = later.take(nowMs); due !== undefined; due = later.take(nowMs)) send(due.fd, due.packet)
  if (watched.readInt16LE(hosts.length * POLLFD_BYTES + 6) !== 0 && !takeOrders()) break
}
