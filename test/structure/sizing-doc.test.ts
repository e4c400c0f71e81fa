import { expect, it } from 'vitest'
import { sizingPage } from '../../src/cli/size/page.ts'

it('docs/sizing.md says what `sluice size` reckons (`npm run docs:sizing` writes it)', async () => {
  await expect(sizingPage()).toMatchFileSnapshot('../../docs/sizing.md')
})
