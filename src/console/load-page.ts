/**
 * The built page, from dist/console/ (scripts/page.mjs).
 */
import { existsSync, readFileSync } from 'node:fs'
import type { ResponseHeaders } from '../drivers/uws.ts'

export interface Page {
  readonly html: string
  readonly headers: ResponseHeaders
}

/** `undefined` where it was not built. */
export function loadPage(): Page | undefined {
  // The same place from src/console and from dist/console.
  const file = new URL('../../dist/console/page.json', import.meta.url)
  if (!existsSync(file)) return undefined
  const { html, policy } = JSON.parse(readFileSync(file, 'utf8')) as { html: string; policy: string }
  return {
    html,
    headers: {
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
  }
}
