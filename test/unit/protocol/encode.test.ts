import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sseEvent } from '../../../src/transport/sse-event.ts'
import { FRAMES, LINES, publishedText } from '../../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import type { Message } from '../../../src/protocol/message.ts'

const message = (data: Uint8Array, more: Partial<Message> = {}): Message =>
  ({ kind: 'ephemeral', channel: 'news', data, binary: false, id: undefined, time: 1, ...more }) as Message

describe('a message', () => {
  it('names who published it, where a user has', () => {
    const from = 'böse "ann"\\'
    const encoded = new Encoded(message(Buffer.from('1'), { from, id: 'x' }))
    const [webSocket, json] = [encoded.as(FRAMES).data, encoded.as(LINES).data]
    const frame = { type: 'message', channel: 'news', id: 'x', from, time: 1, data: 1 }
    expect([JSON.parse(webSocket.toString()), JSON.parse(json)]).toEqual([frame, frame])
    expect(new Encoded(message(Buffer.from('1'))).as(LINES).data).not.toContain('from')
    const binary = new Encoded(message(Buffer.of(255), { from, binary: true }))
    const envelope = binary
      .as(FRAMES)
      .data.subarray(4, 4 + binary.as(FRAMES).data.readUInt32BE(0))
      .toString()
    expect(JSON.parse(envelope)).toMatchObject({ from })
  })

  it('shows its event and its headers, and never whom it excludes', () => {
    const shown = { event: 'App\\Events\\"Sold"', headers: { tag: 'a"b', constructor: '' } }
    const meta = { ...shown, exclude: 'session-1' }
    const encoded = new Encoded(message(Buffer.from('1'), { meta }))
    const [webSocket, json] = [encoded.as(FRAMES).data, encoded.as(LINES).data]
    const frame = { type: 'message', channel: 'news', ...shown, time: 1, data: 1 }
    expect([JSON.parse(webSocket.toString()), JSON.parse(json)]).toEqual([frame, frame])
    const binary = new Encoded(message(Buffer.of(255), { meta, binary: true }))
    const envelope = binary
      .as(FRAMES)
      .data.subarray(4, 4 + binary.as(FRAMES).data.readUInt32BE(0))
      .toString()
    expect(JSON.parse(envelope)).toEqual({ type: 'message', channel: 'news', ...shown, time: 1 })
    expect(new Encoded(message(Buffer.from('1'), { meta: { exclude: 'x' } })).as(LINES).data).not.toContain(
      'exclude',
    )
  })

  it('counts what it says of itself among what it holds', () => {
    const bare = new Encoded(message(Buffer.from('1'))).bytes
    const meta = { headers: { a: 'x'.repeat(1000) } }
    expect(new Encoded(message(Buffer.from('1'), { meta })).bytes - bare).toBeGreaterThan(1000)
  })

  it('is one line of an event stream, whatever a log holds', () => {
    const hostile = fc.oneof(
      fc.uint8Array(),
      fc
        .stringMatching(/^[\r\n :\uFEFF]{0,6}(data|id|event|retry)?: ?x[\r\n]{0,3}$/)
        .map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(hostile, fc.boolean(), (data, binary) => {
        const event = sseEvent('message', new Encoded(message(data, { binary })).as(LINES).data)
        // As a browser splits it (HTML, section 9.2.6).
        expect(event.split(/\r\n|\r|\n/)).toEqual(['event: message', expect.stringMatching(/^data: \{/), ''])
      }),
    )
  })

  it('is UTF-8 as text, whatever a log holds: anything else would end each WebSocket that it comes to', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        const webSocket = new Encoded(message(data, { id: '\uD800', from: '\uDC00' })).as(FRAMES).data
        expect(isUtf8(webSocket)).toBe(true)
      }),
    )
    const garbled = new Encoded(message(Buffer.from([0x22, 0xff, 0x22])))
    expect(JSON.parse(garbled.as(FRAMES).data.toString())).toMatchObject({ data: '\uFFFD' })
  })

  it('that was stored with a byte order mark can be read on every transport', () => {
    const encoded = new Encoded(message(Buffer.from('\uFEFF{"a":\n1}\n')))
    const [webSocket, json] = [encoded.as(FRAMES).data, encoded.as(LINES).data]
    expect(JSON.parse(webSocket.toString())).toMatchObject({ data: { a: 1 } })
    expect(JSON.parse(json)).toMatchObject({ data: { a: 1 } })
  })
})

describe('the answer to a publish', () => {
  it('says where the message is, that it was there before, and what a backend has answered, as it came', () => {
    expect(publishedText(7, {})).toBe('{"type":"published","ref":7}')
    expect(publishedText(0, { epoch: 'e1', offset: 2 ** 53 - 1 })).toBe(
      '{"type":"published","ref":0,"epoch":"e1","offset":9007199254740991}',
    )
    const answer = '{"n":1.0,"big":12345678901234567890}'
    expect(publishedText(1, { epoch: 'e', offset: 0, duplicate: true, degraded: true, answer })).toBe(
      `{"type":"published","ref":1,"epoch":"e","offset":0,"duplicate":true,"data":${answer}}`,
    )
  })
})
