/**
 * Both packages as a user has them: packed from this tree, installed into an empty folder. Once for all tests of a file.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export class InstalledPackages {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-installed-'))

  /** `true`: the gateway too, which is 260 MB with its native library. */
  constructor(withGateway: boolean) {
    const packs = join(this.folder, 'packs')
    mkdirSync(packs)
    writeFileSync(join(this.folder, 'package.json'), '{"private":true}')
    const packed = [join(ROOT, 'packages/client'), ...(withGateway ? [ROOT] : [])].map((from) => {
      const name = npm(from, 'pack', '--silent', '--pack-destination', packs).trim()
      return join(packs, name)
    })
    npm(this.folder, 'install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', ...packed)
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  read(...parts: readonly string[]): string {
    return readFileSync(this.path(...parts), 'utf8')
  }

  write(path: string, text: string): string {
    const file = this.path(path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  /** A file or folder of this tree, such as an example. */
  copy(from: string, to = from): void {
    cpSync(join(ROOT, from), this.path(to), { recursive: true })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** As somebody types it: what this process got from its own npm would lead there. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|INIT_CWD$|NODE_ENV$|VITEST)/i.test(name),
  )
  return Object.fromEntries(kept)
}

function npm(cwd: string, ...words: readonly string[]): string {
  return execFileSync('npm', words, { cwd, encoding: 'utf8', env: ownEnvironment() })
}
