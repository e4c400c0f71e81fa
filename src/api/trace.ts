/**
 * GET /v1/users/{user}/trace: follows a user across the cluster, as an event stream for as long as was asked.
 */
import * as z from 'zod'
import type { ApiRequest, ApiStream, Route } from './route.ts'
import { count, field, Query, time } from './takes.ts'
import { isUserId, USER_RULE } from '../auth/identity.ts'
import type { TraceEnd, Traces } from '../cluster/traces.ts'
import { durationText } from '../config/units.ts'
import { SluiceError } from '../errors.ts'

const PATH = '/v1/users/{user}/trace'
const FOR_DEFAULT = '60s'
const FOR_MAX_MS = 3_600_000
const EVENTS_DEFAULT = 10_000
const EVENTS_MAX = 100_000

export const TRACE_QUERY = new Query(() =>
  z.object({
    for: field(
      time(z.string(), 1000, FOR_MAX_MS).prefault(FOR_DEFAULT),
      `is a time from 1s to ${durationText(FOR_MAX_MS)}, such as 10m`,
      'For how long, such as 10m.',
    ),
    events: field(
      count(EVENTS_MAX).prefault(EVENTS_DEFAULT),
      `is a number from 1 to ${EVENTS_MAX}`,
      'No more than so many.',
    ),
    payloads: field(
      z.preprocess(flagOf, z.boolean()).prefault(false),
      'is true or false',
      'Whether to tell what messages say, up to 4 KiB each.',
    ),
  }),
)

export interface TracePorts {
  readonly nodeId: string
  readonly traces: Pick<Traces, 'check' | 'start'>
}

interface Asked {
  readonly user: string
  readonly forMs: number
  readonly eventsMax: number
  readonly payloads: boolean
}

export function traceRoute({ nodeId, traces }: TracePorts): Route {
  return {
    method: 'GET',
    path: PATH,
    scope: 'admin',
    audit: 'follow a user',
    handle(request) {
      const asked = readAsked(request)
      traces.check()
      return {
        status: 200,
        stream(stream) {
          const { forMs, eventsMax, payloads } = asked
          stream.write(
            eventOf({ type: 'following', node: nodeId, user: asked.user, forMs, eventsMax, payloads }),
          )
          follow(asked, traces, stream)
        },
      }
    },
  }
}

function follow(asked: Asked, traces: Pick<Traces, 'start'>, stream: ApiStream): void {
  let unread = 0
  const reader = {
    lines(lines: readonly string[]) {
      // What is written to one who does not read stays in this process.
      if (stream.slow) {
        unread += lines.length
        return
      }
      const before = unread === 0 ? '' : eventOf({ type: 'left out', node: '', events: unread })
      unread = 0
      stream.write(before + lines.map((line) => `data: ${line}\n\n`).join(''))
    },
    over(why: TraceEnd | 'busy') {
      stream.write(eventOf({ type: 'over', why }))
      stream.end()
    },
  }
  try {
    stream.onGone(traces.start(asked, reader))
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    // Another one has begun since there was room.
    reader.over('busy')
  }
}

function eventOf(event: object): string {
  return `data: ${JSON.stringify(event)}\n\n`
}

function flagOf(text: unknown): unknown {
  return text === 'true' ? true : text === 'false' ? false : text
}

function readAsked(request: ApiRequest): Asked {
  const { user } = request.params
  if (!isUserId(user)) throw new SluiceError('bad_request', `the user in the path must be ${USER_RULE}`)
  const { for: forMs, events: eventsMax, payloads } = TRACE_QUERY.read(request)
  return { user, forMs, eventsMax, payloads }
}
