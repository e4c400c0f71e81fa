/**
 * What only a `dev` node serves on its public listener: the page at `/`, and a token for whoever asks.
 */
import type { Page } from './load-page.ts'
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

export interface DevRoutes {
  /** The page as one HTML document; `undefined` before it was built. */
  readonly page: Page | undefined
  /** A token for the user that may do everything; `undefined`: others sign tokens, with a secret that was configured. */
  readonly mint: ((user: string) => Promise<string>) | undefined
}

/** Answers whether the request was one of these. No answer carries CORS headers: other sites cannot read the token. */
export function serveDev(routes: DevRoutes, exchange: HttpExchange): boolean | Promise<boolean> {
  const { method, path, query } = exchange.head
  if (method !== 'GET' && method !== 'HEAD') return false
  if (path === '/') {
    const { page } = routes
    if (page === undefined) throw new SluiceError('not_found', 'the page is not built; run npm run build')
    exchange.respond(200, { 'content-type': 'text/html; charset=utf-8', ...page.headers }, page.html)
    return true
  }
  if (path !== '/dev/token') return false
  if (routes.mint === undefined)
    throw new SluiceError(
      'not_found',
      'this node checks tokens with what was configured, and makes none: sign one yourself, for example with sluice token, and open the page with #token=…',
    )
  const user = new URLSearchParams(query).get('sub') ?? 'dev'
  return routes.mint(user).then((token) => {
    exchange.respond(200, TOKEN_HEADERS, JSON.stringify({ token }))
    return true
  })
}

/** What a page of another site embeds is not to be read by it either. */
const TOKEN_HEADERS: ResponseHeaders = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}
