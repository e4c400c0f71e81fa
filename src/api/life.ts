/**
 * How operations of this API end: announced in each answer (Deprecation, RFC 9745; Sunset, RFC 8594) and in the OpenAPI document, and
 * versions that are not served any more. One table for all three.
 */
import type { Route } from './route.ts'
import type { ResponseHeaders } from '../drivers/uws.ts'

export interface Ending {
  /** Since when, as an ISO date. */
  readonly deprecated: string
  /** From when on it may be gone. Not before `deprecated`. */
  readonly sunset?: string
  /** What to use instead: a path of this API. */
  readonly successor?: string
}

/** By method and path, as in the OpenAPI document: `GET /v1/nodes`. */
export type ApiLife = Readonly<Record<string, Ending>>

/** Nothing is deprecated yet. */
export const API_LIFE: ApiLife = {}

/** The oldest version that is served. What was before it is gone, and stays so. */
const OLDEST_SERVED = 1

export function lifeHeaders(
  { method, path }: Pick<Route, 'method' | 'path'>,
  life: ApiLife,
): ResponseHeaders {
  const ending = life[`${method} ${path}`]
  if (ending === undefined) return {}
  const { deprecated, sunset, successor } = ending
  return {
    // A date of structured fields (RFC 9651, section 3.3.7).
    deprecation: `@${Math.floor(Date.parse(deprecated) / 1000)}`,
    ...(sunset === undefined ? {} : { sunset: new Date(sunset).toUTCString() }),
    ...(successor === undefined ? {} : { link: `<${successor}>; rel="successor-version"` }),
  }
}

/** Of those that end what their answers say: next to none, so that the others cost one look. */
export function endingRoutes(routes: readonly Route[], life: ApiLife): ReadonlyMap<Route, ResponseHeaders> {
  const ending = routes.filter(({ method, path }) => life[`${method} ${path}`] !== undefined)
  return new Map(ending.map((route) => [route, lifeHeaders(route, life)]))
}

/** Which version that is not served any more a path is of. */
export function goneVersion(path: string): number | undefined {
  const [, version] = /^\/v(\d{1,4})(?:\/|$)/.exec(path) ?? []
  return version !== undefined && Number(version) < OLDEST_SERVED ? Number(version) : undefined
}

export function goneSentence(version: number): string {
  return `version ${version} of this API is not served any more; the oldest that is served is /v${OLDEST_SERVED}`
}

type Paths = Readonly<Record<string, Readonly<Record<string, object>>>>

/** The same paths, with what is deprecated marked as that. */
export function markedPaths(paths: Paths, life: ApiLife): Paths {
  const marked: Record<string, Record<string, object>> = {}
  for (const [path, operations] of Object.entries(paths)) {
    marked[path] = {}
    for (const [method, operation] of Object.entries(operations)) {
      const ending = life[`${method.toUpperCase()} ${path}`]
      marked[path][method] =
        ending === undefined ? operation : { ...operation, deprecated: true, 'x-life': ending }
    }
  }
  return marked
}
