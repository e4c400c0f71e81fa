/**
 * Which backends are told what happens.
 */
import * as z from 'zod'
import { isHookName, isSubject, isUrl } from './forms.ts'
import {
  duration,
  flag,
  integer,
  list,
  oneOf,
  option,
  optional,
  optionalSection,
  section,
  SECTIONS,
  text,
} from './option.ts'
import type { Frozen } from './frozen.ts'
import { isPattern } from '../protocol/channel.ts'

export const WEBHOOK_EVENTS = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'user_connected',
  'user_disconnected',
  'client_event',
  'cache_miss',
  'unacknowledged',
] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** What Pusher's libraries know, and an app can be told of. */
export const PUSHER_EVENTS: ReadonlySet<string> = new Set<WebhookEvent>([
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
])

const EVENTS_RULE = WEBHOOK_EVENTS.join(', ')
const NAME_RULE = 'a name is 1 to 64 of A-Z a-z 0-9 _ -'
const DEFAULT_EVENTS = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed']

const PATTERNS = 'channels, or the beginnings of channels followed by *'
const URL_TO_ASK = text('an http or https URL', isUrl('http', 'https'))
const SUBJECT = text('a subject of NATS without wildcards', isSubject)
const SECRET = text('a text of at least 16 characters', (secret) => secret.length >= 16)

const TARGET = z.strictObject({
  url: optional(URL_TO_ASK, {
    secret: 'credentials',
    doc: 'Where it is told over HTTP, by POST. Redirects are not followed.',
  }),
  subject: optional(SUBJECT, {
    doc: 'Where it is told over NATS instead: each request waits for an answer, which a stream of JetStream on the subject gives as well.',
  }),
  secret: optional(SECRET, {
    secret: 'whole',
    doc: 'What requests are signed with, as Standard Webhooks say: `whsec_` and base64, or any text. Needed with `url`, unless `app` is set.',
  }),
  app: optional(text('the id of an app of dialects.pusher.apps'), {
    doc: 'The app of Pusher that it belongs to: it is told of the channels of that app only, in the words of Pusher, signed by the first key of the app.',
  }),
  events: option(list(EVENTS_RULE, isEvent), DEFAULT_EVENTS, { doc: 'What it is told of.' }),
  channels: option(list(PATTERNS, isPattern), ['*'], {
    doc: 'Of which channels. What is about no channel (`user_…`, `unacknowledged`) does not go by this.',
  }),
})

export type WebhookTarget = Frozen<z.output<typeof TARGET>>

const targets = z
  .record(
    z.string().refine((name) => isHookName(name)),
    TARGET,
  )
  .prefault({})
  .register(SECTIONS, {
    doc: 'The backends, each under a name: by that it is remembered how far one has been told, so keep it where the URL changes.',
    each: {
      shape: TARGET.shape,
      keyIs: 'a name',
      keyRule: NAME_RULE,
      intro: 'Each backend has these keys.',
    },
  })
export function webhooksSection() {
  return section('What backends are told of by themselves: see docs/webhooks.md.', {
    targets,
    timeout: option(duration('100ms', '1m'), '10s', { doc: 'How long a backend has to answer.' }),
    giveUpAfter: option(duration('1s', '7d'), '5m', {
      doc: 'So long after the first failure what a backend refuses becomes a dead letter. Until then it is told again, after 1 s, 2 s and so on up to 1 min.',
    }),
    endsAfter: option(duration('0ms', '10m'), '3s', {
      doc: 'How long a channel may have nobody, or a user be away, before it is told: who is back by then was never gone.',
    }),
    movesWithin: option(duration('0ms', '1h'), '30s', {
      doc: 'The same for those whom a node that is drained or ends sends elsewhere.',
    }),
    unacknowledgedAfter: option(duration('1s', '1d'), '30s', {
      doc: 'So long after a durable message to a user that he has not acknowledged it is told.',
    }),
    backlog: option(integer({ min: 1000, max: 10_000_000 }), 100_000, {
      doc: 'How many events wait for backends at most; of more the oldest are dropped, counted and logged.',
    }),
  })
}

export function hooksSection() {
  return optionalSection('Questions to a backend before a client is let in. Absent: tokens decide alone.', {
    url: optional(URL_TO_ASK, {
      secret: 'credentials',
      doc: 'Whom to ask, by POST. Redirects are not followed. Either this or `subject`.',
    }),
    subject: optional(SUBJECT, {
      doc: 'Where to ask over NATS instead, by a request.',
    }),
    secret: optional(SECRET, {
      secret: 'whole',
      doc: 'What questions are signed with, as webhooks are. Needed with `url`.',
    }),
    grants: section(
      'How far the answer to who connects may go beyond the token: what its `permissions` name is good where the token allows it, or this does.',
      {
        subscribe: option(list(PATTERNS, isPattern), [], {
          doc: 'The channels that it may let subscribe to.',
        }),
        publish: option(list(PATTERNS, isPattern), [], { doc: 'The channels that it may let publish to.' }),
        history: option(list(PATTERNS, isPattern), [], {
          doc: 'The channels whose log it may let page through.',
        }),
      },
    ),
    connect: option(flag(), false, { doc: 'Whether it is asked whether a user may connect.' }),
    channels: option(list(PATTERNS, isPattern), [], {
      doc: 'The channels that it is asked for when a user subscribes whose token allows it.',
    }),
    timeout: option(duration('50ms', '30s'), '2s', { doc: 'How long it has to answer.' }),
    underWay: option(integer({ min: 1, max: 10_000 }), 64, {
      doc: 'How many questions of a node may be under way; others wait for their turn, up to `timeout`.',
    }),
    grantFor: option(duration('1s', '30d'), '1d', {
      doc: 'How long a yes is good, on all nodes, unless the answer says so itself (`ttl`, in seconds).',
    }),
    whenAway: option(oneOf(['refuse', 'token'] as const), 'refuse', {
      doc: 'What is done where it does not answer: clients are refused and come again, or the token decides.',
    }),
  })
}

function isEvent(name: string): boolean {
  return (WEBHOOK_EVENTS as readonly string[]).includes(name)
}
