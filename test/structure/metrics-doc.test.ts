import { expect, it } from 'vitest'
import { metricsPage } from '../../src/observe/metrics-page.ts'

it('docs/metrics.md says what the table says (`npm run docs:metrics` writes it)', async () => {
  await expect(metricsPage()).toMatchFileSnapshot('../../docs/metrics.md')
})
