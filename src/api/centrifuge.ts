/**
 * POST /api/{method}: what libraries of Centrifuge for backends call, on a node that speaks its protocol.
 */
import type { Audit } from './audit.ts'
import type { ApiRequest, Route } from './route.ts'
import { isGranted } from '../auth/grant.ts'
import type { ServerApi } from '../dialect/centrifuge/server-api.ts'
import type { ServerCaller, ServerLine } from '../dialect/centrifuge/server-api-ports.ts'
import { SluiceError } from '../errors.ts'
import { isObject, JsonFault, parseJson } from '../protocol/json.ts'
import { rawMember } from '../protocol/raw-json.ts'

/** The levels around a payload: of `{"data":…}`, and of `{"commands":[{"publish":{"data":…}}]}`. */
const ENVELOPE_DEPTH = 1
const BATCH_DEPTH = 4
/** Of `{"method":"publish","params":{"data":…}}`; those of a batch are in its own. */
const LINE_DEPTH = 2 + BATCH_DEPTH

export function centrifugeRoutes(serverApi: ServerApi, audited: Pick<Audit, 'acted'>): Route[] {
  const callerOf = ({ caller: key, traceparent }: ApiRequest): ServerCaller => ({
    traceparent,
    checkScope: (needed) => key.checkScope(needed),
    checkChannel: (channel) => key.checkChannel(channel),
    maySee: (channel) => isGranted(key.grant, channel),
    acted: (action, on) => audited.acted(key, { action, on, status: 200 }),
  })
  const methods = Object.entries(serverApi.methods).map(([name, { scope, audit }]): Route => ({
    method: 'POST',
    path: `/api/${name}`,
    scope,
    ...(audit === undefined ? {} : { audit: audit.action }),
    async handle(request) {
      const { raw, params } = await readBody(request, name === 'batch' ? BATCH_DEPTH : ENVELOPE_DEPTH)
      const on = audit === undefined ? {} : { on: audit.on(params) }
      return {
        status: 200,
        text: await serverApi.answer(name, { caller: callerOf(request), params, raw }),
        ...on,
      }
    },
  }))
  const lines: Route = {
    method: 'POST',
    path: '/api',
    scope: 'publish',
    async handle(request) {
      const commands = await readLines(request)
      return {
        status: 200,
        headers: JSON_TYPE,
        text: await serverApi.answerLines(commands, callerOf(request)),
      }
    },
  }
  return [lines, ...methods]
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** Fails with `bad_request`. */
async function readLines(request: ApiRequest): Promise<ServerLine[]> {
  const lines = (await request.body()).split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => {
    const { method, params } = objectOf(line, request.jsonDepthMax, LINE_DEPTH)
    if (typeof method !== 'string' || !(isObject(params) || params === undefined || params === null))
      throw new SluiceError('bad_request', 'a command is an object on a line: {"method":"info","params":{}}')
    return {
      method,
      params: params ?? {},
      raw: isObject(params) ? (rawMember(line, 'params') as string) : '{}',
    }
  })
}

/** An empty body is an empty object: some methods need nothing. Fails with `bad_request`. */
async function readBody(
  request: ApiRequest,
  around: number,
): Promise<{ raw: string; params: Readonly<Record<string, unknown>> }> {
  const body = await request.body()
  const raw = body.trim() === '' ? '{}' : body
  return { raw, params: objectOf(raw, request.jsonDepthMax, around) }
}

function objectOf(text: string, jsonDepthMax: number, around: number): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseJson(text, jsonDepthMax, around)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new SluiceError('bad_request', `the body ${error.message}`)
  }
  if (isObject(value)) return value
  throw new SluiceError('bad_request', 'the body must be a JSON object, such as {"channel":"news","data":{}}')
}
