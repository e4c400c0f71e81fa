import { describe, expect, it } from 'vitest'
import { surveyFindings } from '../../../src/cli/doctor/redis-servers.ts'
import type { Survey, SurveyedSentinel, SurveyedServer } from '../../../src/drivers/redis-survey.ts'

/** What is said of several servers of Redis; test/cluster/doctor.test.ts looks at real ones. */

const SETTINGS = {
  ...{ 'maxmemory-policy': 'noeviction', maxmemory: '0', maxclients: '10000' },
  ...{ appendonly: 'yes', appendfsync: 'always' },
  ...{ 'min-replicas-to-write': '1', 'min-replicas-max-lag': '2' },
}

function server(at: string, more: Partial<SurveyedServer> = {}, settings: object = {}): SurveyedServer {
  return {
    ...{ at, id: at, trouble: undefined, primary: false, follows: undefined, aheadMs: 0 },
    settings: new Map(Object.entries({ ...SETTINGS, ...settings })),
    ...more,
  }
}

const sentinel = (more: Partial<SurveyedSentinel> = {}): SurveyedSentinel => ({
  ...{ at: 's:1', trouble: undefined, names: 'a:1', sentinels: 3, replicas: 2, quorum: 2, downAfterMs: 5000 },
  ...more,
})

/** What is not well, as `status what`. */
function wrong(survey: Survey): string[] {
  return surveyFindings(survey)
    .filter(({ status }) => status !== 'ok')
    .map(({ status, what, change }) => {
      if (status !== 'skip') expect(change, what).toBeTruthy()
      return `${status} ${what}`
    })
}

describe('Sentinels', () => {
  const survey = (
    sentinels: readonly SurveyedSentinel[],
    servers = [server('a:1', { primary: true }), server('b:1'), server('c:1')],
  ): Survey => ({ kind: 'sentinel', master: 'main', sentinels, servers })
  const three = (more: Partial<SurveyedSentinel> = {}): SurveyedSentinel[] =>
    ['s:1', 's:2', 's:3'].map((at) => sentinel({ at, ...more }))

  it('that are three, agree, and have servers that keep everything are well', () => {
    expect(wrong(survey(three()))).toEqual([])
  })

  it.each<[string, Partial<SurveyedSentinel>, string]>([
    ['two', { sentinels: 2, quorum: 2 }, 'warn Redis Sentinels'],
    ['a quorum that is never reached', { quorum: 4 }, 'fail Sentinel quorum'],
    ['a quorum of less than a majority', { quorum: 1 }, 'warn Sentinel quorum'],
    ['half a minute of silence', { downAfterMs: 30_000 }, 'warn Sentinel down-after-milliseconds'],
    ['no replica', { replicas: 0 }, 'warn Redis replicas'],
    ['one replica that has to be there', { replicas: 1 }, 'warn Redis min-replicas-to-write'],
  ])('%s', (_, more, finding) => {
    expect(wrong(survey(three(more)))).toEqual([finding])
  })

  it('that do not answer, or name two primaries, fail', () => {
    const away = sentinel({ at: 's:3', trouble: 'connect ECONNREFUSED', names: undefined })
    expect(wrong(survey([sentinel(), sentinel({ at: 's:2' }), away]))).toEqual(['fail Redis Sentinel s:3'])
    expect(wrong(survey([sentinel(), sentinel({ at: 's:2', names: 'b:1' })]))).toEqual(['fail Redis primary'])
    expect(wrong(survey([away], []))).toEqual(['fail Redis Sentinel s:3'])
  })

  it('that do not agree on their number, or differ in their quorum, are warned of', () => {
    expect(wrong(survey([sentinel(), sentinel({ at: 's:2', sentinels: 4 })]))).toContain(
      'warn Redis Sentinels',
    )
    expect(wrong(survey([sentinel(), sentinel({ at: 's:2', quorum: 3 })]))).toEqual(['warn Sentinel quorum'])
    expect(wrong(survey([sentinel()]))).toEqual(['warn Redis Sentinels'])
  })

  it('are told of each server that drops keys, is away, or goes on alone', () => {
    const servers = (settings: object, more: Partial<SurveyedServer> = {}): SurveyedServer[] => [
      server('a:1', { primary: true }),
      server('b:1', more, settings),
    ]
    const of = (settings: object, more?: Partial<SurveyedServer>): string[] =>
      wrong(survey(three(), servers(settings, more)))
    expect(of({ 'maxmemory-policy': 'allkeys-lru' })).toEqual(['warn Redis b:1 maxmemory-policy'])
    expect(of({ 'maxmemory-policy': 'allkeys-lru', maxmemory: '9' })).toEqual([
      'fail Redis b:1 maxmemory-policy',
    ])
    expect(of({ maxclients: '10' })).toEqual(['warn Redis b:1 maxclients'])
    expect(of({ 'min-replicas-to-write': '0' })).toEqual(['warn Redis min-replicas-to-write'])
    expect(of({ 'min-replicas-max-lag': '10' })).toEqual(['warn Redis min-replicas-to-write'])
    expect(of({}, { trouble: 'Connection is closed.' })).toEqual(['fail Redis b:1'])
    expect(of({}, { aheadMs: 40_000 })).toEqual(['fail clock of Redis b:1'])
    const silent = [server('a:1', { settings: new Map() })]
    expect(wrong(survey(three(), silent))).toEqual([
      'skip Redis min-replicas-to-write',
      'skip Redis a:1 maxmemory-policy',
      'skip Redis a:1 persistence',
    ])
  })
})

describe('a Redis Cluster', () => {
  const GOOD = {
    'cluster-require-full-coverage': 'no',
    'cluster-node-timeout': '5000',
    'cluster-allow-reads-when-down': 'no',
  }
  const survey = (
    settings: object = {},
    more: Partial<Extract<Survey, { kind: 'cluster' }>> = {},
  ): Survey => ({
    kind: 'cluster',
    isWhole: true,
    servers: ['a', 'b', 'c'].flatMap((at) => [
      server(at, { primary: true }, { ...GOOD, ...settings }),
      server(`${at}2`, { follows: at }, GOOD),
    ]),
    ...more,
  })

  it('that is whole, with a replica of each master and short silences, is well', () => {
    expect(wrong(survey())).toEqual([])
  })

  it.each([
    ['cluster-require-full-coverage', 'yes', 'warn'],
    ['cluster-node-timeout', '15000', 'warn'],
    ['cluster-allow-reads-when-down', 'yes', 'fail'],
  ])('%s %s: %s', (name, value, status) => {
    expect(wrong(survey({ [name]: value }))).toEqual([`${status} ${name}`])
  })

  it('that has lost slots fails, and one with few masters, or one without a replica, is warned of', () => {
    expect(wrong(survey({}, { isWhole: false }))).toEqual(['fail Redis Cluster'])
    const two = [
      server('a', { primary: true }, GOOD),
      server('b', { primary: true }, GOOD),
      server('a2', { follows: 'a' }, GOOD),
    ]
    expect(wrong(survey({}, { servers: two }))).toEqual([
      'warn Redis Cluster masters',
      'warn Redis Cluster replicas',
    ])
  })
})

it('one server is asked by other means', () => {
  expect(surveyFindings({ kind: 'server' })).toEqual([])
})
