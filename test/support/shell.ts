/** What somebody types into a shell, without holding up this process: a node of a test may be in it. */
import { execFile } from 'node:child_process'
import { ROOT } from './installed-packages.ts'

export interface Typed {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

export function shell(
  command: string,
  env: Readonly<Record<string, string>> = {},
  cwd = ROOT,
): Promise<Typed> {
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env } }
    // A shell whose input is a socket takes itself for one of a remote login, and reads what that person's would read.
    execFile('bash', ['--norc', '-c', command], options, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    )
  })
}
