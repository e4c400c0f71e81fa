/**
 * The backend that has a say in who is let in, where the configuration names one. Part of the composition.
 */
import { PatternPermissions } from '../auth/permissions.ts'
import { askHttp } from '../drivers/http-client.ts'
import { isInbox, matches } from '../protocol/channel.ts'
import type { HookPort } from '../session/ports.ts'
import { Grants } from '../webhooks/granted.ts'
import { Hooks, type Question } from '../webhooks/hooks.ts'
import { newId, signed } from '../webhooks/words.ts'
import type { Base } from './base.ts'
import type { Stores } from './stores.ts'
import { requestOf } from './webhooks.ts'

const ANSWER_BYTES_MAX = 65_536
const NOT_AS_IT_SHOULD = 'the backend that is asked who may come in (hooks) does not answer as it should'
const NOBODY: HookPort = { mayConnect: () => undefined, asksFor: () => false, maySubscribe: () => undefined }

export function createHooks({ config, clock, metrics, mistakes, failed }: Base, stores: Stores): HookPort {
  const { hooks } = config
  if (hooks === undefined) return NOBODY
  const { url, subject = '', secret, channels, timeout } = hooks
  const { hookCalls } = metrics
  // His own inbox everybody has, whatever the patterns are.
  const asksFor = (channel: string): boolean =>
    !isInbox(channel) && channels.some((pattern) => matches(pattern, channel))
  const decided = new Hooks(
    {
      ...{ asksFor, connect: hooks.connect, timeoutMs: timeout, underWayMax: hooks.underWay },
      ...{ grantMs: hooks.grantFor, whenAway: hooks.whenAway },
    },
    {
      grants: stores.grants,
      clock,
      async ask(question: Question) {
        const request = signed(JSON.stringify(question), newId(), secret, clock.now())
        if (url === undefined) {
          const { headers, body } = request
          const { data } = await requestOf(stores, subject, Buffer.from(body), timeout, headers)
          if (data.length > ANSWER_BYTES_MAX)
            throw new Error(`its answer has more than ${ANSWER_BYTES_MAX} bytes`)
          return data.toString()
        }
        const { status, text } = await askHttp({
          ...{ url, ...request, method: 'POST', timeoutMs: timeout },
          answerBytesMax: ANSWER_BYTES_MAX,
        })
        if (status >= 200 && status < 300) return text
        throw new Error(`it answered ${status}`)
      },
      counts: {
        granted: () => hookCalls.granted.inc(),
        kept: () => hookCalls.kept.inc(),
        refused: () => hookCalls.refused.inc(),
        away: () => hookCalls.away.inc(),
      },
      warn: (why) => mistakes.warn(NOT_AS_IT_SHOULD, { why }),
      failed,
    },
  )
  const { subscribe, publish, history } = hooks.grants
  const grants = new Grants(new PatternPermissions(subscribe, publish, history))
  return {
    mayConnect: (user) => decided.mayConnect(user)?.then((answer) => grants.of(answer)),
    asksFor,
    maySubscribe: (user, channel) => decided.maySubscribe(user, channel)?.then(() => undefined),
  }
}
