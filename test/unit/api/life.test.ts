import { describe, expect, it } from 'vitest'
import { Api, type ApiPorts } from '../../../src/api/api.ts'
import { API_LIFE, goneVersion, lifeHeaders, markedPaths, type ApiLife } from '../../../src/api/life.ts'
import { openApi } from '../../../src/api/openapi.ts'
import type { Route } from '../../../src/api/route.ts'
import type { HttpExchange, Listener } from '../../../src/drivers/uws.ts'
import { silentMetrics } from '../../../src/observe/metrics.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const LIFE: ApiLife = {
  'GET /v1/nodes': {
    deprecated: '2026-11-01T00:00:00Z',
    sunset: '2027-06-01T00:00:00Z',
    successor: '/v2/nodes',
  },
  'GET /v1/target': { deprecated: '2026-11-01' },
}

describe('an operation that is deprecated', () => {
  it('says so in its answers, since when, until when, and what to use instead', () => {
    expect(lifeHeaders({ method: 'GET', path: '/v1/nodes' }, LIFE)).toEqual({
      deprecation: '@1793491200',
      sunset: 'Tue, 01 Jun 2027 00:00:00 GMT',
      link: '</v2/nodes>; rel="successor-version"',
    })
    expect(lifeHeaders({ method: 'GET', path: '/v1/target' }, LIFE)).toEqual({ deprecation: '@1793491200' })
  })

  it('says so in the document, and no other does', () => {
    const { paths } = openApi() as { paths: Parameters<typeof markedPaths>[0] }
    const marked = markedPaths(paths, LIFE)
    expect(marked['/v1/nodes']?.['get']).toMatchObject({ deprecated: true, 'x-life': LIFE['GET /v1/nodes'] })
    expect(marked['/v1/target']?.['put']).not.toHaveProperty('deprecated')
    expect(lifeHeaders({ method: 'PUT', path: '/v1/target' }, LIFE)).toEqual({})
  })
})

it('is told of by the listener, in the answers of that operation alone', async () => {
  const answers: Readonly<Record<string, string>>[] = []
  let handle: (exchange: HttpExchange) => Promise<void> = () => Promise.resolve()
  const route = (path: string): Route => ({
    ...{ method: 'GET', path, scope: undefined },
    handle: () => ({ status: 200, json: {} }),
  })
  const clock = new ManualClock()
  const api = new Api([route('/v1/nodes'), route('/v1/other')], {
    ...{ nodeId: 'n1', clock, life: LIFE, leaving: () => false, addressOf: () => '' },
    metrics: silentMetrics,
  } as unknown as ApiPorts)
  api.attach({ http: (one: { handle: typeof handle }) => (handle = one.handle) } as unknown as Listener, {
    ...{ bodyBytesMax: 0, jsonDepthMax: 64 },
  })
  for (const path of ['/v1/nodes', '/v1/other']) {
    await handle({
      ...{
        head: { method: 'GET', path, query: '', headers: {} },
        requestId: 'r1',
        onAborted: () => undefined,
      },
      respond: (_status: number, headers: Readonly<Record<string, string>>) => answers.push(headers),
    } as unknown as HttpExchange)
  }
  expect(answers[0]).toMatchObject({
    deprecation: '@1793491200',
    link: '</v2/nodes>; rel="successor-version"',
  })
  expect(answers[1]).not.toHaveProperty('deprecation')
})

describe('the table', () => {
  const { paths } = openApi() as { paths: Readonly<Record<string, object>> }
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )

  it.each(Object.keys({ ...API_LIFE, ...LIFE }))(
    '%s is an operation, and ends after it was said',
    (operation) => {
      expect(described).toContain(operation)
      const { deprecated, sunset } = { ...LIFE, ...API_LIFE }[operation] as (typeof LIFE)[string]
      expect(Date.parse(deprecated)).not.toBeNaN()
      if (sunset !== undefined) expect(Date.parse(sunset)).toBeGreaterThan(Date.parse(deprecated))
    },
  )
})

it.each([
  ['/v0/publish', 0],
  ['/v0', 0],
  ['/v1/publish', undefined],
  ['/v2/publish', undefined],
  ['/v0x', undefined],
  ['/metrics', undefined],
])('%s is of a version that is gone: %s', (path, version) => {
  expect(goneVersion(path)).toBe(version)
})
