/**
 * Which NATS to talk to, from `nats.url`:
 *
 *   nats://[user:password@]host[:port]   a server; `tls` insists on TLS
 *   nats://token@host[:port]             the same, for a server that asks for a token
 *
 * Several URLs are servers of one cluster; one is enough, a server tells of the others. Credentials are read here and
 * taken out of the URL: the client would look for the port in `user:123@host:4222`, and repeat what it was given in
 * its errors.
 */

export interface NatsTarget {
  /** `host:port`, an IPv6 address in brackets. */
  readonly servers: readonly string[]
  readonly credentials: NatsCredentials | undefined
  readonly tls: boolean
}

export type NatsCredentials =
  { readonly user: string; readonly password: string } | { readonly token: string }

const NATS_PORT = 4222
const SCHEMES = ['nats:', 'tls:']

/** Throws an error that names what is wrong, and never a password or a token. */
export function natsTarget(urls: readonly string[]): NatsTarget {
  const parsed = urls.map(parseUrl)
  const [first] = parsed
  if (first === undefined) throw new TypeError('nats.url is empty')
  if (parsed.some(({ protocol }) => protocol !== first.protocol)) {
    throw new TypeError(`nats.url mixes schemes; all of its URLs must be ${first.protocol}//`)
  }
  const known = parsed.filter(({ username, password }) => username !== '' || password !== '')
  const [holder] = known
  if (known.some(({ username, password }) => username !== holder?.username || password !== holder.password)) {
    throw new TypeError(
      'nats.url has different credentials in its URLs; the servers of one cluster share theirs',
    )
  }
  return {
    servers: parsed.map(({ hostname, port }) => `${hostname}:${port === '' ? NATS_PORT : port}`),
    credentials: holder === undefined ? undefined : credentialsOf(holder),
    tls: first.protocol === 'tls:',
  }
}

function credentialsOf({ username, password }: URL): NatsCredentials {
  if (password === '') return { token: decodeURIComponent(username) }
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) }
}

function parseUrl(text: string, index: number): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !SCHEMES.includes(url.protocol) || url.hostname === '') {
    throw new TypeError(
      `nats.url: entry ${index + 1} is not a URL such as nats://host:4222 or tls://host:4222`,
    )
  }
  return url
}
