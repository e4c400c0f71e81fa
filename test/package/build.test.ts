import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { stampOf } from '../../scripts/stamp.mjs'
import { packageVersion } from '../../src/package-version.ts'
import { ownEnvironment } from '../support/installed-packages.ts'

/** Nobody waits for a build of what is built, and nobody who installs a package builds. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

function build(): string {
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')])
  const { ino, mtimeMs } = statSync(join(ROOT, 'dist/.stamp'))
  return `${ino} ${mtimeMs}`
}

it('is built once: again only where something has changed that goes into it', () => {
  expect(build()).toBe(build())
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stamp-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'src'))
  const file = join(folder, 'src/one.ts')
  writeFileSync(file, 'one')
  const first = stampOf(folder, ['src'])
  utimesSync(file, 1, 1)
  expect(stampOf(folder, ['src'])).toBe(first)
  writeFileSync(file, 'two')
  expect(stampOf(folder, ['src'])).not.toBe(first)
  writeFileSync(file, 'one')
  writeFileSync(join(folder, 'src/another.ts'), '')
  expect(stampOf(folder, ['src'])).not.toBe(first)
})

it('is built by nothing that runs where a package is installed', () => {
  const packages = ['client', 'react', 'server'].map((name) => `packages/${name}/package.json`)
  for (const path of ['package.json', ...packages]) {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as { readonly scripts: object }
    const lifecycle = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
    expect(Object.keys(scripts).filter((name) => lifecycle.includes(name))).toEqual([])
  }
})

it('is not published by itself: `npm publish` refuses, and names the command that makes what a registry gets', () => {
  const { status, stderr } = spawnSync('npm', ['publish', '--dry-run'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: ownEnvironment(),
  })
  expect(stderr).toMatch(/^prepublish: .*: node scripts\/pack\.mjs FOLDER makes what a registry gets/m)
  expect(status).toBe(1)
  // Without its scripts npm refuses as well.
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as object
  expect(manifest).toMatchObject({ private: true })
})

it('packs by the plain command too, with what it needs and without what it is made of', () => {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: ownEnvironment(),
    maxBuffer: 2 ** 26,
  })
  expect(status, stderr).toBe(0)
  const [{ name, files }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [
    { readonly name: string; readonly files: readonly { readonly path: string }[] },
  ]
  expect(name).toBe('@sluice/gateway')
  const paths = files.map(({ path }) => path)
  expect(paths).toEqual(expect.arrayContaining(['bin/sluice.js', 'dist/index.js', 'README.md']))
  expect(paths.filter((path) => path.startsWith('src/') || path.startsWith('test/'))).toEqual([])
})

it('runs in a clone by the command that its documents name, which finds the clone itself', () => {
  build()
  const link = join(ROOT, 'node_modules/.bin/sluice')
  expect(execFileSync(link, ['--version'], { encoding: 'utf8' }).trim()).toBe(packageVersion())
})

it.each([
  ['18.20.4', 'use Node 20, 22, 24 or 25 (nvm install 20)'],
  ['20.11.1', 'use Node 20.12 or later (nvm install 20)'],
])('says which Node it needs under %s, with which it does not run', (version, advice) => {
  const older = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(older)}`, join(ROOT, 'bin/sluice.js'), 'dev'],
    { encoding: 'utf8' },
  )
  expect(stderr).toBe(`sluice: this is Node ${version}; ${advice}\n`)
  expect(status).toBe(1)
})
