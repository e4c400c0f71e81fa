/**
 * Builds dist/ (the gateway: the compiler's output, the Lua scripts beside the modules that load them, the page of `sluice dev`,
 * and bundle/, which is what the command runs) and the dist/ of each package in packages/ (the SDK, its hooks for React, the helper
 * for backends), and links the command, so that npm runs what is here.
 *
 * Where nothing has changed that goes into it, nothing is built. npm runs this after it has changed node_modules of a clone
 * (`dependencies`), and before it packs (`prepack`): never where somebody installs a package. Where development dependencies
 * are not installed there is no compiler: then what was built before is left as it is.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stampOf } from './stamp.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const packageOf = (name) => join(root, 'packages', name)

/** What goes into the build. The lock file stands for the compiler and the bundler. */
const INPUTS = [
  'src',
  'scripts/build.mjs',
  'scripts/bundle.mjs',
  'scripts/console.mjs',
  'scripts/page.mjs',
  'scripts/program.mjs',
  'scripts/short-names.json',
  'scripts/short-names.mjs',
  'scripts/stamp.mjs',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.client.json',
  'packages/client/tsconfig.json',
  'packages/react/src',
  'packages/react/tsconfig.json',
  'packages/server/src',
  'packages/server/tsconfig.json',
]
/** Where it goes: each is built beside its place, and takes it whole. */
const OUTPUTS = {
  gateway: join(root, 'dist'),
  client: join(packageOf('client'), 'dist'),
  react: join(packageOf('react'), 'dist'),
  server: join(packageOf('server'), 'dist'),
}
const STAMP = '.stamp'

const fresh = Object.fromEntries(
  Object.entries(OUTPUTS).map(([name, place]) => [name, `${place}.tmp-${process.pid}`]),
)

function isBuilt(stamp) {
  return Object.values(OUTPUTS).every((place) => {
    const file = join(place, STAMP)
    return existsSync(file) && readFileSync(file, 'utf8') === stamp
  })
}

function drop() {
  for (const place of Object.values(fresh)) rmSync(place, { recursive: true, force: true })
}

/** Ends the build with the exit code of the step that failed; the step has said why. */
function compile(...words) {
  const { status, error } = spawnSync(process.execPath, [compiler, ...words], { cwd: root, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status === 0) return
  drop()
  process.exit(status ?? 1)
}

function compileGateway() {
  compile('-p', 'tsconfig.build.json', '--outDir', fresh.gateway)
  for (const path of readdirSync(join(root, 'src'), { recursive: true })) {
    if (!path.endsWith('.lua')) continue
    const target = join(fresh.gateway, path)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(root, 'src', path), target)
  }
}

/** As modules of both kinds, each file by itself, so that a bundler takes what is used; with the sources in the maps. */
function compilePackage(name, config = join(packageOf(name), 'tsconfig.json')) {
  const project = ['-p', config]
  const commonjs = [
    '--module',
    'commonjs',
    '--moduleResolution',
    'bundler',
    '--verbatimModuleSyntax',
    'false',
  ]
  const kinds = [
    { folder: 'esm', type: 'module', words: [] },
    { folder: 'cjs', type: 'commonjs', words: commonjs },
  ]
  for (const { folder, type, words } of kinds) {
    const out = join(fresh[name], folder)
    compile(...project, '--outDir', out, ...words)
    writeFileSync(join(out, 'package.json'), JSON.stringify({ type, sideEffects: false }))
    for (const path of readdirSync(out, { recursive: true })) {
      if (!path.endsWith('.d.ts')) continue
      const file = join(out, path)
      // The compiler leaves names as the sources have them, and those are not in the package.
      const text = readFileSync(file, 'utf8').replaceAll(
        /(from |import\()(['"]\.[^'"]*)\.ts(['"])/g,
        '$1$2.js$3',
      )
      writeFileSync(file, text)
    }
  }
}

/** The hooks are compiled against the SDK that was built just now, which is not in its place yet. */
function compileReact() {
  const types = (entry) => [join(fresh.client, 'esm', 'client', `${entry}.d.ts`)]
  const paths = { '@sluice/client': types('index'), '@sluice/client/presence': types('presence') }
  const config = join(fresh.react, 'tsconfig.json')
  mkdirSync(fresh.react, { recursive: true })
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(packageOf('react'), 'tsconfig.json'),
      compilerOptions: { paths },
      include: [join(packageOf('react'), 'src')],
    }),
  )
  compilePackage('react', config)
  rmSync(config)
}

/** What does not compile leaves the last good build, and what was removed from src does not stay. */
function take(stamp) {
  for (const [name, place] of Object.entries(OUTPUTS)) {
    writeFileSync(join(fresh[name], STAMP), stamp)
    const old = `${place}.old-${process.pid}`
    if (existsSync(place)) renameSync(place, old)
    renameSync(fresh[name], place)
    rmSync(old, { recursive: true, force: true })
  }
}

/** npm links the commands of what is installed, and not those of the folder itself: it would install that, and build again. */
function linkCommand() {
  const folder = join(root, 'node_modules', '.bin')
  const link = join(folder, 'sluice')
  if (process.platform === 'win32' || !existsSync(folder)) return
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync('../../bin/sluice.js', link)
}

const stamp = stampOf(root, INPUTS)
if (isBuilt(stamp)) linkCommand()
else if (existsSync(compiler)) {
  try {
    compileGateway()
    compilePackage('client')
    compileReact()
    compilePackage('server')
    const [{ bundleClient }, { buildPage }, { buildConsole }, { bundleProgram }] = await Promise.all([
      import('./bundle.mjs'),
      import('./page.mjs'),
      import('./console.mjs'),
      import('./program.mjs'),
    ])
    const pages = join(fresh.gateway, 'console')
    await Promise.all([
      bundleClient(fresh.client),
      buildPage(pages),
      buildConsole(join(pages, 'operator')),
      bundleProgram(fresh.gateway),
    ])
    for (const name of ['sluice.min.js', 'sluice.min.js.map', 'sluice.global.js', 'sluice.global.js.map'])
      cpSync(join(fresh.client, name), join(fresh.gateway, 'client', name))
    take(stamp)
  } finally {
    drop()
  }
  linkCommand()
} else
  console.error(
    'build: there is no compiler (npm ci without --omit=dev installs it), so dist/ is left as it is',
  )
