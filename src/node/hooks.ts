/**
 * The backend that has a say in who is let in, where the configuration names one. Part of the composition.
 */
import { askHttp } from '../drivers/http-client.ts'
import { matches } from '../protocol/channel.ts'
import type { HookPort } from '../session/ports.ts'
import { Hooks, type Question } from '../webhooks/hooks.ts'
import { newId, signed } from '../webhooks/words.ts'
import type { Base } from './base.ts'
import type { Stores } from './stores.ts'

const ANSWER_BYTES_MAX = 65_536
const NOT_AS_IT_SHOULD = 'the backend that is asked who may come in (hooks.url) does not answer as it should'
const NOBODY: HookPort = { mayConnect: () => undefined, maySubscribe: () => undefined }

export function createHooks({ config, clock, metrics, mistakes, failed }: Base, stores: Stores): HookPort {
  const { hooks } = config
  if (hooks === undefined) return NOBODY
  const { url, secret, channels, timeout } = hooks
  const { hookCalls } = metrics
  return new Hooks(
    {
      asksFor: (channel) => channels.some((pattern) => matches(pattern, channel)),
      ...{ connect: hooks.connect, timeoutMs: timeout, underWayMax: hooks.underWay },
      ...{ grantMs: hooks.grantFor, whenAway: hooks.whenAway },
    },
    {
      grants: stores.grants,
      clock,
      async ask(question: Question) {
        const request = signed(JSON.stringify(question), newId(), secret, clock.now())
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
}
