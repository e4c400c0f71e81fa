/**
 * Packages as a user has them: packed from this tree, installed into an empty folder. Once for all tests of a file.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export class InstalledPackages {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-installed-'))

  /**
   * `withGateway`: it too, with the native library for this machine. `more`: further packages of this tree by their folder in `packages`, and
   * others as npm names them (`react@18.3.1`). `packed` is called between the two.
   */
  constructor(
    withGateway: boolean,
    more: {
      readonly ours?: readonly string[]
      readonly others?: readonly string[]
      readonly packed?: () => void
    } = {},
  ) {
    const packs = join(this.folder, 'packs')
    writeFileSync(join(this.folder, 'package.json'), '{"private":true}')
    const names = ['client', ...(more.ours ?? []), ...(withGateway ? ['gateway'] : [])]
    const packed = execFileSync(process.execPath, [join(ROOT, 'scripts/pack.mjs'), packs, ...names], {
      encoding: 'utf8',
      env: ownEnvironment(),
    })
      .trim()
      .split('\n')
    more.packed?.()
    npm(
      this.folder,
      'install',
      '--silent',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      ...packed,
      ...(more.others ?? []),
    )
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  read(...parts: readonly string[]): string {
    return readFileSync(this.path(...parts), 'utf8')
  }

  /** What is in a folder of `node_modules`; nothing where there is none. */
  list(folder: string): string[] {
    const path = this.path('node_modules', folder)
    return existsSync(path) ? readdirSync(path) : []
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
