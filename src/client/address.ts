/** Of a gateway: its parts, without what a page has to make sense of a whole URL. */

/** Without its query, which may hold a token. */
export function withoutQuery(url: string): string {
  return url.split('?')[0] as string
}

export function withQuery(url: string, query: string): string {
  return query === '' ? url : url + (url.includes('?') ? '&' : '?') + query
}
