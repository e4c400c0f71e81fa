import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { channelsThatFit, returnMisfit } from '../../../src/edge/request.ts'
import type { RequestHead } from '../../../src/drivers/uws.ts'
import { payloadMisfit } from '../../../src/node/limits.ts'
import { composeCursor, cursorSegment, tagOf } from '../../../src/protocol/cursor.ts'
import { HEAD_BYTES_MAX, STREAM_CHANNELS_MAX } from '../../../src/protocol/request-head.ts'

describe('a payload and NATS', () => {
  it.each([
    [65_536, 1_048_576, undefined],
    [65_536, 65_536 + 4096, undefined],
    [65_536, 65_536 + 4095, /^limits\.payload is 64KiB, but .* raise max_payload, or lower limits\.payload$/],
    [65_536, 1024, /what is over 0 is refused/],
  ])('of %i bytes where it takes %i', (payload, nats, sentence) => {
    const told = payloadMisfit(payload, nats)
    if (sentence === undefined) expect(told).toBeUndefined()
    else expect(told).toMatch(sentence)
  })
})

describe('a stream', () => {
  it('that is let in fits into the head of a request when it comes back', () => {
    const names = fc
      .tuple(fc.integer({ min: 1, max: STREAM_CHANNELS_MAX }), fc.integer({ min: 4, max: 128 }))
      .map(([count, length]) => Array.from({ length: count }, (_, n) => `${n}`.padEnd(length, 'x')))
    let refused = 0
    fc.assert(
      fc.property(names, fc.string({ unit: 'binary-ascii', maxLength: 2000 }), (channels, authorization) => {
        const query = `channels=${channels.join(',')}`
        const head = { query, headers: { authorization } } as unknown as RequestHead
        if (returnMisfit(head, channels.length + 1, HEAD_BYTES_MAX) !== undefined) {
          refused++
          return
        }
        const position = { epoch: 'e'.repeat(16), offset: 2 ** 40 }
        const segments = [...channels, '@inbox'].map((name) => cursorSegment(tagOf(name), position))
        const cursor = composeCursor(segments, tagOf('ann'))
        // What a browser says beside it.
        expect(query.length + authorization.length + cursor.length + 1500).toBeLessThan(HEAD_BYTES_MAX)
      }),
    )
    expect(refused).toBeGreaterThan(0)
  })

  it('is let in with as many channels as fit, whoever asks for them', () => {
    for (const authorization of ['', 'x'.repeat(3000)]) {
      const head = { query: 'channels=a', headers: { authorization } } as unknown as RequestHead
      const count = channelsThatFit(head, HEAD_BYTES_MAX)
      expect(count).toBeGreaterThan(100)
      expect(returnMisfit(head, count, HEAD_BYTES_MAX)).toBeUndefined()
      expect(returnMisfit(head, count + 1, HEAD_BYTES_MAX)).toBeDefined()
    }
    expect(channelsThatFit({ query: 'x'.repeat(20_000), headers: {} } as never, HEAD_BYTES_MAX)).toBe(0)
  })

  it('says the same whether it comes with a cursor or without', () => {
    const asked = 'channels=a,b&wait=0'
    const misfit = (query: string): string | undefined =>
      returnMisfit({ query, headers: {} } as unknown as RequestHead, 3, 100)
    expect(misfit(`${asked}&cursor=${'x'.repeat(5000)}`)).toBe(misfit(asked))
    expect(misfit(`cursor=${'x'.repeat(5000)}&${asked}`)?.replace(/\d+ bytes/, '')).toBe(
      misfit(asked)?.replace(/\d+ bytes/, ''),
    )
  })
})
