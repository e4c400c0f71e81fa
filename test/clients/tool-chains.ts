/** What runs the clients and libraries that are not on npm, fetched where it is missing. */
import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const HERE = import.meta.dirname
const FETCH_MS = 240_000

const run = promisify(execFile)

/** `undefined`: it is there; else why not. */
type Missing = string | undefined

/** Builds a program of test/clients/go. */
export function missingGo(program: string, built: string): Missing {
  return missing('Go and its module proxy', () => {
    const options = { cwd: join(HERE, 'go'), timeout: FETCH_MS, stdio: 'pipe' } as const
    execFileSync('go', ['build', '-mod=mod', '-o', built, program], options)
  })
}

/** Fetches what the programs of test/clients/java need. */
export function missingJava(jars: string): Missing {
  return missing('Java 17, Maven and its central repository', () => {
    const options = { cwd: join(HERE, 'java'), timeout: FETCH_MS, stdio: 'pipe' } as const
    execFileSync('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`], options)
  })
}

export function missingPython(venv: string, packages: readonly string[]): Missing {
  return missing('Python 3.10 with venv, and PyPI', () => {
    execFileSync('python3', ['-m', 'venv', venv], { timeout: FETCH_MS, stdio: 'pipe' })
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]
    execFileSync(join(venv, 'bin/python'), install, { timeout: FETCH_MS, stdio: 'pipe' })
  })
}

/** Packages of npm that only these tests use. */
export function missingNpm(folder: string, packages: readonly string[]): Missing {
  return missing('npm and its registry', () => {
    const install = ['install', '--no-audit', '--no-fund', '--no-package-lock', ...packages]
    execFileSync('npm', install, { cwd: folder, timeout: FETCH_MS, stdio: 'pipe' })
  })
}

/** The line of JSON that a program prints. */
export async function said(command: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(command, args)
  return JSON.parse(stdout)
}

function missing(what: string, make: () => void): Missing {
  try {
    make()
    return undefined
  } catch (error) {
    return `${what}: ${(error as Error).message.split('\n')[0]}`
  }
}
