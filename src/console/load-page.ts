/**
 * What was built for browsers, from dist/: the page of `sluice dev` (scripts/page.mjs) and the SDK (scripts/bundle.mjs).
 */
import { existsSync, readFileSync } from 'node:fs'
import type { ResponseHeaders } from '../drivers/uws.ts'

export interface Page {
  readonly html: string
  readonly headers: ResponseHeaders
}

export interface Script {
  readonly text: string
  readonly headers: ResponseHeaders
}

export interface DevFiles {
  /** As one HTML document; `undefined` before it was built. */
  readonly page: Page | undefined
  /** By their paths. */
  readonly scripts: ReadonlyMap<string, Script>
}

// The same place from src/console and from dist/console.
const DIST = new URL('../../dist/', import.meta.url)

const SCRIPTS = [
  ['/sluice.js', 'sluice.min.js', 'text/javascript; charset=utf-8'],
  ['/sluice.min.js.map', 'sluice.min.js.map', 'application/json'],
] as const

export function loadDevFiles(): DevFiles {
  const scripts = SCRIPTS.flatMap(([path, name, type]) => {
    const text = built(`client/${name}`)
    // It is public, and pages of any port may import it.
    const headers = {
      'content-type': type,
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    }
    return text === undefined ? [] : [[path, { text, headers }] as const]
  })
  return { page: loadPage(), scripts: new Map(scripts) }
}

function loadPage(): Page | undefined {
  const text = built('console/page.json')
  if (text === undefined) return undefined
  const { html, policy } = JSON.parse(text) as { html: string; policy: string }
  return {
    html,
    headers: {
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
  }
}

function built(name: string): string | undefined {
  const file = new URL(name, DIST)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
