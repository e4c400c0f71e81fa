/** What the figures were measured on. */
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'

export function describeMachine(): string {
  const [cpu] = cpus()
  const gigabytes = Math.round(totalmem() / 1024 ** 3)
  return `${cpus().length} cores of ${cpu?.model.trim() ?? 'an unknown processor'}, ${gigabytes} GiB of memory, ${type()} ${release()}, Node.js ${process.version}`
}

/** The commit that was measured, marked where the tree differed from it. */
export function describeCommit(): string {
  const commit = git('rev-parse', '--short', 'HEAD')
  return git('status', '--porcelain', '--', 'src') === '' ? commit : `${commit} with changes`
}

function git(...argumentsOfGit: string[]): string {
  return execFileSync('git', argumentsOfGit, { encoding: 'utf8' }).trim()
}
