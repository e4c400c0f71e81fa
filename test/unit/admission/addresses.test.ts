import { describe, expect, it } from 'vitest'
import { AddressBuckets, bucketKey } from '../../../src/admission/addresses.ts'
import { rateOf, type Rate } from '../../../src/admission/bucket.ts'

const TWO_PER_SECOND = rateOf(2, 3) as Rate

function taken(buckets: AddressBuckets, address: string, nowMs: number, attempts: number): number {
  let count = 0
  for (let i = 0; i < attempts; i++) if (buckets.take(address, nowMs)) count++
  return count
}

describe('the rate of an address', () => {
  it('is its own: one that knocks too often takes nothing from another', () => {
    const buckets = new AddressBuckets(TWO_PER_SECOND, 1000)
    expect(taken(buckets, '192.0.2.1', 0, 10)).toBe(3)
    expect(taken(buckets, '192.0.2.2', 0, 10)).toBe(3)
  })

  it('comes back with time', () => {
    const buckets = new AddressBuckets(TWO_PER_SECOND, 1000)
    taken(buckets, '192.0.2.1', 0, 3)
    expect(buckets.untilMs('192.0.2.1', 0)).toBeCloseTo(500, -1)
    expect(buckets.untilMs('192.0.2.9', 0)).toBe(0)
    expect(taken(buckets, '192.0.2.1', 500, 10)).toBe(1)
    expect(taken(buckets, '192.0.2.1', 2000, 10)).toBe(3)
  })

  it('is that of the network of 64 bits for IPv6', () => {
    const buckets = new AddressBuckets(TWO_PER_SECOND, 1000)
    expect(taken(buckets, '2001:db8:1:2::1', 0, 2)).toBe(2)
    expect(taken(buckets, '2001:db8:1:2:ffff::1', 0, 5)).toBe(1)
    expect(taken(buckets, '2001:db8:1:3::1', 0, 5)).toBe(3)
  })

  it('is no limit where the address is not known', () => {
    const buckets = new AddressBuckets(TWO_PER_SECOND, 1000)
    expect(taken(buckets, '', 0, 100)).toBe(100)
    expect(buckets.untilMs('', 0)).toBe(0)
    expect(buckets.size).toBe(0)
  })

  it('is kept in a table that does not grow beyond its bound', () => {
    const buckets = new AddressBuckets(TWO_PER_SECOND, 100)
    for (let i = 0; i < 10_000; i++) {
      buckets.take(`10.0.${i >> 8}.${i & 255}`, 0)
      expect(buckets.size).toBeLessThanOrEqual(100)
    }
  })

  it('is not forgotten while the address keeps knocking, admitted or not', () => {
    const buckets = new AddressBuckets(TWO_PER_SECOND, 100)
    let admitted = 0
    for (let i = 0; i < 10_000; i++) {
      buckets.take(`10.0.${i >> 8}.${i & 255}`, 0)
      if (i % 20 === 0 && buckets.take('192.0.2.1', 0)) admitted++
    }
    expect(admitted).toBe(3)
  })
})

describe('the key of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:0000:0000:0000:0001', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:1::1', '2001:db8:0:0::/64'],
    ['2001::3:4:5:6:7:8', '2001:0:3:4::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('of %s is %s', (address, key) => {
    expect(bucketKey(address)).toBe(key)
  })

  it('is short, whatever a proxy passes on', () => {
    expect(bucketKey('x'.repeat(10_000)).length).toBeLessThan(100)
    expect(bucketKey('1:'.repeat(10_000)).length).toBeLessThan(100)
    expect(bucketKey(`${'f'.repeat(10_000)}::1`).length).toBeLessThan(100)
  })
})
