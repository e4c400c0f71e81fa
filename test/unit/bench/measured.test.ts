import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { measuredModule, medianAt, PLACES } from '../../../bench/lib/measured.ts'
import { FACTORS } from '../../../src/cli/size/factors.ts'

const page = readFileSync('docs/benchmarks.md', 'utf8')

it('sizing reckons with what docs/benchmarks.md says (`npm run bench -- --page` writes src/cli/size/measured.ts)', () => {
  expect(readFileSync('src/cli/size/measured.ts', 'utf8')).toBe(measuredModule(page))
  for (const [name, place] of Object.entries(PLACES))
    if (name in FACTORS) expect(FACTORS[name as keyof typeof FACTORS].value).toBe(medianAt(page, place))
})

it('what a publish costs is without the ten deliveries that it was measured with', () => {
  const { publishUs, deliveryBusyUs } = FACTORS
  expect(publishUs.value + 10 * deliveryBusyUs.value).toBeCloseTo(
    medianAt(page, PLACES['publishWithTenUs']!),
    0,
  )
})

it('a row that is not on the page is no zero', () => {
  const place = { title: 'Connects', caption: 'Departures', row: 'nobody' }
  expect(() => medianAt(page, place)).toThrow('no row nobody in Connects, Departures')
})
