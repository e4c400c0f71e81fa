/**
 * What backends with a library of Centrifuge do with the connections of a user: end them, say until when they are good, put them on
 * channels and take them off.
 */
import { positionIn } from './history.ts'
import type { Method, ServerApiOptions, ServerApiPorts, ServerCall, UserAction } from './server-api-ports.ts'
import {
  channelOf,
  isAsked,
  momentMs,
  NotAvailable,
  number,
  optionalText,
  position,
  saidOf,
  section,
  text,
  texts,
  type Params,
} from './server-params.ts'
import type { Wording } from '../../cluster/session-order.ts'
import { SluiceError } from '../../errors.ts'
import { isInbox } from '../../protocol/channel.ts'
import type { Position } from '../../protocol/position.ts'
import type { StandTerms, Which } from '../../session/users.ts'

type UserOptions = Pick<ServerApiOptions, 'infoBytesMax' | 'knows'>

type UserPorts = Pick<
  ServerApiPorts,
  'disconnect' | 'order' | 'putOn' | 'takeOff' | 'logOf' | 'keepsPresence'
>

/** Those that a close frame has for applications. */
const CODE_MIN = 3000
const CODE_MAX = 4999
/** Of a close frame. */
const REASON_BYTES_MAX = 123
const DATA_BYTES_MAX = 65_536

export function userMethods(ports: UserPorts, options: UserOptions): Readonly<Record<string, Method>> {
  return {
    disconnect: method('disconnect', async ({ params }) => {
      const user = text(params, 'user')
      const as = wordingIn(params)
      const named = namedIn(params)
      const but = isAsked(params['whitelist']) ? texts(params, 'whitelist') : []
      if (named.length === 0 && but.length === 0) await ports.disconnect(user, as)
      else await ports.order(user, { named, but }, { kind: 'end', ...(as === undefined ? {} : { as }) })
    }),
    refresh: method('refresh', async ({ params }) => {
      const user = text(params, 'user')
      const atMs = params['expired'] === true ? 0 : momentMs(params, 'expire_at')
      await ports.order(user, { named: namedIn(params), but: [] }, { kind: 'expire', atMs })
    }),
    subscribe: method('subscribe', async (call) => {
      const { params, raw } = call
      const channel = standableIn(call, options)
      checkOverrides(ports, channel, params)
      const info = saidOf(params, raw, 'info')
      const data = saidOf(params, raw, 'data')
      checkBytes('info', info, options.infoBytesMax)
      checkBytes('data', data, DATA_BYTES_MAX)
      const untilMs = momentMs(params, 'expire_at')
      const begins = await beginningOf(ports, channel, params)
      const terms: StandTerms = {
        ...(begins === undefined ? {} : { from: Object.fromEntries([[channel, begins]]) }),
        ...(info === undefined ? {} : { info }),
        ...(data === undefined ? {} : { data }),
        ...(untilMs === undefined ? {} : { untilMs }),
      }
      await ports.putOn(text(params, 'user'), wishIn(params, channel), terms)
    }),
    unsubscribe: method('unsubscribe', async (call) => {
      const { params } = call
      const channel = standableIn(call, options)
      await ports.takeOff(text(params, 'user'), wishIn(params, channel))
    }),
  }
}

function method(action: UserAction, run: (call: ServerCall) => Promise<void>): Method {
  return {
    scope: 'admin',
    audit: {
      action,
      on: (params) => ({
        user: text(params, 'user'),
        ...(action === 'subscribe' || action === 'unsubscribe' ? { channels: text(params, 'channel') } : {}),
      }),
    },
    run: async (call) => {
      await run(call)
      return '{}'
    },
  }
}

/** A connection by its session, or as clients see it. */
function namedIn(params: Params): Which['named'] {
  return ['session', 'client'].flatMap((name) => optionalText(params, name) ?? [])
}

function wishIn(
  params: Params,
  channel: string,
): { readonly channels: readonly string[]; readonly session: string | undefined } {
  return { channels: [channel], session: namedIn(params)[0] }
}

function standableIn({ params, caller }: ServerCall, options: UserOptions): string {
  const channel = channelOf(params['channel'], options)
  caller.checkChannel(channel)
  if (isInbox(channel)) throw new SluiceError('bad_request', 'each user is on his own inbox, and on no other')
  return channel
}

/** `undefined`: the usual one. */
function wordingIn(params: Params): Wording | undefined {
  const asked = section(params, 'disconnect')
  if (asked === undefined || !isAsked(asked['code'])) return undefined
  const code = number(asked, 'code')
  const reason = optionalText(asked, 'reason') ?? ''
  if (code < CODE_MIN || code > CODE_MAX)
    throw new SluiceError('bad_request', `disconnect.code is from ${CODE_MIN} to ${CODE_MAX}`)
  if (Buffer.byteLength(reason) > REASON_BYTES_MAX)
    throw new SluiceError('bad_request', `disconnect.reason has at most ${REASON_BYTES_MAX} bytes`)
  return { code, reason }
}

/** `recover_since`, in the channel's log. */
async function beginningOf(
  { logOf }: Pick<UserPorts, 'logOf'>,
  channel: string,
  params: Params,
): Promise<Position | undefined> {
  const since = section(params, 'recover_since') && position(params, 'recover_since')
  const log = logOf(channel)
  if (since === undefined || log === undefined) return undefined
  return positionIn(since, await log.head(channel))
}

/** What a namespace says, by the words that Centrifuge has for it. */
const BY_PRESENCE = ['presence', 'join_leave', 'push_join_leave', 'force_push_join_leave']
const BY_LOG = ['recover', 'position', 'recovery', 'positioning', 'force_recovery', 'force_positioning']

/** It is the namespace that says how a channel is kept: whoever wants what it says anyway has it. */
function checkOverrides({ logOf, keepsPresence }: UserPorts, channel: string, params: Params): void {
  const override = section(params, 'override') ?? {}
  const check = (name: string, kept: boolean): void => {
    const { value } = section(override, name) ?? {}
    const wanted = params[name] === true ? true : value
    if (typeof wanted === 'boolean' && wanted !== kept)
      throw new NotAvailable(`${name}: the namespace of the channel says it, for all who are on it`)
  }
  for (const name of BY_PRESENCE) check(name, keepsPresence(channel))
  for (const name of BY_LOG) check(name, logOf(channel) !== undefined)
}

function checkBytes(what: string, said: string | undefined, max: number): void {
  if (said === undefined || Buffer.byteLength(said) <= max) return
  throw new SluiceError('limit_exceeded', `${what} has more than ${max} bytes`)
}
