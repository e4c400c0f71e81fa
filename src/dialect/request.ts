/**
 * What a request says by its headers, in whatever dialect.
 */
import type { RequestHead } from '../drivers/uws.ts'

export function bearer(head: RequestHead): string | undefined {
  const value = head.headers.authorization
  return value !== undefined && /^Bearer /i.test(value) ? value.slice(7).trim() : undefined
}

export function cookie(head: RequestHead, name: string): string | undefined {
  for (const pair of head.headers.cookie?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}

export function listed(header: string): string[] {
  return header.split(',').map((item) => item.trim())
}
