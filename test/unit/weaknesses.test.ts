import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { weaknesses } from '../../src/node/options.ts'

function weaknessesOf(drain: ConfigInput['drain']): string[] {
  const settings: ConfigInput = {
    api: { keys: ['ops:admin:a-key-that-is-long-enough-for-this'] },
    auth: { jwtSecret: 'a-secret-for-tests-of-more-than-32-bytes' },
    ...(drain === undefined ? {} : { drain }),
  }
  return weaknesses(loadConfig({ settings }))
}

it('a deadline that the plan and its delays do not fit into is told before it matters', () => {
  expect(weaknessesOf({ plan: '5m', deadline: '5m' })).toEqual([
    'drain.deadline is 5m, but drain.plan, deregisterDelay, grace and closeSpread take 345s together: the drain will hurry, whatever the others take',
  ])
  expect(weaknessesOf({ plan: '5%/2m', deadline: '40m' })).toHaveLength(1)
  expect(weaknessesOf({ plan: '5m', deadline: '6m' })).toEqual([])
  expect(weaknessesOf({ plan: '5m' })).toEqual([])
  // How long it takes shows when it begins.
  expect(weaknessesOf({ plan: '5000/30s', deadline: '1m' })).toEqual([])
})
