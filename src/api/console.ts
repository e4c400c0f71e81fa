/**
 * The operators' console at `/`: its files need no key, since there is nothing in them; whatever it shows needs one.
 */
import type { Route } from './route.ts'
import type { ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

/** A file as it was built, and the same compressed. */
export interface ConsoleFile {
  readonly path: string
  readonly type: string
  readonly content: () => { readonly plain: Uint8Array; readonly gzipped: Uint8Array }
}

/** Nothing of another place, nothing inline, and nobody shows it in a frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS: ResponseHeaders = {
  'content-security-policy': POLICY,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  vary: 'accept-encoding',
}

/** `files` empty: it was not built. */
export function consoleRoutes(files: readonly ConsoleFile[]): Route[] {
  if (files.length === 0) return [{ method: 'GET', path: '/', scope: undefined, handle: notBuilt }]
  return files.map(({ path, type, content }) => ({
    method: 'GET',
    path,
    scope: undefined,
    handle: ({ acceptsGzip }) => ({
      status: 200,
      headers: { ...HEADERS, 'content-type': type, ...(acceptsGzip ? { 'content-encoding': 'gzip' } : {}) },
      bytes: content()[acceptsGzip ? 'gzipped' : 'plain'],
    }),
  }))
}

function notBuilt(): never {
  throw new SluiceError('not_found', 'the console is not built; run npm run build')
}
