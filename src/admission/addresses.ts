/**
 * A token bucket for each client address, in a table of bounded size and without timers.
 *
 * The table has two halves. Who knocks is in the young one; when that is full it becomes the old one, and what was old
 * is forgotten. So an address is remembered at least until `addressesMax / 2` others have knocked, and one that keeps
 * knocking is never forgotten. An attacker with more addresses than that gets a fresh bucket for each: against that only
 * the rate over all addresses helps.
 */
import { FULL_AT_MS, take, untilMs, type Rate } from './bucket.ts'

export class AddressBuckets {
  readonly #rate: Rate
  readonly #halfMax: number
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  constructor(rate: Rate, addressesMax: number) {
    this.#rate = rate
    this.#halfMax = Math.max(1, Math.floor(addressesMax / 2))
  }

  /** An address that is not known (a Unix socket's) has no bucket: everybody would share it. */
  take(address: string, nowMs: number): boolean {
    if (address === '') return true
    const key = bucketKey(address)
    const state = this.#stateOf(key)
    const next = take(state, nowMs, 1, this.#rate)
    // Refused or not: who knocks is remembered.
    this.#young.set(key, next ?? state)
    if (this.#young.size >= this.#halfMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    return next !== undefined
  }

  /** How long until the address may knock again. */
  untilMs(address: string, nowMs: number): number {
    if (address === '') return 0
    return untilMs(this.#stateOf(bucketKey(address)), nowMs, 1, this.#rate)
  }

  /** The entries of the table; an address may have one in each half. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  #stateOf(key: string): number {
    return this.#young.get(key) ?? this.#old.get(key) ?? FULL_AT_MS
  }
}

const MAPPED_IPV4 = /^(?:0{0,4}:){1,5}(?:0{1,4}:)?ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i

/** The longest text of an address, an IPv6 one with an embedded IPv4 one (RFC 4291, section 2.2). */
const ADDRESS_LENGTH_MAX = 45

/**
 * Whose bucket it is: an IPv4 address is one client, an IPv6 network of 64 bits is (RFC 6177: no site gets less, and
 * whoever has one has 2^64 addresses). What is no address is its own client.
 */
export function bucketKey(address: string): string {
  if (!address.includes(':')) return address.slice(0, ADDRESS_LENGTH_MAX)
  const mapped = MAPPED_IPV4.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const end = address.indexOf('%')
  const [front = '', back] = address.slice(0, end === -1 ? ADDRESS_LENGTH_MAX : end).split('::')
  const groups = front === '' ? [] : front.split(':')
  if (back !== undefined) {
    const tail = back === '' ? 0 : back.split(':').length
    while (groups.length + tail < 8) groups.push('0')
    if (groups.length < 4) groups.push(...back.split(':'))
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
