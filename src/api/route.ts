/**
 * A request to the second listener, and the table entry that answers it.
 */
import type { AuditedAction } from './audit.ts'
import type { Caller } from './caller.ts'
import type { Scope } from '../auth/grant.ts'
import type { RequestHead } from '../drivers/request-head.ts'
import type { ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

export interface ApiRequest {
  /** The path's parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** As it was asked for, for whoever signs it. */
  readonly asked: Pick<RequestHead, 'method' | 'path' | 'query'>
  readonly acceptsGzip: boolean
  /** As it was said. */
  readonly accept: string | undefined
  /** Whoever asks. Fails where the route needs no key: then nobody knows who it is. */
  readonly caller: Caller
  /** The whole body as text; empty where there is none. */
  body(): Promise<string>
  /** The same at once, for a route that takes the whole body. */
  readonly text: string
  /** Whether each character of `text` came as one byte. */
  readonly isAscii: boolean
  /** The `traceparent` that it came with. */
  readonly traceparent: string | undefined
  /** `limits.jsonDepth`, for whoever parses it. */
  readonly jsonDepthMax: number
}

export interface ApiAnswer {
  readonly status: number
  readonly headers?: ResponseHeaders
  /** One of these. JSON is written by the listener; text and bytes go out as they are. */
  readonly json?: unknown
  readonly text?: string
  readonly bytes?: Uint8Array
  /** What it was done to, for the audit, where the path does not say. */
  readonly on?: Readonly<Record<string, string>>
  /** In place of a body: an event stream, from here on until somebody ends it. */
  readonly stream?: (stream: ApiStream) => void
}

export interface ApiStream {
  /** Whoever reads it is behind: what is written now waits in this process. */
  readonly slow: boolean
  /** Whole events. */
  write(text: string): void
  end(): void
  /** Cuts it: whoever reads sees that something is wrong, and comes back. */
  abort(): void
  /** Called once where whoever reads it goes before it has ended. */
  onGone(run: () => void): void
  /** Called whenever whoever reads it was behind, and reads again. */
  onWritable(run: () => void): void
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With `{name}` for each parameter. */
  readonly path: string
  /** `undefined`: for probes and scrapers, without a key. */
  readonly scope: Scope | undefined
  /** Of what changes something for others. */
  readonly audit?: AuditedAction
  /** Asked all the time, and 503 is an answer: it is no request among the others, and no failure. */
  readonly probe?: true
  /** `handle` is called once the body is here, and has it as `text`: for what is answered in the same turn. */
  readonly wholeBody?: true
  handle(request: ApiRequest): ApiAnswer | Promise<ApiAnswer>
}

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'other-method'; readonly allow: string }
  | { readonly kind: 'unknown' }

interface Compiled {
  readonly route: Route
  readonly names: readonly string[]
  readonly pattern: RegExp
}

/** Finds the route of a request. HEAD is GET without the body. */
export class Router {
  readonly #compiled: readonly Compiled[]
  /** Paths without parameters, which is where the traffic is. */
  readonly #plain = new Map<string, Route[]>()

  constructor(routes: readonly Route[]) {
    this.#compiled = routes
      .filter((route) => route.path.includes('{'))
      .map((route) => ({
        route,
        names: [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string),
        pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
      }))
    for (const route of routes) {
      if (route.path.includes('{')) continue
      const same = this.#plain.get(route.path)
      if (same === undefined) this.#plain.set(route.path, [route])
      else same.push(route)
    }
  }

  /** Fails with `bad_request` where a parameter's percent-encoding is broken. */
  match(method: string, path: string): RouteMatch {
    const wanted = method === 'HEAD' ? 'GET' : method
    const plain = this.#plain.get(path)
    if (plain !== undefined) {
      const route = plain.find((one) => one.method === wanted)
      return route === undefined ? otherMethod(plain) : { kind: 'found', route, params: {} }
    }
    const fitting = this.#compiled.filter(({ pattern }) => pattern.test(path))
    if (fitting.length === 0) return { kind: 'unknown' }
    const found = fitting.find(({ route }) => route.method === wanted)
    if (found === undefined) return otherMethod(fitting.map(({ route }) => route))
    const values = found.pattern.exec(path)?.slice(1) ?? []
    const params = Object.fromEntries(
      found.names.map((name, index) => [name, decoded(name, values[index] ?? '')]),
    )
    return { kind: 'found', route: found.route, params }
  }
}

function otherMethod(routes: readonly Route[]): RouteMatch {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return { kind: 'other-method', allow: [...methods, 'OPTIONS'].join(', ') }
}

function decoded(name: string, value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw new SluiceError('bad_request', `the ${name} in the path is not percent-encoded UTF-8`)
  }
}
