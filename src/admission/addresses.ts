/**
 * A token bucket for each client address. An attacker with more addresses than the table has places gets a fresh bucket for
 * each: against that only the rate over all addresses helps.
 */
import { Buckets } from './buckets.ts'
import type { Rate } from './bucket.ts'

export class AddressBuckets {
  readonly #buckets: Buckets

  constructor(rate: Rate, addressesMax: number) {
    this.#buckets = new Buckets(rate, addressesMax)
  }

  /** An address that is not known (a Unix socket's) has no bucket: everybody would share it. */
  take(address: string, nowMs: number): boolean {
    return address === '' || this.#buckets.take(bucketKey(address), nowMs)
  }

  /** For what came of an attempt that was let in: the bucket is empty at worst. */
  charge(address: string, nowMs: number, tokens: number): void {
    if (address !== '') this.#buckets.charge(bucketKey(address), nowMs, tokens)
  }

  /** How long until the address may knock again. */
  untilMs(address: string, nowMs: number): number {
    return address === '' ? 0 : this.#buckets.untilMs(bucketKey(address), nowMs)
  }

  /** The entries of the table; an address may have two. */
  get size(): number {
    return this.#buckets.size
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
