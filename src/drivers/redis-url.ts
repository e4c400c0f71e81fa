/**
 * Which Redis to talk to, from `redis.url`:
 *
 *   redis://[user:password@]host[:port][/db]        one server; `rediss` with TLS
 *   two or more of them                             a Redis Cluster, found through any of its servers
 *   redis://host[:port]?cluster                     a Redis Cluster with one address
 *   sentinel://[user:password@]host[:port]/master   one server that Sentinels name; further `sentinel://host[:port]`
 *                                                   are more Sentinels, `sentinels` is the same with TLS to the server
 */

export interface Access {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tls: boolean
}

export interface Address {
  readonly host: string
  readonly port: number
}

export type RedisTarget =
  | (Access & Address & { readonly kind: 'server'; readonly db: number })
  | (Access & { readonly kind: 'cluster'; readonly nodes: readonly Address[] })
  | (Access & { readonly kind: 'sentinel'; readonly sentinels: readonly Address[]; readonly master: string })

const SCHEMES = ['redis:', 'rediss:', 'sentinel:', 'sentinels:'] as const
type Scheme = (typeof SCHEMES)[number]

const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379

/** Throws an error that names what is wrong, and never a password. */
export function redisTarget(urls: readonly string[]): RedisTarget {
  const parsed = urls.map(parseUrl)
  const [first] = parsed
  if (first === undefined) throw new TypeError('redis.url is empty')
  const scheme = first.protocol as Scheme
  if (parsed.some((url) => url.protocol !== scheme)) {
    throw new TypeError(`redis.url mixes schemes; all of its URLs must be ${scheme}//`)
  }
  const access: Access = {
    username: first.username === '' ? undefined : decodeURIComponent(first.username),
    password: first.password === '' ? undefined : decodeURIComponent(first.password),
    tls: scheme === 'rediss:' || scheme === 'sentinels:',
  }
  if (scheme === 'sentinel:' || scheme === 'sentinels:') {
    const master = decodeURIComponent(first.pathname.slice(1))
    if (master === '')
      throw new TypeError('redis.url: a sentinel:// URL ends with the name of the master, /name')
    return {
      kind: 'sentinel',
      sentinels: parsed.map((url) => address(url, SENTINEL_PORT)),
      master,
      ...access,
    }
  }
  const db = database(first)
  if (parsed.length === 1 && !first.searchParams.has('cluster'))
    return { kind: 'server', ...address(first, REDIS_PORT), db, ...access }
  if (parsed.some((url) => database(url) !== 0))
    throw new TypeError('redis.url: a Redis Cluster has no databases but 0')
  return { kind: 'cluster', nodes: parsed.map((url) => address(url, REDIS_PORT)), ...access }
}

function parseUrl(text: string, index: number): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !SCHEMES.some((scheme) => scheme === url.protocol) || url.hostname === '') {
    throw new TypeError(
      `redis.url: entry ${index + 1} is not a URL such as redis://host:6379/0, rediss://… or sentinel://host:26379/name`,
    )
  }
  return url
}

function address(url: URL, defaultPort: number): Address {
  return {
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
  }
}

function database(url: URL): number {
  const path = url.pathname.slice(1)
  if (!/^\d{0,5}$/.test(path))
    throw new TypeError('redis.url: the path is the number of a database, such as /0')
  return Number(path)
}
