/**
 * What only a `dev` node serves on its public listener: the workbench, the SDK, a token for whoever asks from this machine, and the
 * files of a folder.
 */
import type { DevFiles } from './load-page.ts'
import type { StaticFolder } from './static-folder.ts'
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'
import type { Origins } from '../edge/origin.ts'
import { SluiceError } from '../errors.ts'

export interface DevRoutes {
  readonly files: DevFiles
  /** A token for the user that may do everything; `undefined`: others sign tokens, with a secret that was configured. */
  readonly mint: ((user: string) => Promise<string>) | undefined
  /** Whose pages may read a token: those of this machine, whatever their port, and those that were named. */
  readonly origins: Origins
  readonly folder: StaticFolder | undefined
  readonly facts: DevFacts
  /** What somebody listens to, and who. Fails with `unavailable`. */
  readonly channels: () => Promise<readonly UsedChannel[]>
}

/** For what the workbench shows to be copied. */
export interface DevFacts {
  readonly api: string
  readonly key: string
}

/** A channel that somebody gets messages of. */
export interface UsedChannel {
  readonly channel: string
  readonly connections: number
  /** None where its namespace does not keep presence. */
  readonly users: readonly string[]
}

const OWN_ONLY: ResponseHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' }

/** Always there; at `/` too, where no folder has a page of its own. */
const WORKBENCH = '/dev/'

/** Answers whether the request was one of these. */
export async function serveDev(routes: DevRoutes, exchange: HttpExchange): Promise<boolean> {
  const { method, path } = exchange.head
  if (method !== 'GET' && method !== 'HEAD') return false
  if (path === '/dev/token') return serveToken(routes, exchange)
  if (path === '/dev/facts') {
    exchange.respond(200, OWN_ONLY, JSON.stringify(routes.facts))
    return true
  }
  if (path === '/dev/channels') {
    exchange.respond(200, OWN_ONLY, JSON.stringify({ channels: await routes.channels() }))
    return true
  }
  const script = routes.files.scripts.get(path)
  if (script !== undefined) {
    exchange.respond(200, script.headers, script.text)
    return true
  }
  if (path === '/dev') {
    exchange.respond(308, { location: WORKBENCH })
    return true
  }
  if (path !== WORKBENCH && (await routes.folder?.serve(exchange))) return true
  if (path !== WORKBENCH && path !== '/') return false
  const { page } = routes.files
  if (page === undefined) throw new SluiceError('not_found', 'the page is not built; run npm run build')
  exchange.respond(200, { 'content-type': 'text/html; charset=utf-8', ...page.headers }, page.html)
  return true
}

async function serveToken({ mint, origins }: DevRoutes, exchange: HttpExchange): Promise<boolean> {
  const { origin } = exchange.head.headers
  // Pages of other sites get no header that lets them read the answer, nor may they embed it.
  const headers: ResponseHeaders = {
    ...origins.headers(origin),
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'cross-origin-resource-policy':
      origin !== undefined && origins.allows(origin) ? 'cross-origin' : 'same-origin',
    'x-content-type-options': 'nosniff',
  }
  if (mint === undefined)
    throw new SluiceError(
      'not_found',
      'this node checks tokens with what was configured, and makes none: sign one yourself, for example with sluice token, and open the page with #token=…',
    )
  const user = new URLSearchParams(exchange.head.query).get('sub') ?? 'dev'
  exchange.respond(200, headers, JSON.stringify({ token: await mint(user) }))
  return true
}
