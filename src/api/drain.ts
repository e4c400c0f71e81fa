/**
 * The drain of a node, asked for at any node: the one that is asked passes it on.
 */
import { atNode, type AtNodePorts } from './at-node.ts'
import type { AuditedAction } from './audit.ts'
import { readObject } from './read-object.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import type { DrainProgress } from '../drain/drain.ts'
import type { Origin } from '../drain/movement.ts'
import { SluiceError } from '../errors.ts'

export interface DrainControl {
  readonly progress: DrainProgress | undefined
  begin(
    command: {
      readonly plan?: string
      readonly paused?: boolean
      readonly finish?: true
      readonly to?: string
    },
    origin: Origin,
  ): Promise<unknown>
  cancel(): void
  readonly rebalanceProgress: DrainProgress | undefined
  rebalance(count: number, plan: string | undefined, origin: Origin): Promise<unknown>
  cancelRebalance(): void
}

export interface DrainPorts extends AtNodePorts {
  readonly drain: DrainControl
  /** A drain that was asked for here has emptied the node. */
  readonly emptied: () => void
}

const DRAIN = '/v1/nodes/{node}/drain'
const REBALANCE = '/v1/nodes/{node}/rebalance'

export function drainRoutes(ports: DrainPorts): Route[] {
  const { nodeId, drain } = ports
  const route = (
    method: Route['method'],
    path: string,
    here: (request: ApiRequest) => Promise<ApiAnswer>,
    audit?: AuditedAction,
  ): Route => ({
    method,
    path,
    scope: 'admin',
    ...(audit === undefined ? {} : { audit }),
    handle: (request) => atNode(ports, { method, path }, request, here),
  })
  const rebalanced = (): ApiAnswer => ({
    status: 200,
    json: { node: nodeId, rebalance: drain.rebalanceProgress ?? null },
  })
  const rebalance = async (request: ApiRequest): Promise<ApiAnswer> => {
    const { count, plan } = readRebalance(await request.body(), request.jsonDepthMax)
    void drain.rebalance(count, plan, originOf(request))
    return rebalanced()
  }
  const cancelRebalance = (): Promise<ApiAnswer> => {
    drain.cancelRebalance()
    return Promise.resolve(rebalanced())
  }
  const cancel = (): Promise<ApiAnswer> => {
    drain.cancel()
    return Promise.resolve(answerOf(ports))
  }
  return [
    route('GET', REBALANCE, () => Promise.resolve(rebalanced())),
    route('POST', REBALANCE, rebalance, 'rebalance'),
    route('DELETE', REBALANCE, cancelRebalance, 'cancel rebalance'),
    route('GET', DRAIN, () => Promise.resolve(answerOf(ports))),
    route('POST', DRAIN, (request) => begin(ports, request), 'drain'),
    route('DELETE', DRAIN, cancel, 'cancel drain'),
  ]
}

async function begin(ports: DrainPorts, request: ApiRequest): Promise<ApiAnswer> {
  const command = readDrainRequest(await request.body(), request.jsonDepthMax)
  const before = ports.drain.progress
  const running = before !== undefined && before.state !== 'cancelled'
  const done = ports.drain.begin(command, originOf(request))
  if (!running) void done.then((outcome) => (outcome === 'gone' ? ports.emptied() : undefined))
  return answerOf(ports)
}

function originOf({ caller }: ApiRequest): Origin {
  return { by: caller.grant.name }
}

function answerOf({ nodeId, drain }: DrainPorts): ApiAnswer {
  return { status: 200, json: { node: nodeId, drain: drain.progress ?? null } }
}

function planIn(plan: unknown): string | undefined {
  if (plan === undefined || typeof plan === 'string') return plan
  throw new SluiceError('bad_request', 'plan must be a text')
}

function readRebalance(text: string, jsonDepthMax: number): { count: number; plan: string | undefined } {
  const { count, plan } = readObject(text, jsonDepthMax, ['count', 'plan'], '{"count":500,"plan":"5m"}')
  if (!Number.isSafeInteger(count) || (count as number) < 1) {
    throw new SluiceError('bad_request', 'count must be a whole number from 1 on: so many clients are moved')
  }
  return { count: count as number, plan: planIn(plan) }
}

interface DrainRequest {
  plan?: string
  paused?: boolean
  finish?: true
  to?: string
}

function readDrainRequest(text: string, jsonDepthMax: number): DrainRequest {
  if (text === '') return {}
  const fields = readObject(text, jsonDepthMax, ['plan', 'paused', 'finish', 'to'], '{"plan":"5%/2m"}')
  const { paused, finish, to } = fields
  const plan = planIn(fields['plan'])
  if (paused !== undefined && typeof paused !== 'boolean')
    throw new SluiceError('bad_request', 'paused must be true or false')
  if (finish !== undefined && finish !== true)
    throw new SluiceError('bad_request', 'finish must be true, or be left out')
  if (to !== undefined && typeof to !== 'string')
    throw new SluiceError('bad_request', 'to must be the name of a region')
  return {
    ...(to === undefined ? {} : { to }),
    ...(plan === undefined ? {} : { plan }),
    ...(paused === undefined ? {} : { paused }),
    ...(finish === undefined ? {} : { finish }),
  }
}
