import { expect, it } from 'vitest'
import { configurationPage } from '../../src/config/describe.ts'

it('docs/configuration.md says what the schema says (`npm run docs:config` writes it)', async () => {
  await expect(configurationPage()).toMatchFileSnapshot('../../docs/configuration.md')
})
