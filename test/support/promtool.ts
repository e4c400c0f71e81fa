/** Prometheus' own tool, and a file for it that is gone afterwards. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { programOr } from './program.ts'
import { temporaryDirectory } from './server-process.ts'

export const promtool = programOr('promtool', 'apt-get install prometheus')

/** `words` such as `check rules`. Fails with what promtool says of the file. */
export function passesPromtool(words: readonly string[], content: object): void {
  const directory = temporaryDirectory('promtool')
  const file = join(directory.path, 'file.yaml')
  writeFileSync(file, stringify(content))
  try {
    execFileSync('promtool', [...words, file], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(stdout + stderr, { cause: error })
  } finally {
    directory.remove()
  }
}
