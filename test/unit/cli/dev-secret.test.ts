import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { devSecret } from '../../../src/cli/dev-secret.ts'

function cache(): { readonly env: NodeJS.ProcessEnv; readonly file: string; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cache-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return { env: { XDG_CACHE_HOME: folder }, file: join(folder, 'sluice', 'dev-secret'), folder }
}

it('stays the same between starts, for its user alone', () => {
  const { env, file } = cache()
  const { secret, unkept } = devSecret(env)
  expect(unkept).toBeUndefined()
  expect(devSecret(env).secret).toBe(secret)
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
  expect((statSync(join(file, '..')).mode & 0o777).toString(8)).toBe('700')
})

it('is a new one where others could read it, or it is none', () => {
  const { env, file } = cache()
  const first = devSecret(env).secret
  chmodSync(file, 0o644)
  const second = devSecret(env).secret
  expect(second).not.toBe(first)
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
  writeFileSync(file, 'short')
  expect(devSecret(env).secret).toHaveLength(43)
})

it('is for one run where it cannot be kept, which is said without it', () => {
  const { env, folder } = cache()
  writeFileSync(join(folder, 'sluice'), 'a file in the place of the folder')
  const { secret, unkept } = devSecret(env)
  expect(unkept).toMatch(/dev-secret cannot be written \(E/)
  expect(unkept).not.toContain(secret)
  expect(devSecret(env).secret).not.toBe(secret)
})

it('is for one run where nobody says where to keep it', () => {
  expect(devSecret({})).toEqual({ secret: expect.stringMatching(/^[\w-]{43}$/) as string })
})
