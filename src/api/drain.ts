/**
 * The drain of a node, asked for at any node: the one that is asked passes it on.
 */
import * as z from 'zod'
import { atNode, type AtNodePorts } from './at-node.ts'
import type { AuditedAction } from './audit.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { Body, field, maybe } from './takes.ts'
import type { DrainProgress } from '../drain/drain.ts'
import type { Origin } from '../drain/movement.ts'

export interface DrainControl {
  readonly progress: DrainProgress | undefined
  begin(command: z.output<typeof DRAIN_COMMAND.schema>, origin: Origin): Promise<unknown>
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

export const DRAIN_COMMAND = new Body('{"plan":"5%/2m"}', () =>
  z.strictObject({
    plan: plan('`5%/2m`, `5000/30s`, a total time such as `5m`, or `fast`.'),
    paused: maybe(z.boolean(), 'must be true or false'),
    finish: maybe(z.literal(true), 'must be true, or be left out', 'Everybody now.'),
    to: maybe(
      z.string(),
      'must be the name of a region',
      'The region that clients are sent to; its nodes say where it is.',
    ),
  }),
)

export const REBALANCE_WISH = new Body('{"count":500,"plan":"5m"}', () =>
  z.strictObject({
    count: field(
      z.int().min(1),
      'must be a whole number from 1 on: so many clients are moved',
      'So many clients are moved.',
    ),
    plan: plan(),
  }),
)

/** Whether it is one says the drain. */
function plan(description?: string) {
  return maybe(z.string(), 'must be a text', description)
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
    const wish = await REBALANCE_WISH.read(request)
    void drain.rebalance(wish.count, wish.plan, originOf(request))
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
  const text = await request.body()
  const command = text === '' ? {} : DRAIN_COMMAND.readText(text, request.jsonDepthMax)
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
