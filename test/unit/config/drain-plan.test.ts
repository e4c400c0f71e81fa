import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parsePlan, planText } from '../../../src/config/drain-plan.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { startNode, type StartedNode } from '../../support/start-node.ts'

const GOOD = [
  ['5%/2m', { kind: 'percent', percent: 5, everyMs: 120_000 }],
  ['2.5%/30s', { kind: 'percent', percent: 2.5, everyMs: 30_000 }],
  ['0.5%/10s', { kind: 'percent', percent: 0.5, everyMs: 10_000 }],
  ['100%/1h', { kind: 'percent', percent: 100, everyMs: 3_600_000 }],
  ['5000/30s', { kind: 'count', count: 5000, everyMs: 30_000 }],
  ['999999999/30s', { kind: 'count', count: 999_999_999, everyMs: 30_000 }],
  ['1/500ms', { kind: 'count', count: 1, everyMs: 500 }],
  ['5m', { kind: 'over', totalMs: 300_000 }],
  ['90s', { kind: 'over', totalMs: 90_000 }],
  ['1d', { kind: 'over', totalMs: 86_400_000 }],
  ['1.5m', { kind: 'over', totalMs: 90_000 }],
] as const
const BAD = [
  ...[
    '',
    '5%',
    '5000',
    '5%/',
    '/2m',
    '0%/2m',
    '101%/2m',
    '0/2m',
    '1.5/2m',
    '5.0/2m',
    '-5%/2m',
    '5%/0s',
    '5%/2m/1m',
  ],
  ...[
    '007/30s',
    '1000000000/30s',
    '5%/120000',
    '120000',
    ' 5m',
    '5 m',
    '5w',
    '0s',
    '0.4ms',
    '99999999999d',
    '5%/2M',
  ],
  ...['all', '1e3/2m', '5%%/2m', '5 %/2m', '5%/2m\n', '5%/ 2m', '٥%/2m'],
]
const TEXTS = [...GOOD.map(([text]) => text), ...BAD]

describe('a plan', () => {
  it.each(GOOD)('%s is read', (text, plan) => {
    expect(parsePlan(text)).toEqual(plan)
  })

  it.each(BAD)('%j is none', (text) => {
    expect(parsePlan(text)).toBeUndefined()
  })

  it('is the same after it was told as text', () => {
    const units = fc.constantFrom('ms', 's', 'm', 'h', 'd')
    const numbers = fc.oneof(fc.nat(100).map(String), fc.constantFrom('0.5', '1.5', '33.333333'))
    const times = fc.tuple(numbers, units).map(([number, unit]) => number + unit)
    const batches = fc.tuple(numbers, fc.constantFrom('', '%')).map(([number, unit]) => number + unit)
    const texts = fc.oneof(
      times,
      fc.tuple(batches, times).map(([batch, time]) => `${batch}/${time}`),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const plan = parsePlan(text)
        if (plan !== undefined) expect(parsePlan(planText(plan))).toEqual(plan)
      }),
    )
  })
})

describe('every door takes the same plans', () => {
  let node: StartedNode
  beforeAll(async () => {
    node = await startNode({ drain: { deregisterDelay: '10m', linger: '10m' } })
  })
  afterAll(() => node.close())

  const fits = (load: () => unknown): boolean => {
    try {
      load()
      return true
    } catch {
      return false
    }
  }
  const env = {
    SLUICE_JWT_SECRET: 'a-secret-for-tests-of-more-than-32-bytes',
    SLUICE_API_KEYS: 'a:admin:0123456789abcdef',
  }

  it.each(TEXTS)('%j', async (plan) => {
    const answers = {
      option: fits(() => loadConfig({ env, settings: { drain: { plan } } })),
      // An empty variable is none.
      variable: plan === '' ? false : fits(() => loadConfig({ env: { ...env, SLUICE_DRAIN: plan } })),
      drain: (await node.api('POST', `/v1/nodes/${node.id}/drain`, { plan })).status === 200,
    }
    const good = parsePlan(plan) !== undefined
    expect(answers).toEqual({ option: good, variable: good, drain: good })
  })
})
