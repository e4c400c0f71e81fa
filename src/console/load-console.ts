/**
 * The built console of operators, from dist/console/operator/ (scripts/console.mjs).
 */
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

interface BuiltFile {
  readonly path: string
  readonly type: string
  /** Read at the first time that somebody asks for it, and kept. */
  readonly content: () => { readonly plain: Uint8Array; readonly gzipped: Uint8Array }
}

const FILES = [
  { path: '/', name: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/console.js', name: 'console.js', type: 'text/javascript; charset=utf-8' },
  { path: '/console.css', name: 'console.css', type: 'text/css; charset=utf-8' },
  { path: '/console.svg', name: 'console.svg', type: 'image/svg+xml' },
] as const

/** Empty where it was not built. */
export function loadConsole(): readonly BuiltFile[] {
  // The same place from src/console and from dist/console.
  const folder = new URL('../../dist/console/operator/', import.meta.url)
  if (!existsSync(folder)) return []
  return FILES.map(({ path, name, type }) => {
    let kept: ReturnType<BuiltFile['content']> | undefined
    const read = (): ReturnType<BuiltFile['content']> => {
      const plain = readFileSync(new URL(name, folder))
      return { plain, gzipped: gzipSync(plain, { level: 9 }) }
    }
    return { path, type, content: () => (kept ??= read()) }
  })
}
