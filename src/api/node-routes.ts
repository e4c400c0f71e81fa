/**
 * The node itself: the table of nodes, health, metrics, and the description of this API.
 */
import type { ApiAnswer, Route } from './route.ts'
import type { Health, Verdict } from '../observe/health.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NodeTable } from '../cluster/membership.ts'

export interface NodeRoutePorts {
  /** `stale`: the registry does not answer, and this is what the node knew last. */
  readonly table: () => Promise<NodeTable>
  readonly health: Health
  readonly metrics: Pick<Metrics, 'page'>
}

export function nodeRoutes({ table, health, metrics }: NodeRoutePorts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/nodes',
      scope: 'admin',
      handle: async () => {
        const { nodes, stale } = await table()
        return { status: 200, json: { nodes, ...(stale ? { stale } : {}) } }
      },
    },
    probe('/livez', () => health.live()),
    probe('/readyz', () => health.ready()),
    // For balancers that know this name only.
    probe('/health', () => health.ready()),
    probe('/startupz', () => health.started()),
    {
      method: 'GET',
      path: '/healthz/deep',
      scope: undefined,
      handle: () => ({ status: 200, json: health.deep() }),
    },
    {
      method: 'GET',
      path: '/metrics',
      scope: undefined,
      handle({ accept }) {
        const { contentType, text } = metrics.page(accept)
        return { status: 200, headers: { 'content-type': contentType, vary: 'accept' }, text }
      },
    },
    {
      method: 'GET',
      path: '/openapi.json',
      scope: undefined,
      // Both are loaded for the first who asks: most nodes are never asked.
      handle: async () => ({ status: 200, json: (await import('./openapi.ts')).openApi() }),
    },
    {
      method: 'GET',
      path: '/asyncapi.json',
      scope: undefined,
      handle: async () => ({ status: 200, json: (await import('./asyncapi.ts')).asyncApi() }),
    },
  ]
}

function probe(path: string, verdict: () => Verdict): Route {
  const handle = (): ApiAnswer => {
    const { ok, reason } = verdict()
    return { status: ok ? 200 : 503, json: { ok, reason } }
  }
  return { method: 'GET', path, scope: undefined, probe: true, handle }
}
