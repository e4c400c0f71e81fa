import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { loadConsole } from '../../../src/console/load-console.ts'

it('compresses a file for the first who asks, and keeps it', () => {
  const files = loadConsole()
  expect(files.map(({ path }) => path)).toContain('/console.js')
  for (const { path, content } of files) {
    const { plain, gzipped } = content()
    expect(gunzipSync(gzipped).equals(plain), path).toBe(true)
    expect(content().gzipped, path).toBe(gzipped)
  }
})
