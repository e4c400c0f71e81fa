/**
 * The folder of `sluice dev --static`: its files as they are now, and nothing beside it.
 */
import { readFile, realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import type { HttpExchange } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

/** Larger ones are no part of a page, and would be held in memory whole. */
const FILE_BYTES_MAX = 67_108_864

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.htm': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}

export class StaticFolder {
  readonly #root: string

  /** An absolute path. */
  constructor(root: string) {
    this.#root = root
  }

  /** Answers whether there was such a file. A folder is its `index.html`. */
  async serve(exchange: HttpExchange): Promise<boolean> {
    if (await this.#file(exchange)) return true
    if (exchange.head.path !== '/favicon.ico') return false
    // Every browser asks for it, and shows an error to who has only begun.
    exchange.respond(204, {})
    return true
  }

  async #file(exchange: HttpExchange): Promise<boolean> {
    const { path } = exchange.head
    const names = namesIn(path)
    if (names === undefined) return false
    const place = await this.#inside(join(this.#root, ...names))
    if (place === undefined) return false
    const { isFolder } = place
    if (isFolder && !path.endsWith('/')) {
      // Without the slash, what the page names relative to itself would be looked for beside it.
      exchange.respond(308, { location: `/${names.map(encodeURIComponent).join('/')}/` })
      return true
    }
    const file = isFolder ? await this.#inside(join(place.path, 'index.html')) : place
    if (file === undefined || file.isFolder) return false
    if (file.bytes > FILE_BYTES_MAX)
      throw new SluiceError(
        'bad_request',
        `${path} is larger than ${FILE_BYTES_MAX} bytes, and is not served`,
      )
    const headers = {
      'content-type': TYPES[extname(file.path).toLowerCase()] ?? 'application/octet-stream',
      // Whoever edits a page wants to see it.
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    }
    exchange.respond(200, headers, await readFile(file.path))
    return true
  }

  /** Where a path leads, links followed: `undefined` where that is outside, or nothing. */
  async #inside(
    path: string,
  ): Promise<{ readonly path: string; readonly isFolder: boolean; readonly bytes: number } | undefined> {
    try {
      const [root, real] = await Promise.all([realpath(this.#root), realpath(path)])
      if (real !== root && !real.startsWith(`${root}${sep}`)) return undefined
      const found = await stat(real)
      if (!found.isDirectory() && !found.isFile()) return undefined
      return { path: real, isFolder: found.isDirectory(), bytes: found.size }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined
      if (code === 'EACCES' || code === 'ELOOP')
        throw new SluiceError('forbidden', `this file cannot be read (${code})`)
      throw error
    }
  }
}

/** `undefined`: no name of a file, or one that is hidden, such as `.env` and `..`. */
function namesIn(path: string): string[] | undefined {
  try {
    const names = path
      .split('/')
      .filter((name) => name !== '')
      .map(decodeURIComponent)
    return names.some((name) => name.startsWith('.') || /[/\\\0]/.test(name)) ? undefined : names
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
