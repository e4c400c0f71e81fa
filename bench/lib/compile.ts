/**
 * Plain JavaScript of everything that is measured, made once at the start of a run. A loader that compiles on the way would run
 * beside the server, in a thread of its own, and wrap every named function: both would be counted. And whoever edits or
 * rebuilds the tree meanwhile does not change what is measured.
 */
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildConsole } from '../../scripts/console.mjs'
import { bundleProgram } from '../../scripts/program.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BENCH = join(ROOT, 'bench')
const ALL = join(ROOT, '.tmp', 'bench')
/** Of this run alone, so that another one in the same tree, a test's for example, takes nothing from under it. */
const OUT = join(ALL, `run-${process.pid}`)
/** What a run leaves behind. */
export const PROFILES = join(ALL, 'profiles')
/** Where the peer finds the gateway; `npm run build` makes the same of it. */
const GATEWAY_OUT = join(OUT, 'gateway')

/** `peers/raw-uws` and its like: the programs' places in this directory. */
export async function compile(programs: readonly string[]): Promise<void> {
  clear()
  await build({
    absWorkingDir: BENCH,
    entryPoints: programs.map((program) => `${program}.ts`),
    outbase: BENCH,
    outdir: OUT,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  })
}

/** Of this run, now and at its end, and of those that were killed. */
function clear(): void {
  const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true })
  mkdirSync(ALL, { recursive: true })
  for (const name of readdirSync(ALL)) {
    const pid = /^run-(\d+)$/.exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) remove(join(ALL, name))
  }
  remove(OUT)
  process.once('exit', () => remove(OUT))
}

/** Types are checked elsewhere: a mistake in a room that the gateway does not run is no reason not to measure it. */
export async function compileGateway(): Promise<void> {
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', GATEWAY_OUT], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  // Scripts and pages that the compiler leaves where they are.
  cpSync(join(ROOT, 'src'), GATEWAY_OUT, {
    recursive: true,
    filter: (file) => !['.ts', '.tsx'].includes(extname(file)),
  })
  // Where the gateway finds its version.
  cpSync(join(ROOT, 'package.json'), join(OUT, 'package.json'))
  await Promise.all([buildConsole(join(GATEWAY_OUT, 'console', 'operator')), bundleProgram(GATEWAY_OUT)])
  // The command, and what it runs under the name that it knows.
  cpSync(join(ROOT, 'bin'), join(OUT, 'bin'), { recursive: true })
  symlinkSync('gateway', join(OUT, 'dist'))
}

/** `sluice`, as it was when the run began. */
export const COMMAND = join(OUT, 'bin', 'sluice.js')

export function compiled(program: string): string {
  return join(OUT, `${program}.mjs`)
}
