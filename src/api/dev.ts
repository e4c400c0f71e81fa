/**
 * POST /v1/dev/token: only on a `dev` node, whose secret nobody else knows, so that `sluice token` works beside it.
 */
import type { Route } from './route.ts'
import { SluiceError } from '../errors.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'

export interface WantedToken {
  readonly sub: string
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
  readonly ttlSeconds?: number
}

export function devTokenRoute(mint: (wanted: WantedToken) => Promise<string>): Route {
  return {
    method: 'POST',
    path: '/v1/dev/token',
    scope: 'admin',
    audit: 'make a token',
    async handle(request) {
      return { status: 200, json: { token: await mint(read(await request.body(), request.jsonDepthMax)) } }
    },
  }
}

function read(text: string, jsonDepthMax: number): WantedToken {
  let value: unknown
  try {
    value = parseJson(text, jsonDepthMax)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new SluiceError('bad_request', 'the body must be JSON: {sub, subscribe, publish, ttlSeconds?}')
  }
  const { sub, subscribe = [], publish = [], ttlSeconds } = (value ?? {}) as Partial<Record<string, unknown>>
  if (typeof sub !== 'string') throw new SluiceError('bad_request', 'sub must be a text')
  if (!isTexts(subscribe) || !isTexts(publish)) {
    throw new SluiceError('bad_request', 'subscribe and publish must be lists of patterns')
  }
  if (ttlSeconds !== undefined && typeof ttlSeconds !== 'number') {
    throw new SluiceError('bad_request', 'ttlSeconds must be a number')
  }
  return { sub, subscribe, publish, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
