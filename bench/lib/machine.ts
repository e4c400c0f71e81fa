/** What the figures were measured on. */
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { CHANGED } from './results.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export function describeMachine(): string {
  const [cpu] = cpus()
  const gigabytes = Math.round(totalmem() / 1024 ** 3)
  return `${cpus().length} cores of ${cpu?.model.trim() ?? 'an unknown processor'}, ${gigabytes} GiB of memory, ${type()} ${release()}, Node.js ${process.version}`
}

/** What a figure depends on; what a run writes down itself is none of it, so that pieces of a run may be committed one by one. */
const MEASURED = [
  ...['src', 'bench', 'scripts/program.mjs', 'package-lock.json'],
  ...['bench/results', 'bench/account.md', 'src/cli/size/measured.ts'].map((written) => `:!${written}`),
]

/** The last commit that has changed what is measured, marked where the tree differs from it. */
export function describeCommit(): string {
  const commit = git('log', '-1', '--format=%h', '--', ...MEASURED)
  return git('status', '--porcelain', '--', ...MEASURED) === '' ? commit : `${commit}${CHANGED}`
}

function git(...argumentsOfGit: string[]): string {
  // From the root of the tree, as the paths are.
  return execFileSync('git', argumentsOfGit, { encoding: 'utf8', cwd: ROOT }).trim()
}
