/**
 * What operators order for the whole cluster, at any node: the version that clients go to, and what is kept out.
 */
import * as z from 'zod'
import { nodeNamed } from './node-named.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { Body, field } from './takes.ts'
import type { OrderBook } from '../cluster/order-book.ts'
import { isVersionPattern, VERSION_PATTERN_RULE, type Cordon } from '../cluster/orders.ts'
import { LABEL } from '../config/forms.ts'
import { SluiceError } from '../errors.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface OrderPorts {
  readonly orders: Pick<OrderBook, 'orders' | 'setTarget' | 'clearTarget' | 'cordon' | 'uncordon'>
  /** Fails with `unavailable`. */
  readonly nodes: () => Promise<readonly NodeInfo[]>
}

const TARGET = '/v1/target'
const CORDON = '/v1/cordons/{kind}/{what}'
/** What the first of the two in the path may be. */
export const CORDON_KINDS = ['node', 'address', 'version'] as const
/** `host:port`; a node says what it is in the table. */
const ADDRESS = /^[^\s/@]{1,255}:\d{1,5}$/

export const TARGET_WISH = new Body('{"version":"1.1.0"}', () =>
  z.strictObject({
    version: field(z.string().regex(LABEL), 'must be a text of 1 to 64 of A-Z a-z 0-9 _ . + -'),
  }),
)

export function orderRoutes(ports: OrderPorts): Route[] {
  const { orders, nodes } = ports
  const scope = 'admin'
  const target = (): ApiAnswer => ({
    status: 200,
    json: { target: orders.orders.target ?? null },
  })
  const cordons = (): ApiAnswer => ({
    status: 200,
    json: { cordons: orders.orders.cordons },
  })
  return [
    { method: 'GET', path: TARGET, scope, handle: () => nodes().then(target) },
    {
      method: 'PUT',
      path: TARGET,
      scope,
      audit: 'set the target',
      handle: async (request) => {
        const { version } = await TARGET_WISH.read(request)
        return { status: 200, json: { target: await orders.setTarget(version, request.caller.grant.name) } }
      },
    },
    {
      method: 'DELETE',
      path: TARGET,
      scope,
      audit: 'clear the target',
      handle: async () => {
        if (await orders.clearTarget()) return { status: 200, json: { target: null } }
        throw new SluiceError('not_found', 'no target is set: the latest deploy is what clients go to')
      },
    },
    { method: 'GET', path: '/v1/cordons', scope, handle: () => nodes().then(cordons) },
    {
      method: 'PUT',
      path: CORDON,
      scope,
      audit: 'cordon',
      handle: async (request) => {
        await orders.cordon(await meantBy(ports, request), request.caller.grant.name)
        return cordons()
      },
    },
    {
      method: 'DELETE',
      path: CORDON,
      scope,
      audit: 'uncordon',
      handle: async (request) => {
        const what = await meantBy(ports, request)
        if (await orders.uncordon(what)) return cordons()
        throw new SluiceError(
          'not_found',
          `the ${what.kind} ${what.what} is not cordoned; GET /v1/cordons lists what is`,
        )
      },
    },
  ]
}

/** A node is cordoned by its address: when its supervisor starts it again, it has another id. */
async function meantBy(
  { nodes }: OrderPorts,
  { params }: ApiRequest,
): Promise<Pick<Cordon, 'kind' | 'what'>> {
  const { kind, what = '' } = params
  switch (kind) {
    case 'node':
      return { kind: 'address', what: nodeNamed(what, await nodes()).address }
    case 'address':
      if (ADDRESS.test(what)) return { kind, what }
      throw new SluiceError('bad_request', 'an address is host:port, as GET /v1/nodes has it')
    case 'version':
      if (isVersionPattern(what)) return { kind, what }
      throw new SluiceError('bad_request', `a version is ${VERSION_PATTERN_RULE}`)
    default:
      throw new SluiceError(
        'bad_request',
        `${JSON.stringify(kind)} is nothing to cordon; allowed: ${CORDON_KINDS.join(', ')}`,
      )
  }
}
