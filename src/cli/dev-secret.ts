/**
 * The secret of `sluice dev`, kept between its starts so that open pages come back: in the user's folder for caches, for the
 * user alone. Whoever can read it can make tokens for a node that listens on this machine only.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SECRET = /^[\w-]{43}$/

export interface DevSecret {
  readonly secret: string
  /** Why it is good for this run only. */
  readonly unkept?: string
}

export function devSecret(env: NodeJS.ProcessEnv): DevSecret {
  const fresh = randomBytes(32).toString('base64url')
  const folder = cacheFolder(env)
  if (folder === undefined) return { secret: fresh }
  const file = join(folder, 'dev-secret')
  try {
    return { secret: kept(file) ?? keep(file, folder, fresh) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { secret: fresh, unkept: `${file} cannot be written (${code ?? message})` }
  }
}

/** `undefined`: nobody says where this user keeps what may be lost. */
function cacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const base =
    env['XDG_CACHE_HOME'] ||
    (process.platform === 'win32' ? env['LOCALAPPDATA'] : env['HOME'] && join(env['HOME'], '.cache'))
  return base ? join(base, 'sluice') : undefined
}

/** Not where others may have read it, or written it. */
function kept(file: string): string | undefined {
  try {
    const { mode, uid } = statSync(file)
    const isOurs = process.platform === 'win32' || ((mode & 0o077) === 0 && uid === process.getuid?.())
    const text = readFileSync(file, 'utf8').trim()
    return isOurs && SECRET.test(text) ? text : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all: another start may read it meanwhile. */
function keep(file: string, folder: string, secret: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const written = `${file}.${process.pid}`
  writeFileSync(written, `${secret}\n`, { mode: 0o600, flag: 'w' })
  chmodSync(written, 0o600)
  renameSync(written, file)
  return secret
}
