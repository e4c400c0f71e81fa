/**
 * GET /v1/channels/{channel} and its messages: what a backend sees of a channel.
 */
import * as z from 'zod'
import type { Caller } from './caller.ts'
import type { OtherNodes } from './other-nodes.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { count, field, maybe, Query } from './takes.ts'
import { SluiceError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import { CHANNEL_RULE, isChannel } from '../protocol/channel.ts'
import { lineOf, sayingsOf } from '../dialect/sluice-v1/encode.ts'
import type { Position } from '../protocol/position.ts'
import { isPosition } from '../protocol/position.ts'
import type { Members } from '../presence/info.ts'
import type { NodeInfo } from '../registry/registry.ts'
import type { ReplayLog } from '../replay/replay-log.ts'

const LIMIT_DEFAULT = 100
export const LIMIT_MAX = 1000
const LIMIT_RULE = `is a number from 1 to ${LIMIT_MAX}`

export const MESSAGES_QUERY = new Query(() =>
  z.object({
    after: maybe(
      z.string().transform(positionOf),
      'is <epoch>:<offset>, as a publish or a subscribe answered it',
      '`<epoch>:<offset>`: the messages after this position.',
    ),
    last: maybe(count(LIMIT_MAX), LIMIT_RULE, 'So many of the newest messages.'),
    limit: field(count(LIMIT_MAX).prefault(LIMIT_DEFAULT), LIMIT_RULE, 'At most so many.'),
  }),
)

export interface ChannelPorts {
  readonly hub: Hub
  readonly logOf: (channel: string) => ReplayLog | undefined
  /** The other nodes that are alive. Fails with `unavailable`. */
  readonly others: () => Promise<readonly NodeInfo[]>
  readonly otherNodes: Pick<OtherNodes, 'ask'>
  /** Who is in a channel; `undefined`: its namespace does not keep it. Fails with `unavailable`. */
  readonly members: (channel: string) => Promise<Members> | undefined
}

export function channelRoutes(ports: ChannelPorts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/channels/{channel}',
      scope: 'history',
      handle: (request) => describe(ports, request),
    },
    {
      method: 'GET',
      path: '/v1/channels/{channel}/messages',
      scope: 'history',
      handle: (request) => messages(ports, request),
    },
  ]
}

/**
 * A channel is not created, so an unused one has a position and nobody on it. With `nodes=local` only the node that is
 * asked is counted: this is how nodes ask one another.
 */
async function describe(ports: ChannelPorts, request: ApiRequest): Promise<ApiAnswer> {
  const channel = channelOf(request)
  const local = ports.hub.local(channel)?.subscribers ?? 0
  if (request.query.get('nodes') === 'local') {
    return { status: 200, json: { channel, subscribers: { local, cluster: local } } }
  }
  const [position, members, elsewhere] = await Promise.all([
    ports.logOf(channel)?.head(channel),
    ports.members(channel),
    countElsewhere(ports, channel, request.caller),
  ])
  const json = {
    channel,
    ...(position === undefined ? {} : { position: plain(position) }),
    subscribers: {
      local,
      cluster: local + elsewhere.count,
      ...(elsewhere.silent.length === 0 ? {} : { silent: elsewhere.silent }),
    },
    ...(members === undefined ? {} : { presence: [...members.keys()] }),
  }
  if (members === undefined) return { status: 200, json }
  // As it came: what is parsed and printed again is not the same.
  const text = `${JSON.stringify(json).slice(0, -1)},"presenceData":${sayingsOf(members).text}}`
  return { status: 200, headers: { 'content-type': 'application/json' }, text }
}

/** A node that does not answer is named, and not counted. */
async function countElsewhere(
  { others, otherNodes }: ChannelPorts,
  channel: string,
  caller: Caller,
): Promise<{ readonly count: number; readonly silent: readonly string[] }> {
  const path = `/v1/channels/${encodeURIComponent(channel)}?nodes=local`
  let count = 0
  const silent: string[] = []
  await Promise.all(
    (await others()).map(async (node) => {
      try {
        const { status, json } = await otherNodes.ask(node, { method: 'GET', path, caller })
        if (status !== 200) throw new SluiceError('unavailable', `node ${node.id} answers with ${status}`)
        count += (json as { subscribers: { local: number } }).subscribers.local
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        silent.push(node.id)
      }
    }),
  )
  return { count, silent }
}

/**
 * `after=<epoch>:<offset>` or `last=<n>`, oldest first. Where the messages after the position are not all there, the
 * answer says so with `reset`, as a client would be told, and has none of them.
 */
async function messages({ logOf }: ChannelPorts, request: ApiRequest): Promise<ApiAnswer> {
  const channel = channelOf(request)
  const log = logOf(channel)
  if (log === undefined)
    throw new SluiceError('bad_request', `${channel} is ephemeral: its messages are not kept`)
  const { after, limit, last = limit } = MESSAGES_QUERY.read(request)
  const range = after === undefined ? await log.last(channel, last) : await log.read(channel, after, limit)
  if (range.kind === 'lost') {
    return {
      status: 200,
      json: { messages: [], reset: range.why === 'ahead' ? 'gap' : range.why, head: plain(range.head) },
    }
  }
  const found = range.messages.map(lineOf)
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    text: `{"messages":[${found.join(',')}],"head":${JSON.stringify(plain(range.head))}}`,
  }
}

/** The one way to the channel of a request, so that no route misses what the key allows. */
export function channelOf({ params, caller }: ApiRequest): string {
  const { channel } = params
  if (!isChannel(channel))
    throw new SluiceError('bad_request', `the channel in the path is not valid: ${CHANNEL_RULE}`)
  caller.checkChannel(channel)
  return channel
}

function plain({ epoch, offset }: Position): Position {
  return { epoch, offset }
}

function positionOf(text: string, context: z.RefinementCtx): Position {
  const [epoch = '', offset = '', ...rest] = text.split(':')
  const position = { epoch, offset: /^\d+$/.test(offset) ? Number(offset) : undefined }
  if (isPosition(position) && rest.length === 0) return position as Position
  context.addIssue({ code: 'custom', message: 'no position' })
  return z.NEVER
}
