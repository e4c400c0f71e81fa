/**
 * The drain of a node, asked for at any node: the one that is asked passes it on.
 */
import { askNode } from './other-nodes.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import type { DrainProgress } from '../drain/drain.ts'
import { SluiceError } from '../errors.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface DrainControl {
  readonly progress: DrainProgress | undefined
  begin(wish: { readonly plan?: string; readonly paused?: boolean; readonly finish?: true }): Promise<unknown>
  cancel(): void
}

export interface DrainPorts {
  readonly nodeId: string
  readonly drain: DrainControl
  /** Fails with `unavailable`. */
  readonly nodes: () => Promise<readonly NodeInfo[]>
  /** A drain that was asked for here has emptied the node. */
  readonly emptied: () => void
}

const PATH = '/v1/nodes/{node}/drain'
const FIELDS = ['plan', 'paused', 'finish']

export function drainRoutes(ports: DrainPorts): Route[] {
  const route = (method: Route['method'], here: (request: ApiRequest) => Promise<ApiAnswer>): Route => ({
    method,
    path: PATH,
    scope: 'admin',
    async handle(request) {
      const node = await findNode(ports, request)
      return node === undefined ? here(request) : forward(node, method, request)
    },
  })
  return [
    route('GET', () => Promise.resolve(answerOf(ports))),
    route('POST', async (request) => {
      const wish = readWish(await request.body())
      const running = ports.drain.progress !== undefined && ports.drain.progress.state !== 'cancelled'
      const done = ports.drain.begin(wish)
      if (!running) void done.then((outcome) => (outcome === 'gone' ? ports.emptied() : undefined))
      return answerOf(ports)
    }),
    route('DELETE', () => {
      ports.drain.cancel()
      return Promise.resolve(answerOf(ports))
    }),
  ]
}

function answerOf({ nodeId, drain }: DrainPorts): ApiAnswer {
  return { status: 200, json: { node: nodeId, drain: drain.progress ?? null } }
}

/** The node that is meant, by its id or the beginning of it; `undefined`: this one. */
async function findNode(
  { nodeId, nodes }: DrainPorts,
  { params }: ApiRequest,
): Promise<NodeInfo | undefined> {
  const wanted = params['node'] as string
  if (wanted === nodeId) return undefined
  const found = (await nodes()).filter(({ id }) => id.startsWith(wanted))
  const [node] = found
  if (node === undefined)
    throw new SluiceError('not_found', `there is no node ${wanted}; GET /v1/nodes lists them`)
  if (found.length > 1) {
    throw new SluiceError('bad_request', `${found.length} nodes have an id that begins with ${wanted}`)
  }
  return node.id === nodeId ? undefined : node
}

async function forward(node: NodeInfo, method: string, request: ApiRequest): Promise<ApiAnswer> {
  const body = method === 'POST' ? await request.body() : ''
  return askNode(node, { method, path: PATH.replace('{node}', node.id), key: request.key, body })
}

function readWish(text: string): { plan?: string; paused?: boolean; finish?: true } {
  if (text === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SluiceError('bad_request', 'the body must be a JSON object, such as {"plan":"5%/2m"}')
  }
  const { plan, paused, finish } = value as Readonly<Record<string, unknown>>
  const unknown = Object.keys(value).find((key) => !FIELDS.includes(key))
  if (unknown !== undefined) {
    throw new SluiceError(
      'bad_request',
      `${JSON.stringify(unknown.slice(0, 40))} is not a field; the fields are ${FIELDS.join(', ')}`,
    )
  }
  if (plan !== undefined && typeof plan !== 'string')
    throw new SluiceError('bad_request', 'plan must be a text')
  if (paused !== undefined && typeof paused !== 'boolean')
    throw new SluiceError('bad_request', 'paused must be true or false')
  if (finish !== undefined && finish !== true)
    throw new SluiceError('bad_request', 'finish must be true, or be left out')
  return {
    ...(plan === undefined ? {} : { plan }),
    ...(paused === undefined ? {} : { paused }),
    ...(finish === undefined ? {} : { finish }),
  }
}
