/**
 * Builds dist/: the compiler's output, the Lua scripts beside the modules that load them, and the bundles for browsers.
 *
 * Also run by `npm ci` (prepare). Where development dependencies are not installed there is no compiler: then a package
 * that was built before is left as it is.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
/** Beside dist/, so that source maps lead to the same place. */
const fresh = join(root, `dist.tmp-${process.pid}`)
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')

/** Ends the build with the exit code of the step that failed; the step has said why. */
function run(...words) {
  const { status, error } = spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status === 0) return
  rmSync(fresh, { recursive: true, force: true })
  process.exit(status ?? 1)
}

if (!existsSync(compiler)) {
  console.error(
    'build: there is no compiler (npm ci without --omit=dev installs it), so dist/ is left as it is',
  )
  process.exit(0)
}

run(compiler, '-p', 'tsconfig.build.json', '--outDir', fresh)
for (const path of readdirSync(join(root, 'src'), { recursive: true })) {
  if (!path.endsWith('.lua')) continue
  const target = join(fresh, path)
  mkdirSync(dirname(target), { recursive: true })
  cpSync(join(root, 'src', path), target)
}

// Only now: what does not compile leaves the last good build, and what was removed from src does not stay in dist.
rmSync(dist, { recursive: true, force: true })
renameSync(fresh, dist)

for (const script of ['bundle.mjs', 'page.mjs']) {
  const path = join(root, 'scripts', script)
  if (existsSync(path)) run(path)
}
