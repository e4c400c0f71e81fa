import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLOSE, CLOSE_CODES } from '../../../../src/dialect/pusher/codes.ts'
import {
  cacheMiss,
  channelEvent,
  decodeFrame,
  errorFrame,
  established,
  FrameFault,
  memberAdded,
  memberRemoved,
  PONG,
  signedIn,
  subscriptionError,
  subscriptionSucceeded,
} from '../../../../src/dialect/pusher/frames.ts'
import { hostileJson } from '../../../support/hostile-json.ts'

const read = (frame: unknown) => decodeFrame(JSON.stringify(frame), 64)

describe('a frame of a client', () => {
  const subscribed = { kind: 'subscribe', channel: 'c', auth: 'k:s', channelData: '{"user_id": 1}' }
  it.each([
    [{ event: 'pusher:ping', data: {} }, { kind: 'ping' }],
    [{ event: 'pusher:pong' }, { kind: 'pong' }],
    [
      { event: 'pusher:subscribe', data: { channel: 'c', auth: '' } },
      { kind: 'subscribe', channel: 'c', auth: undefined, channelData: undefined },
    ],
    [
      { event: 'pusher:subscribe', data: { channel: 'c', auth: 'k:s', channel_data: '{"user_id": 1}' } },
      subscribed,
    ],
    [
      { event: 'pusher:subscribe', data: '{"channel":"c","auth":"k:s","channel_data":"{\\"user_id\\": 1}"}' },
      subscribed,
    ],
    [
      { event: 'pusher:unsubscribe', data: { channel: 'c' } },
      { kind: 'unsubscribe', channel: 'c' },
    ],
    [
      { event: 'pusher:signin', data: { auth: 'k:s', user_data: '{"id":"1"}' } },
      { kind: 'signin', auth: 'k:s', userData: '{"id":"1"}' },
    ],
    [
      { event: 'client-x', channel: 'c', data: '{"a":1}' },
      { kind: 'event', event: 'client-x', channel: 'c', data: '"{\\"a\\":1}"' },
    ],
  ])('%j is understood', (frame, understood) => {
    expect(read(frame)).toEqual(understood)
  })

  it('keeps the data of an event as it came', () => {
    const text = '{"event":"client-x","channel":"c","data":{"n":12345678901234567890, "f":1.0}}'
    expect(decodeFrame(text, 64)).toMatchObject({ data: '{"n":12345678901234567890, "f":1.0}' })
  })

  it.each([
    [[], 'object'],
    [{ event: 1 }, 'event'],
    [{ event: 'news' }, 'no event that a client may send'],
    [{ event: 'pusher:subscribe' }, 'data'],
    [{ event: 'pusher:subscribe', data: { channel: 1 } }, 'channel'],
    [{ event: 'pusher:subscribe', data: '{' }, 'JSON'],
    [{ event: 'pusher:signin', data: { auth: 'k:s' } }, 'user_data'],
    [{ event: 'client-x', data: 1 }, 'channel'],
    [{ event: `client-${'x'.repeat(194)}`, channel: 'c' }, '200'],
    [{ event: 'client-x', channel: 'c', data: 'x'.repeat(10_240) }, '10240'],
  ])('%j is refused, and says why', (frame, why) => {
    expect(() => read(frame)).toThrow(why)
  })

  it('never fails in another way, whatever the text is', () => {
    const any = fc.oneof(
      fc.string(),
      hostileJson,
      fc.json().map((data) => `{"event":"pusher:subscribe","data":${data}}`),
    )
    fc.assert(
      fc.property(any, (text) => {
        try {
          decodeFrame(text, 4)
        } catch (error) {
          expect(error).toBeInstanceOf(FrameFault)
        }
      }),
    )
  })
})

describe('a frame to a client', () => {
  const [ann, bob] = [
    { id: '1', info: '{"name":"é"}' },
    { id: '2"', info: undefined },
  ]
  /** `data` is JSON text within a text, which Swift and Java want. */
  it.each([
    ['connection_established', established('1.2', 120), { socket_id: '1.2', activity_timeout: 120 }],
    ['subscription_succeeded', subscriptionSucceeded('c'), {}],
    [
      'subscription_succeeded',
      subscriptionSucceeded('c', [ann, bob]),
      { presence: { ids: ['1', '2"'], hash: { '1': { name: 'é' }, '2"': null }, count: 2 } },
    ],
    ['member_added', memberAdded('c', ann), { user_id: '1', user_info: { name: 'é' } }],
    ['member_added', memberAdded('c', bob), { user_id: '2"' }],
    ['member_removed', memberRemoved('c', '1'), { user_id: '1' }],
    ['cache_miss', cacheMiss('c'), {}],
  ])('%s has its data as a text', (event, frame, data) => {
    const parsed = JSON.parse(frame) as { event: string; channel?: string; data: string }
    expect(parsed.event).toMatch(new RegExp(`^pusher(_internal)?:${event}$`))
    expect(parsed.channel).toBe(event === 'connection_established' ? undefined : 'c')
    expect(JSON.parse(parsed.data)).toEqual(data)
  })

  it('has its data as an object where it is an error, a pong, or about a sign-in', () => {
    expect(JSON.parse(errorFrame(4301, 'slow'))).toEqual({
      event: 'pusher:error',
      data: { code: 4301, message: 'slow' },
    })
    expect(JSON.parse(PONG)).toEqual({ event: 'pusher:pong', data: {} })
    expect(JSON.parse(signedIn('{"id":"1"}'))).toEqual({
      event: 'pusher:signin_success',
      data: { user_data: '{"id":"1"}' },
    })
    const data = { type: 'AuthError', error: 'no', status: 401 }
    expect(JSON.parse(subscriptionError('c', 'AuthError', 'no', 401))).toEqual({
      event: 'pusher:subscription_error',
      channel: 'c',
      data,
    })
  })

  it('has the data of an event as a text, whether it came as one or not', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, name) => {
        const { event, data } = JSON.parse(channelEvent(name, 'c', json)) as { event: string; data: string }
        const value = JSON.parse(json) as unknown
        expect(event).toBe(name)
        expect(data).toBe(typeof value === 'string' ? value : json)
      }),
    )
    expect(JSON.parse(channelEvent('client-x', 'c', '1', 'ann'))).toMatchObject({ user_id: 'ann', data: '1' })
  })
})

describe('the codes that connections end with', () => {
  it('are all below 4300, from where on pusher-js stays away for good', () => {
    for (const code of [...Object.values(CLOSE), ...Object.values(CLOSE_CODES)])
      expect(code).toBeLessThan(4300)
  })
})
