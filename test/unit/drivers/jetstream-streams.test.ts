import type { StreamInfo } from '@nats-io/jetstream'
import { describe, expect, it } from 'vitest'
import { freshEpoch, missingEpoch, stateOf } from '../../../src/drivers/jetstream-streams.ts'

const infoOf = (created: string, metadata?: Record<string, string>): StreamInfo =>
  ({ created, config: { metadata }, state: { first_seq: 1, last_seq: 9 } }) as unknown as StreamInfo

const CREATED = '2026-11-26T10:00:00.123456Z'
const BY_ANOTHER_SERVER = '2026-11-26T10:00:00.456789Z'

describe('the epoch of a stream', () => {
  it('is what it was made with, whatever the server that leads it says of its creation', () => {
    const metadata = freshEpoch()
    expect(missingEpoch(infoOf(CREATED, metadata))).toBeUndefined()
    expect(stateOf(infoOf(CREATED, metadata)).epoch).toBe(stateOf(infoOf(BY_ANOTHER_SERVER, metadata)).epoch)
  })

  it('is another for each stream that is made', () => {
    expect(stateOf(infoOf(CREATED, freshEpoch())).epoch).not.toBe(
      stateOf(infoOf(CREATED, freshEpoch())).epoch,
    )
  })

  it('is the moment of its creation where it has none, and stays that once it is written down', () => {
    const before = stateOf(infoOf(CREATED)).epoch
    expect(before).toBe(Date.parse(CREATED).toString(36))
    const metadata = missingEpoch(infoOf(CREATED, { owner: 'payments' }))
    expect(metadata).toMatchObject({ owner: 'payments' })
    expect(stateOf(infoOf(BY_ANOTHER_SERVER, metadata)).epoch).toBe(before)
  })

  it.each(['', 'with space', 'a~b', 'a.b', 'x'.repeat(33)])(
    'that a cursor cannot carry ("%s") is not taken from anybody',
    (wrong) => {
      const [key = ''] = Object.keys(freshEpoch())
      const info = infoOf(CREATED, { [key]: wrong })
      expect(stateOf(info).epoch).toBe(Date.parse(CREATED).toString(36))
      expect(missingEpoch(info)).toEqual({ [key]: Date.parse(CREATED).toString(36) })
    },
  )
})
