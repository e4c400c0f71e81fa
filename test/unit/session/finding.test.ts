import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import { NO_HOOKS } from '../../support/no-hooks.ts'
import type { Opened } from '../../../src/hub/opened.ts'
import type { From } from '../../../src/protocol/position.ts'
import type { Connection } from '../../../src/session/connection.ts'
import { findAll, found, refusesAll, resultOf, sortOut, type Finding } from '../../../src/session/finding.ts'
import type { Identity, SessionPorts } from '../../../src/session/ports.ts'

const ANN = {
  user: 'ann',
  permissions: { maySubscribe: (channel: string) => !channel.startsWith('secret') },
} as unknown as Identity
const AT = { epoch: 'e', offset: 4 }

const named = (...channels: readonly string[]): Map<string, From | undefined> =>
  new Map(channels.map((channel) => [channel, undefined]))

const failed = (channel: string, error: SluiceError): Finding => ({
  channel,
  from: undefined,
  opened: undefined,
  error,
})

describe('the channels that a connection gets', () => {
  it('are those that were named, each with its start, in their order, and the inbox', () => {
    const channels = new Map<string, From | undefined>([
      ['b', AT],
      ['a', undefined],
    ])
    const { wanted, refused } = sortOut(channels, ANN, 2)
    expect([...wanted]).toEqual([
      ['b', AT],
      ['a', undefined],
      ['@inbox', undefined],
    ])
    expect(refused).toEqual([])
  })

  it('have the inbox from where it was asked for, which takes no place and needs no permission', () => {
    const channels = new Map<string, From | undefined>([
      ['@inbox', { last: 3 }],
      ['a', undefined],
    ])
    const nothing = { ...ANN, permissions: { ...ANN.permissions, maySubscribe: () => false } }
    expect([...sortOut(channels, ANN, 1).wanted]).toEqual([
      ['a', undefined],
      ['@inbox', { last: 3 }],
    ])
    const { wanted, refused } = sortOut(channels, nothing, 1)
    expect([...wanted]).toEqual([['@inbox', { last: 3 }]])
    expect(refused.map(({ channel }) => channel)).toEqual(['a'])
  })

  it('are without those that the token does not allow, which take no place either, and without those over the limit', () => {
    const { wanted, refused } = sortOut(named('secret', 'a', 'b', 'c').set('secret', AT), ANN, 2)
    expect([...wanted.keys()]).toEqual(['a', 'b', '@inbox'])
    expect(refused).toMatchObject([
      {
        channel: 'secret',
        from: AT,
        opened: undefined,
        error: { code: 'forbidden', message: 'the token does not allow to subscribe to secret' },
      },
      {
        channel: 'c',
        from: undefined,
        opened: undefined,
        error: { code: 'limit_exceeded', message: 'c is one of more than 2 channels' },
      },
    ])
  })
})

describe('a channel that cannot be had', () => {
  const forbidden = new SluiceError('forbidden', 'no')
  const beyond = new SluiceError('limit_exceeded', 'no')

  it('refuses a connection that does not take a part, unless it is beyond a limit', () => {
    expect(refusesAll(failed('a', forbidden), false)).toBe(true)
    expect(refusesAll(failed('a', forbidden), true)).toBe(false)
    expect(refusesAll(failed('a', beyond), false)).toBe(false)
    expect(refusesAll({ ...failed('a', forbidden), error: undefined }, false)).toBe(false)
  })

  it('refuses every connection where it is the inbox', () => {
    for (const partial of [true, false])
      for (const error of [forbidden, beyond]) expect(refusesAll(failed('@inbox', error), partial)).toBe(true)
    expect(refusesAll({ ...failed('@inbox', forbidden), error: undefined }, true)).toBe(false)
  })
})

describe('what was found', () => {
  const finding = (recovered: boolean): Finding => ({
    channel: 'a',
    from: undefined,
    opened: { start: AT, recovered } as Opened,
    error: undefined,
  })

  it.each([true, false])('is the place of the channel, and whether anything is missing (%s)', (recovered) => {
    expect(found(finding(recovered), new Set(['b']))).toEqual({ position: AT, recovered, error: undefined })
    expect(found(finding(recovered), new Set(['a']))).toMatchObject({ position: AT, byBackend: true })
    expect(resultOf(finding(recovered))).toBe(recovered ? 'recovered' : 'reset')
  })

  it('is why there is none', () => {
    const refused = failed('a', new SluiceError('unavailable', 'away'))
    expect(found(refused, new Set(['a']))).toEqual({
      position: undefined,
      recovered: false,
      error: 'unavailable',
    })
    expect(resultOf(refused)).toBe('refused')
    expect(found({ ...refused, error: undefined }, new Set()).error).toBe('internal')
  })
})

describe('finding all places', () => {
  const connection = {} as Connection

  function ports(open: (channel: string) => Promise<Opened>) {
    const failures: unknown[] = []
    const given = {
      hub: { open },
      hooks: NO_HOOKS,
      policyOf: () => ({ acknowledged: false, max: 1 }),
      failed: (what: string, error: unknown) => void failures.push([what, error]),
    } as unknown as SessionPorts
    return { given, failures }
  }

  it('asks for all at once, for the inbox by the name of its user, and answers in the order of the names', async () => {
    const asked: string[] = []
    const answers: (() => void)[] = []
    const opened = new Map<string, Opened>()
    const { given } = ports((channel) => {
      asked.push(channel)
      const one = {} as Opened
      opened.set(channel, one)
      return new Promise((resolve) => answers.push(() => resolve(one)))
    })
    const all = findAll(connection, ANN, named('a', '@inbox').set('a', AT), given)
    expect(asked).toEqual(['a', '@ann'])
    for (const answer of answers.toReversed()) answer()
    const findings = await all
    expect(findings).toEqual([
      { channel: 'a', from: AT, opened: opened.get('a'), error: undefined },
      { channel: '@inbox', from: undefined, opened: opened.get('@ann'), error: undefined },
    ])
  })

  it('tells of the one that failed, and of a fault of the gateway no more than that there was one', async () => {
    const away = new SluiceError('unavailable', 'away')
    const fault = new TypeError('a fault')
    const { given, failures } = ports((channel) =>
      channel === 'good' ? Promise.resolve({} as Opened) : Promise.reject(channel === 'away' ? away : fault),
    )
    const findings = await findAll(connection, ANN, named('away', 'faulty', 'good').set('away', AT), given)
    expect(findings).toMatchObject([
      { channel: 'away', from: AT, opened: undefined, error: away },
      {
        channel: 'faulty',
        from: undefined,
        opened: undefined,
        error: { code: 'internal', message: 'the channel could not be opened' },
      },
      { channel: 'good', error: undefined },
    ])
    expect(failures).toEqual([['opening a channel', fault]])
  })
})
