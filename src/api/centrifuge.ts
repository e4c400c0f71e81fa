/**
 * POST /api/{method}: what libraries of Centrifuge for backends call, on a node that speaks its protocol.
 */
import type { Audit } from './audit.ts'
import type { ApiRequest, Route } from './route.ts'
import type { ServerApi } from '../dialect/centrifuge/server-api.ts'
import type { ServerCaller } from '../dialect/centrifuge/server-api-ports.ts'
import { SluiceError } from '../errors.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'

/** The levels around a payload: of `{"data":…}`, and of `{"commands":[{"publish":{"data":…}}]}`. */
const ENVELOPE_DEPTH = 1
const BATCH_DEPTH = 4

export function centrifugeRoutes(serverApi: ServerApi, audited: Pick<Audit, 'acted'>): Route[] {
  return Object.entries(serverApi.methods).map(([name, { scope, audit }]): Route => ({
    method: 'POST',
    path: `/api/${name}`,
    scope,
    ...(audit === undefined ? {} : { audit: audit.action }),
    async handle(request) {
      const { raw, params } = await readBody(request, name === 'batch' ? BATCH_DEPTH : ENVELOPE_DEPTH)
      const { caller: key, traceparent } = request
      const caller: ServerCaller = {
        traceparent,
        checkScope: (needed) => key.checkScope(needed),
        checkChannel: (channel) => key.checkChannel(channel),
        acted: (action, on) => audited.acted(key, { action, on, status: 200 }),
      }
      const on = audit === undefined ? {} : { on: audit.on(params) }
      return { status: 200, text: await serverApi.answer(name, { caller, params, raw }), ...on }
    },
  }))
}

/** An empty body is an empty object: some methods need nothing. Fails with `bad_request`. */
async function readBody(
  request: ApiRequest,
  around: number,
): Promise<{ raw: string; params: Readonly<Record<string, unknown>> }> {
  const body = await request.body()
  const raw = body.trim() === '' ? '{}' : body
  let value: unknown
  try {
    value = parseJson(raw, request.jsonDepthMax, around)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new SluiceError('bad_request', `the body ${error.message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SluiceError(
      'bad_request',
      'the body must be a JSON object, such as {"channel":"news","data":{}}',
    )
  return { raw, params: value as Readonly<Record<string, unknown>> }
}
