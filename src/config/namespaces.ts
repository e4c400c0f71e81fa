/**
 * Policies by namespace: what applies to a channel is decided by what its name begins with.
 */
import * as z from 'zod'
import { isNamespace } from './forms.ts'
import { duration, flag, inherited, integer, oneOf, OPTIONS, SECTIONS } from './option.ts'

const DELIVERIES = ['ephemeral', 'replay', 'durable'] as const
const SLOW_CONSUMERS = ['catch-up', 'conflate', 'disconnect'] as const
const CLIENT_PUBLISHES = ['deny', 'fanout', 'forward'] as const
const ON_LOG_FAILURES = ['refuse', 'ephemeral'] as const

export const POLICY = z.strictObject({
  delivery: inherited(oneOf(DELIVERIES), 'replay', {
    doc: '`ephemeral`: delivered to who is there. `replay`: kept for a short time, so that who was away gets what was missed. `durable`: kept until acknowledged.',
  }),
  ttl: inherited(duration('1s', '365d'), '60s', { doc: 'How long a message is kept for replay.' }),
  max: inherited(integer({ min: 1, max: 1_000_000 }), 1000, {
    doc: 'How many messages of one channel are kept for replay. On a durable channel, how many of those kept a user gets who has acknowledged none.',
  }),
  idempotency: inherited(duration('1s', '1d'), '2m', {
    doc: 'How long the `id` of a message is remembered, so that a repeated publish is answered but not repeated.',
  }),
  presence: inherited(flag(), false, { doc: 'Whether it is known who is in a channel.' }),
  slowConsumer: inherited(oneOf(SLOW_CONSUMERS), 'catch-up', {
    doc: 'What becomes of a client that reads too slowly: it catches up at its own pace, gets only the newest message, or is closed with 4508.',
  }),
  clientPublish: inherited(oneOf(CLIENT_PUBLISHES), 'deny', {
    doc: "What becomes of a client's publish: refused, sent to the subscribers, or forwarded to a backend.",
  }),
  onLogFailure: inherited(oneOf(ON_LOG_FAILURES), 'refuse', {
    doc: 'What a publish is while the log cannot be reached: refused, or delivered without being kept.',
  }),
})

/** What applies to the channels of a namespace. Every key is set. */
export type NamespacePolicy = Readonly<Required<z.output<typeof POLICY>>>

/** Policies by namespace, each complete: what a namespace does not set is taken from `*`. */
export interface Namespaces {
  readonly '*': NamespacePolicy
  /** The inboxes. */
  readonly '@': NamespacePolicy
  readonly [namespace: string]: NamespacePolicy
}

/** An inbox is for users who are away: its messages are kept longer than a channel's. */
const INBOX_TTL = '10m'

const NAMESPACE_RULE =
  "a namespace is *, @, or the part of a channel's name before its first colon: A-Z a-z 0-9 _ - . @ / = + $, without @ first, a dot first or last, or two dots together"

export const namespaces = z
  .record(
    z.string().refine((name) => isNamespace(name)),
    POLICY,
  )
  .prefault({})
  .transform(resolveNamespaces)
  .register(SECTIONS, {
    doc: "Policies by namespace: what is before the first `:` of a channel's name. `*` is the default, from which every other namespace takes what it does not set; `@` stands for the inboxes.",
    each: {
      shape: POLICY.shape,
      keyIs: 'a namespace',
      keyRule: NAMESPACE_RULE,
      intro: `Each namespace has these keys; the defaults are those of \`*\`. The \`ttl\` of \`@\` is ${INBOX_TTL} unless \`@\` itself sets it.`,
    },
  })

function resolveNamespaces(given: Readonly<Record<string, z.output<typeof POLICY>>>): Namespaces {
  const base: NamespacePolicy = { ...policyDefaults(), ...given['*'] }
  const inbox: NamespacePolicy = {
    ...base,
    ttl: POLICY.shape.ttl.parse(INBOX_TTL),
    ...given['@'],
  }
  const others = Object.entries(given).map(([name, own]) => [name, { ...base, ...own }] as const)
  // The default first: whoever looks for the source of a value that all have taken from it finds it there.
  return { '*': base, ...Object.fromEntries(others), '@': inbox }
}

/** From the table above, so that a default is written once. */
function policyDefaults(): NamespacePolicy {
  const entries = Object.entries(POLICY.shape).map(([key, schema]) => [
    key,
    schema.parse(OPTIONS.get(schema)?.initialInput),
  ])
  return Object.fromEntries(entries) as NamespacePolicy
}
