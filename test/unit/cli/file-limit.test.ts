import { expect, it } from 'vitest'
import { fileLimitAdvice, openFilesMax } from '../../../src/cli/file-limit.ts'

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 4096                 files
Max locked memory         65536                65536                bytes
`

it('reads how many files may be open, where the system tells', () => {
  expect(openFilesMax(() => LIMITS)).toBe(1024)
  expect(openFilesMax(() => LIMITS.replace('1024     ', 'unlimited'))).toBeUndefined()
  expect(
    openFilesMax(() => {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    }),
  ).toBeUndefined()
  if (process.platform === 'linux') expect(openFilesMax() ?? 1).toBeGreaterThan(0)
})

it('says what to raise, and to what, where connections would not fit', () => {
  expect(fileLimitAdvice(1024, 0)).toContain(
    'may have 1024 files open, with no limits.connections, and room for 768',
  )
  expect(fileLimitAdvice(1024, 0)).toContain('to 10256 or more, or set limits.connections to 768 or less')
  expect(fileLimitAdvice(50_000, 100_000)).toContain('limits.connections is 100000')
  expect(fileLimitAdvice(50_000, 100_000)).toContain(
    'to 100256 or more, or set limits.connections to 49744 or less',
  )
})

it('says nothing where they fit, or nobody knows', () => {
  expect(fileLimitAdvice(1_048_576, 0)).toBeUndefined()
  expect(fileLimitAdvice(1280, 1024)).toBeUndefined()
  expect(fileLimitAdvice(undefined, 100_000)).toBeUndefined()
})
