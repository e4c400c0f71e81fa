import { expect, it } from 'vitest'
import { commandsText } from '../../../bench/lib/commands.ts'
import type { Base } from '../../../bench/lib/committed.ts'
import type { Result } from '../../../bench/lib/results.ts'

it('says how long everything takes by what was kept: five rounds of all, one quick one for a check', () => {
  const outcome = { arrangement: '', tables: [] }
  const result = (rounds: number, tookSeconds: number): Result => ({
    ...{ title: 't', outcome, rounds, machine: 'm', commit: 'c', tookSeconds },
  })
  const base: Base = { commit: 'c', machine: 'm', tookSeconds: 600, rows: {} }
  // A minute and two for a round of each.
  const kept = [result(2, 120), result(1, 120)]
  expect(commandsText(kept, { a: base, b: base })).toContain('some 15 minutes, 3 minutes a round')
  expect(commandsText(kept, { a: base, b: base })).toContain(
    'It took 4 minutes when they were made, and to make them (`--accept`) 20 minutes.',
  )
  expect(commandsText(kept, {})).not.toContain('It took')
})
