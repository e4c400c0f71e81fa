import { describe, expect, it } from 'vitest'
import { decodeRepublished } from '../../../src/drivers/nats-republished.ts'
import { encodeStored } from '../../../src/protocol/packet.ts'

const MESSAGE = { data: Buffer.from('{"a":1}'), binary: false, id: 'once', time: 1_700_000_000_000 }
const STORED = encodeStored(MESSAGE)

function decoded(headers: Record<string, string> | undefined, stored = STORED) {
  return decodeRepublished('a b', stored, headers, 'e1')
}

describe('a message that the stream sends on', () => {
  it('is what was stored, at the place that its headers tell', () => {
    expect(decoded({ 'Nats-Sequence': '9', 'Nats-Last-Sequence': '4' })).toEqual({
      kind: 'logged',
      channel: 'a b',
      ...MESSAGE,
      epoch: 'e1',
      offset: 9,
      previous: 4,
      ack: true,
    })
  })

  it('L1 follows the entry before its own where its predecessor may have been trimmed', () => {
    expect(decoded({ 'Nats-Sequence': '9', 'Nats-Last-Sequence': '0' })?.previous).toBe(8)
  })

  it.each([
    ['no headers', undefined],
    ['no place', { 'Nats-Last-Sequence': '4' }],
    ['no predecessor', { 'Nats-Sequence': '9' }],
    ['a predecessor that comes later', { 'Nats-Sequence': '9', 'Nats-Last-Sequence': '9' }],
    ['a place that is not a number', { 'Nats-Sequence': '9x', 'Nats-Last-Sequence': '4' }],
    ['a place that is no exact number', { 'Nats-Sequence': '9007199254740993', 'Nats-Last-Sequence': '4' }],
  ])('is not one with %s', (_, headers) => {
    expect(decoded(headers)).toBeUndefined()
  })

  it('is not one where the bytes are not a stored message', () => {
    expect(decoded({ 'Nats-Sequence': '9', 'Nats-Last-Sequence': '4' }, Buffer.from('x'))).toBeUndefined()
  })
})
