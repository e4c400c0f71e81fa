/**
 * What a node says and hears over NATS by its configuration, tried so that nobody notices: on subjects that nobody has a use for, or with
 * what their reader refuses. docs/nats.md has the same as permissions.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Finding } from './findings.ts'
import type { Config } from '../../config/schema.ts'
import type { NatsLink } from '../../drivers/nats.ts'
import { SluiceError } from '../../errors.ts'

const WHAT = 'NATS permissions'
/** What a server refuses it says a moment later. */
const REFUSAL_MS = 300
const FLUSH_MS = 5000
/** No channel, node or consumer has this name. */
const NOBODY = 'doctor-7c1e52b09f3d4a68'
/** What a stream does not store, since it is meant for another one. */
const FOR_NO_STREAM = { 'Nats-Expected-Stream': NOBODY }
const STREAMS = ['SLUICE', 'KV_sluice-acks']
const NOTHING = Buffer.alloc(0)
const ignore = (): void => undefined

export interface NatsNeeds {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  /** To these nothing can be said that has no effect: they are not tried. */
  readonly untried: readonly string[]
}

/** Pure. */
export function natsNeeds({ node, namespaces }: Pick<Config, 'node' | 'namespaces'>): NatsNeeds {
  const all = Object.values(namespaces)
  const durable = all.some(({ delivery }) => delivery === 'durable')
  const forwards = all.some(({ clientPublish }) => clientPublish === 'forward')
  const answersBackends = node.role !== 'edge'
  return {
    publish: [
      ...[`sluice.ch.${NOBODY}`, `sluice.node.${NOBODY}`],
      ...(answersBackends ? [`_INBOX.${NOBODY}`] : []),
      ...(durable ? [`sluice.log.${NOBODY}`, `$KV.sluice-acks.${NOBODY}`, ...streamRequests()] : []),
    ],
    subscribe: [
      ...[`sluice.ch.${NOBODY}`, `sluice.node.${NOBODY}`, 'sluice.all', `sluice.reply.${NOBODY}`],
      ...(answersBackends ? ['sluice.publish.>', 'sluice.subscribe.>', 'sluice.unsubscribe.>'] : []),
      ...(durable ? [`sluice.durable.${NOBODY}`] : []),
    ],
    untried: ['sluice.all', ...(forwards ? ['sluice.inbound.>'] : [])],
  }
}

/** Without a subject for the answer none of them is carried out. */
function streamRequests(): string[] {
  const [log] = STREAMS
  return [
    ...STREAMS.flatMap((stream) => [
      ...['STREAM.INFO', 'STREAM.CREATE', 'STREAM.UPDATE', 'STREAM.MSG.GET', 'DIRECT.GET'].map(
        (request) => `$JS.API.${request}.${stream}`,
      ),
      `$JS.API.DIRECT.GET.${stream}.${NOBODY}`,
    ]),
    `$JS.API.CONSUMER.CREATE.${log}`,
    ...['CREATE', 'DELETE', 'MSG.NEXT'].map((request) => `$JS.API.CONSUMER.${request}.${log}.${NOBODY}`),
  ]
}

/** `refused`: the server's sentences, which `link` goes on adding to. */
export async function permissionFindings(
  link: Pick<NatsLink, 'publish' | 'subscribe' | 'flush'>,
  refused: readonly string[],
  needs: NatsNeeds,
): Promise<Finding[]> {
  for (const subject of needs.publish) link.publish(subject, NOTHING, FOR_NO_STREAM)
  for (const subject of needs.subscribe) link.subscribe(subject, {}, ignore).unsubscribe()
  try {
    await link.flush(FLUSH_MS)
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    // It has not refused anything, since it has not heard all of it.
    return [{ what: WHAT, status: 'fail', says: error.message, change: 'ask again once NATS answers' }]
  }
  await delay(REFUSAL_MS)
  return [permissionFinding(needs, refused)]
}

/** Pure. `refused`: sentences such as `Permissions Violation for Publish to "sluice.all"`. */
export function permissionFinding(needs: NatsNeeds, refused: readonly string[]): Finding {
  const denied = (kind: string, subjects: readonly string[]): string[] =>
    subjects.filter((subject) => refused.some((text) => text.includes(kind) && text.includes(`"${subject}"`)))
  const unsaid = denied('Publish', needs.publish)
  const unheard = denied('Subscription', needs.subscribe)
  const others = refused.filter(
    (text) => ![...unsaid, ...unheard].some((subject) => text.includes(`"${subject}"`)),
  )
  const list = (subjects: readonly string[]): string => subjects.join(', ').replaceAll(NOBODY, '*')
  const says = [
    ...(unsaid.length > 0 ? [`may not publish to ${list(unsaid)}`] : []),
    ...(unheard.length > 0 ? [`may not subscribe to ${list(unheard)}`] : []),
    ...others,
  ]
  if (says.length === 0)
    return {
      ...{ what: WHAT, status: 'ok' },
      says: `${needs.publish.length + needs.subscribe.length} subjects of a node are allowed; not tried: publishing to ${needs.untried.join(', ')}`,
    }
  return {
    what: WHAT,
    status: 'fail',
    says: says.join('; '),
    change: 'the permissions of docs/nats.md for the user of nodes',
  }
}
