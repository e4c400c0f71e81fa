import { beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { Entry } from '../../../src/presence/info.ts'
import { atOf, attend, checkedEntries, checkedEntry, enter } from '../../../src/session/attending.ts'
import { UserQuotas } from '../../../src/session/quotas.ts'

const NOW_MS = 1000
const GOOD = '{"mood":"good"}'

let happened: unknown[]
let quotas: UserQuotas
let fault: Error | undefined

beforeEach(() => {
  happened = []
  fault = undefined
  quotas = new UserQuotas({ connections: 0, subscriptions: 0, publishesPerSecond: 1 })
})

const ports = (): Parameters<typeof enter>[3] =>
  ({
    presence: {
      now: () => {
        if (fault !== undefined) throw fault
        return NOW_MS
      },
      says: (channel: string, user: string, _who: unknown, entry: Entry) =>
        void happened.push(['says', channel, user, entry]),
      withdraws: (channel: string, user: string) => void happened.push(['withdraws', channel, user]),
    },
    presenceRules: { bytesMax: 40, jsonDepthMax: 3 },
    policyOf: (channel: string) => ({ presence: channel !== 'plain' }),
    quotas,
    metrics: { limitHit: () => undefined },
    clock: { monotonicMs: () => 0 },
  }) as unknown as Parameters<typeof enter>[3]

const ANN = { user: 'ann', subscriptionOf: (channel: string) => (channel === 'other' ? undefined : {}) }

function refusal(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError)
    const { code, message } = error as SluiceError
    return [code, message]
  }
  return undefined
}

describe('what a client says of its user', () => {
  it('is kept on one line, as said now, or when it says, but not later than now', () => {
    const checked = (entry: Entry): Entry =>
      checkedEntry({ ...ANN, user: `${quotas.size}` }, 'room', entry, ports())
    expect(checked({ json: '{ "mood" :\n"good" }' })).toEqual({
      json: expect.not.stringContaining('\n'),
      at: NOW_MS,
      user: undefined,
    })
    expect(checked({ json: GOOD, at: 400, user: 'me' })).toEqual({ json: GOOD, at: 400, user: 'me' })
    expect(checked({ json: GOOD, at: 4000 })).toMatchObject({ at: NOW_MS })
    expect(checked({ json: undefined, at: 400 })).toEqual({ json: undefined, at: 400, user: undefined })
    expect(checked('absent')).toBe('absent')
    // It was cut out of a frame that has been parsed, and is not parsed again.
    expect(checked({ json: 'as it came' })).toMatchObject({ json: 'as it came' })
  })

  it.each([
    ['[[[[1]]]]', 'bad_request', /^data is nested deeper than limits\.jsonDepth allows, which is 3$/],
    [`"${'x'.repeat(60)}"`, 'limit_exceeded', /limits\.presenceData/],
  ])('is refused where it is too deep or too long (%s)', (json, code, message) => {
    expect(refusal(() => checkedEntry(ANN, 'room', { json }, ports()))).toEqual([
      code,
      expect.stringMatching(message),
    ])
  })

  it('counts as a publish, whatever it is, and is refused where no one is kept', () => {
    expect(refusal(() => checkedEntry(ANN, 'plain', { json: GOOD }, ports()))).toEqual([
      'bad_request',
      'presence: the namespace of plain does not keep presence',
    ])
    for (const entry of ['absent', { json: GOOD }] as const) checkedEntry(ANN, 'room', entry, ports())
    expect(refusal(() => checkedEntry(ANN, 'room', 'absent', ports()))).toEqual([
      'rate_limited',
      expect.any(String),
    ])
  })
})

describe('a client that is in a channel', () => {
  it('says something of its user, or that it is not there', () => {
    attend(ANN, 'room', { json: GOOD }, ports())
    attend(ANN, 'room', 'absent', ports())
    expect(happened).toEqual([
      ['says', 'room', 'ann', { json: GOOD }],
      ['withdraws', 'room', 'ann'],
    ])
  })

  it('is answered when it was said', () => {
    expect(enter(ANN, 'room', { json: GOOD, at: 400 }, ports())).toBe(400)
    expect(enter(ANN, 'room', 'absent', ports())).toBeUndefined()
    expect(happened).toEqual([
      ['says', 'room', 'ann', { json: GOOD, at: 400, user: undefined }],
      ['withdraws', 'room', 'ann'],
    ])
    expect([atOf(undefined), atOf('absent'), atOf({ json: GOOD, at: 400 })]).toEqual([
      undefined,
      undefined,
      400,
    ])
  })

  it('is subscribed to it, and its namespace keeps who is there', () => {
    expect(refusal(() => enter(ANN, 'other', { json: GOOD }, ports()))).toEqual([
      'not_found',
      'other is not subscribed to, so nobody can be in it',
    ])
    expect(refusal(() => enter(ANN, 'plain', { json: GOOD }, ports()))).toEqual([
      'bad_request',
      expect.any(String),
    ])
    expect(happened).toEqual([])
    expect(quotas.size).toBe(0)
  })
})

describe('what a connection that comes says', () => {
  it('is checked channel by channel, and served whatever is refused, and counts as no publish', () => {
    const { entries, refused } = checkedEntries(
      new Map<string, Entry>([
        ['a', { json: GOOD }],
        ['b', { json: '[[[[1]]]]' }],
        ['c', 'absent'],
      ]),
      ports(),
    )
    expect([...entries]).toEqual([
      ['a', { json: GOOD, at: NOW_MS, user: undefined }],
      ['c', 'absent'],
    ])
    expect(refused).toMatchObject([
      {
        code: 'bad_request',
        message: 'enter: b: data is nested deeper than limits.jsonDepth allows, which is 3',
      },
    ])
    expect(quotas.size).toBe(0)
  })

  it('may be nothing', () => {
    const { entries, refused } = checkedEntries(undefined, ports())
    expect([entries.size, refused]).toEqual([0, []])
  })

  it('fails with a fault of the gateway as it is', () => {
    fault = new TypeError('a fault')
    expect(() => checkedEntries(new Map([['a', { json: GOOD }]]), ports())).toThrow(fault)
  })
})
