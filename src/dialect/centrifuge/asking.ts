/**
 * What a client asks for beside its subscriptions: a page of a channel's log, and an answer of a backend. Each fails with a `Refusal`
 * where it is not to be had.
 */
import { ERROR } from './codes.ts'
import type { Encoding } from './encoding.ts'
import type { HistoryRequest, HistoryResult, RpcRequest, RpcResult } from './messages.ts'
import { pageOf } from './publication.ts'
import { channelOf, Refusal } from './requests.ts'
import type { Verbs } from './verbs.ts'
import type { Payload } from '../../protocol/message.ts'

const NO_RPC =
  'method is missing: it names a channel whose namespace forwards what clients publish to a backend'
const NULL = Buffer.from('null')

export async function historyFor(
  verbs: Pick<Verbs, 'history'>,
  encoding: Encoding,
  channel: string,
  request: HistoryRequest,
): Promise<HistoryResult> {
  const history = await verbs.history(channel, request)
  if (history === undefined) throw new Refusal(ERROR.unrecoverablePosition)
  return pageOf(encoding, history)
}

export async function callFor(
  verbs: Pick<Verbs, 'call'>,
  { method = '', data = NULL }: RpcRequest,
  payloadOf: (data: Uint8Array) => Payload,
): Promise<RpcResult> {
  if (method === '') throw new Refusal({ ...ERROR.notAvailable, message: NO_RPC })
  const payload = payloadOf(data)
  const answer = await verbs.call(channelOf(method), payload)
  return answer === undefined ? {} : { data: answer }
}
